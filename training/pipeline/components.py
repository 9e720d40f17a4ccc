"""The steps as components: each declares its artefacts and calls its namesake in `training.pipeline.steps`.

kfp takes a component's source text by itself, so everything that a body needs is imported in it.
"""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output

# Stands in the compiled pipeline until `submit --image` names one that a cluster can pull.
IMAGE = "image-classifiers/training:dev"
component = dsl.component(base_image=IMAGE, install_kfp_package=False)


@component
def data(config: str, data: str, dataset: Output[Dataset]):
    """Bring the pictures."""
    from training.pipeline import steps

    steps.data(config, data, dataset)


@component
def check(
    config: str,
    candidates: list,
    drop: str,
    dataset: Input[Dataset],
    audit: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
):
    """Look for broken, doubled and doubtful pictures, and at every candidate."""
    from training.pipeline import steps

    steps.check(config, candidates, drop, dataset, audit=audit, metrics=metrics, report=report)


@component
def current(
    config: str,
    repository: str,
    branch: str,
    against: str,
    judge: str,
    audit: Input[Artifact],
    version: Output[Model],
) -> NamedTuple("Current", [("number", int), ("branch", str)]):
    """Take the version that is there from Git."""
    from training.pipeline import steps

    return steps.current(config, repository, branch, against=against, judge=judge, audit=audit, version=version)


@component
def train(config: str, candidate: str, drop: str, dataset: Input[Dataset], audit: Input[Artifact], run: Output[Model]):
    """Train a candidate, unless the same was trained before."""
    from training.pipeline import steps

    steps.train(config, candidate, drop, dataset, audit, run=run)


@component
def evaluate(run: Input[Model], metrics: Output[Metrics], confusion: Output[ClassificationMetrics]):
    """Show how a candidate does on the validation split."""
    from training.pipeline import steps

    steps.evaluate(run, metrics=metrics, confusion=confusion)


@component
def choose(candidates: Input[list[Model]], metric: str, champion: Output[Model], table: Output[Markdown]):
    """Take the candidate that the validation split says is the best."""
    from training.pipeline import steps

    steps.choose(candidates, metric, champion=champion, table=table)


@component
def export(champion: Input[Model], number: int, model: Output[Model]):
    """Write the champion as a version by contract 1."""
    from training.pipeline import steps

    steps.export(champion, number, model=model)


@component
def gates(
    model: Input[Model],
    version: Input[Model],
    dataset: Input[Dataset],
    judge: str,
    margin: float,
    passed: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
):
    """Hold the version to its goldens and to the version that is there."""
    from training.pipeline import steps

    steps.gates(model, version, dataset, judge=judge, margin=margin, passed=passed, metrics=metrics, report=report)


@component
def report(
    model: Input[Model],
    dataset: Input[Dataset],
    judge: str,
    page: Output[HTML],
    metrics: Output[Metrics],
    curves: Output[ClassificationMetrics],
):
    """Look at the version from every side."""
    from training.pipeline import steps

    steps.report(model, dataset, judge=judge, page=page, metrics=metrics, curves=curves)


@component
def promote(
    model: Input[Model],
    passed: Input[Artifact],
    table: Input[Markdown],
    repository: str,
    branch: str,
    pull_request: bool,
    text: Output[Markdown],
) -> str:
    """Leave the version as a commit on a branch."""
    from training.pipeline import steps

    return steps.promote(
        model, passed, table, repository=repository, branch=branch, pull_request=pull_request, text=text
    )

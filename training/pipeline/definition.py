"""The pipeline: which step waits for which, what is kept, and what is tried again."""

from kfp import dsl, kubernetes
from kfp.dsl import Collected, ParallelFor, PipelineTask

from training.pipeline import components

NAME = "pictures-to-commit"
CANDIDATES = ["learning-rate=1e-4", "learning-rate=3e-4", "learning-rate=1e-3"]
# A secret with the key `token`, of somebody who may push branches; none is needed for a repository on this machine.
GIT_SECRET = "pipeline-git"  # noqa: S105 - its name


def _transient(task: PipelineTask, times: int) -> PipelineTask:
    """Try a step again that a lost node or connection may have ended; what is wrong with pictures stays wrong."""
    return task.set_retry(times, backoff_duration="10s", backoff_factor=2.0, backoff_max_duration="120s")


def _fresh(task: PipelineTask) -> PipelineTask:
    """Never take a step's result from the cache: it looks at Git, or changes it."""
    return task.set_caching_options(enable_caching=False)


@dsl.pipeline(name=NAME, description="Train candidates, choose one, prove it, and leave it as a commit on a branch.")
def pictures_to_commit(
    config: str = "fashion-mnist",
    data: str = "",
    candidates: list = CANDIDATES,
    drop: str = "",
    metric: str = "log-loss",
    repository: str = "",
    branch: str = "",
    against: str = "",
    judge: str = "",
    margin: float = 0.0,
    pull_request: bool = False,
) -> str:
    """Go from pictures to a commit.

    Args:
        config: an experiment of training/configs/.
        data: its pictures; the experiment's own data set if empty.
        candidates: what is trained, each as `training.candidates` reads it.
        drop: list of pictures to leave out, or "auto".
        metric: of the validation split, that chooses: log-loss or accuracy.
        repository: working tree, or address to clone from, that gets the branch.
        branch: its name; model/NAME-NUMBER if empty.
        against: directory of the version to beat, "none", or empty for the newest of the repository.
        judge: pictures that no version was fitted on; the test split of `data` if empty.
        margin: it is enough to be less than this worse, as a share; 0 asks for better.
        pull_request: push the branch and ask for its merge by gh.
    Returns: the branch.
    """
    brought = _transient(components.data(config=config, data=data), 2)
    dataset = brought.outputs["dataset"]
    checked = components.check(config=config, candidates=candidates, drop=drop, dataset=dataset)
    audit = checked.outputs["audit"]
    there = _fresh(
        components.current(
            config=config, repository=repository, branch=branch, against=against, judge=judge, audit=audit
        )
    )
    # Parameters of a loop's steps are the pipeline's own: kfp.local 2.17 puts the loop's item in place of any other.
    with ParallelFor(candidates, name="candidates") as candidate:
        trained = components.train(config=config, candidate=candidate, drop=drop, dataset=dataset, audit=audit)
        trained.after(there)  # a branch that cannot be made is found before hours of training
        _transient(trained, 2).set_cpu_request("2").set_memory_request("4G")
        components.evaluate(run=trained.outputs["run"])
    chosen = components.choose(candidates=Collected(trained.outputs["run"]), metric=metric)
    exported = components.export(champion=chosen.outputs["champion"], number=there.outputs["number"])
    model = exported.outputs["model"]
    held = _fresh(
        components.gates(model=model, version=there.outputs["version"], dataset=dataset, judge=judge, margin=margin)
    )
    components.report(model=model, dataset=dataset, judge=judge).after(held)
    promoted = _fresh(
        components.promote(
            model=model,
            passed=held.outputs["passed"],
            table=chosen.outputs["table"],
            repository=repository,
            branch=there.outputs["branch"],
            pull_request=pull_request,
        )
    )
    for task in (there, promoted):
        kubernetes.use_secret_as_env(task, GIT_SECRET, {"token": "GH_TOKEN"}, optional=True)
    return promoted.outputs["Output"]

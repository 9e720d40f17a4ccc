"""Every rule about manifests: sound ones pass it, and its fixture turns it red and no other.

A fixture of tests/fixtures/invalid is called after its mistake and opens with comments: the mistake in a sentence, then
    # rule: the rule that it breaks
    # overlay: the overlay that it is laid over; the file is a Component and further objects (rendering.render, extra)
    # at: or else the place in the tree where the file itself is put
    # also: another rule that cannot but turn red too, and why
"""

import copy
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.manifests.model import Repository, name_of
from tools.manifests.rendering import ENVIRONMENTS, ROOT, SOURCES, WORKERS, render, render_all
from tools.manifests.rules import rules

FOLDER = ROOT / "tests/fixtures/invalid"
RULES = {each.name: each for each in rules()}


ONE_MODEL = 'model_config_list { config { name: "pizza" base_path: "/models/pizza" } }'
GATEWAYS = {"matchLabels": {"app.kubernetes.io/name": "gateway"}}


class Fixture(NamedTuple):
    path: Path
    rule: str
    overlay: str
    at: str
    also: tuple[str, ...]


def read(path: Path) -> Fixture:
    head = re.findall(r"^# (rule|overlay|at|also): (.+)$", path.read_text(), re.MULTILINE)
    said = dict(head)
    also = tuple(value.partition(",")[0] for key, value in head if key == "also")
    return Fixture(path, said["rule"], said.get("overlay", ""), said.get("at", ""), also)


FIXTURES = [read(path) for path in sorted(FOLDER.iterdir())]


@pytest.fixture(scope="module")
def builds(request):
    """The chosen fixtures over their overlays, built at once: a future each."""
    chosen = [item.callspec.params.get("fixture") for item in request.session.items if hasattr(item, "callspec")]
    with ThreadPoolExecutor(WORKERS) as pool:
        yield {
            fixture: pool.submit(render, fixture.overlay, extra=fixture.path)
            for fixture in chosen
            if isinstance(fixture, Fixture) and fixture.overlay
        }


@pytest.fixture(scope="module")
def overlays():
    """The overlays as they are."""
    return {environment: render(environment) for environment in ENVIRONMENTS}


@pytest.fixture(scope="module")
def sound(overlays):
    """What rules about the repository find without a mistake: nothing, but for what only a component needs."""
    return of_repository(Repository(ROOT, tuple(overlays.values())))


def of_repository(repository):
    return {each for rule in RULES.values() for each in rule.judge_repository(repository)}


def put(fixture, tree):
    """Copy the repository's sources to a folder, with the fixture among them."""
    for source in SOURCES:
        (tree / source).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copyfile)(ROOT / source, tree / source)
    (tree / fixture.at).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(fixture.path, tree / fixture.at)


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.path.stem)
def test_a_mistake_turns_its_rule_red_and_no_other(fixture, builds, overlays, sound, tmp_path):
    """Each fixture breaks the rule that it names, and breaks no other rule unless it says why."""
    if fixture.at:
        put(fixture, tmp_path)
        found = of_repository(Repository(tmp_path)) - sound
    elif RULES[fixture.rule].repository_check:
        renderings = {**overlays, fixture.overlay: builds[fixture].result()}
        found = of_repository(Repository(ROOT, tuple(renderings.values()))) - sound
    else:
        found = {each for rule in RULES.values() for each in rule.judge(builds[fixture].result())}
    assert {fixture.rule, *fixture.also} == {each.rule for each in found}, "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("rule", "environment", "subject", "path", "value"),
    [
        ("model-list", "prod", "ConfigMap/models", "data", {"models.config": ONE_MODEL}),  # promoted before the others
        ("one-owner-of-replicas", "kind", "Deployment/gateway", "spec.replicas", 2),  # kind has no autoscaler
        ("budget-lets-go", "prod", "PodDisruptionBudget/gateway", "spec", {"minAvailable": 1, "selector": GATEWAYS}),
        ("stable-api", "prod", "Service/gateway", "apiVersion", "keda.sh/v1alpha1"),  # not Kubernetes' own
        ("keep-serving", "prod", "Deployment/gateway", "spec.strategy.rollingUpdate.maxUnavailable", 4),  # of five
        ("hashed-config", "prod", "ConfigMap/models", "metadata", {"name": "a", "labels": {"grafana_dashboard": "1"}}),
        ("no-secret-needed", "prod", "Deployment/gateway", "spec.template.spec.imagePullSecrets", []),
    ],
)
def test_what_is_no_mistake_passes(overlays, rule, environment, subject, path, value):  # noqa: PLR0917 - a table
    """A rule asks for no more than it says."""
    objects = copy.deepcopy(overlays[environment].objects)
    target = next(each for each in objects if name_of(each).startswith(subject))
    *way, last = path.split(".")
    for key in way:
        target = target[key]
    assert target.get(last) != value
    target[last] = value
    assert [] == RULES[rule].judge(replace(overlays[environment], objects=objects))


def test_every_rule_has_a_fixture_and_every_fixture_a_rule():
    """A rule that nothing was seen to break is no rule."""
    assert set(RULES) == {fixture.rule for fixture in FIXTURES}


def test_every_fixture_says_what_it_is():
    """A fixture opens with its mistake in a sentence, says one place to go to, and why another rule turns red."""
    for fixture in FIXTURES:
        text = fixture.path.read_text()
        assert re.match(r"# .{15,}\n# ", text), fixture.path.name
        assert 1 == bool(fixture.overlay) + bool(fixture.at), fixture.path.name
        assert all(", because " in line for line in text.splitlines() if line.startswith("# also: ")), fixture.path.name


def test_every_combination_of_overlays_and_components_passes_every_rule():
    """What is in Git breaks no rule, however components are combined."""
    repository = Repository(ROOT, tuple(render_all()))
    found = [each for rule in RULES.values() for each in rule.judge_repository(repository)]
    found += [each for rule in RULES.values() for rendering in repository.renderings for each in rule.judge(rendering)]
    assert [] == [str(each) for each in found]

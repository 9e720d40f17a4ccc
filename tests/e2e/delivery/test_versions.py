"""(b) A new model version under load. (c) A bad one is stopped, and its revert heals. (g) A canary by label."""

import os
import time

import pytest

from gateway.goldens import read_golden
from tests.e2e.delivery.conftest import steady
from tests.e2e.delivery.environment import REVISION, until
from tests.e2e.delivery.releases import NEW, tags
from tools.models import MODELS, versions

MODEL = "fashion-mnist"  # the small one: two cores hold 50 of its requests a second beside a rollout
BEFORE = versions(MODEL)[-1]
RATE = float(os.environ.get("E2E_RATE", "50"))  # for machines that hold less
WHY = {"broken-graph": "model.tflite", "missing-variables": "SavedModel", "wrong-labels": "has labels"}


def picture(model):
    return read_golden(MODELS / model / str(versions(model)[-1])).pictures[0]


def test_a_new_version_costs_no_request(built, repository, timed, page, figures):
    """Every request is answered, by the old version and then by the new one."""
    with page.load(MODEL, picture(MODEL), RATE) as load:
        steady(load, 20)
        begin_s = load.elapsed_s
        repository.name_images(tags("good"))
        timed(f"{MODEL} {NEW[MODEL]}", f"(b) {MODEL} {BEFORE} -> {NEW[MODEL]}, push to verified")
        steady(load, begin_s + 60)
    before, during = load.between(5, begin_s), load.between(begin_s)
    figures.phase("(b) steady", before)
    figures.phase("(b) new version under load", during, before)
    assert {} == during.failures
    assert {BEFORE, NEW[MODEL]} == set(during.versions)
    assert {NEW[MODEL]} == {one.version for one in during.outcomes[-100:]}
    timed(None, "(b) rollback to verified")
    assert BEFORE == page.predict(MODEL, picture(MODEL))["model"]["version"]


@pytest.mark.usefixtures("built", "impatient")
def test_bad_versions_are_stopped(repository, deployment, timed, page, figures):
    """Their pods get no request: the old ones answer all, the sync is red, and a revert heals."""
    said = {}
    with page.load(MODEL, picture(MODEL), 10) as load:
        for release in WHY:
            repository.name_images(tags(release))
            begin = time.monotonic()
            bad = repository.commit(f"{MODEL} {NEW[MODEL]}, with {release}")
            deployment.wait_refused(bad)
            figures.add(f"(c) {release}: push to red", time.monotonic() - begin, "s")
            new = [pod for pod in deployment.pods("model-server") if pod.metadata.annotations[REVISION] == bad]
            said[release] = "".join(deployment.log(pod, one) for pod in new for one in ("model-server", "proof"))
        timed(None, "(c) rollback to verified", revert=len(WHY))
        steady(load, load.elapsed_s + 3)
    answers = load.between()
    figures.phase("(c) three bad versions and a rollback", answers)
    assert {} == answers.failures, [one for one in answers.outcomes if one.answer != "200"]
    assert {BEFORE} == set(answers.versions)
    assert [] == [release for release, why in WHY.items() if why not in said[release]], said


def test_a_rollback_does_not_wait_for_the_commit_that_it_takes_back(built, repository, deployment, timed):
    """The sync of a bad commit would hang for minutes; the next push ends it."""
    repository.name_images(tags("wrong-labels"))
    bad = repository.commit(f"{MODEL} {NEW[MODEL]}, with wrong labels")
    until(lambda: deployment.operation(bad) == "Running", 60, "the sync to begin")
    until(lambda: len(deployment.pods("model-server")) > 1, 60, "a new pod")
    timed(None, "(c) rollback from a sync that hangs, to verified")


def test_a_canary_gets_its_share_and_is_promoted_by_a_commit(built, repository, timed, page, figures):
    """One in ten requests goes to the version that is labelled so; the next commit gives it all of them."""
    new, old = NEW["pizza"], versions("pizza")[-1]
    folder = "components/canary"
    repository.edit(
        f"{folder}/canary.config",
        (f"versions: {old} }}", f"versions: {old} versions: {new} }}"),
        (f'key: "canary" value: {old}', f'key: "canary" value: {new}'),
    )
    repository.name_images(tags("canary"))
    repository.edit("overlays/kind/kustomization.yaml", ("components:\n", f"components:\n  - ../../{folder}\n"))
    timed(f"pizza {new} as a canary", "(g) canary, push to verified")
    with page.load("pizza", picture("pizza"), 10) as load:  # the large model: a core and a half
        steady(load, 40)
    answers = load.between()
    figures.phase("(g) canary", answers)
    share = answers.versions[new] / answers.sent
    figures.add("(g) canary's share of 10 %", 100 * share, "%")
    assert {} == answers.failures
    # Four standard deviations of a binomial share.
    assert share == pytest.approx(0.1, abs=4 * (0.1 * 0.9 / answers.sent) ** 0.5)
    repository.edit("overlays/kind/kustomization.yaml", (f"  - ../../{folder}\n", ""))
    timed(f"pizza {new}", "(g) canary promoted, push to verified")
    assert {new} == {page.predict("pizza", picture("pizza"))["model"]["version"] for _ in range(20)}
    timed(None, "(g) both taken back, to verified", revert=2)
    assert old == page.predict("pizza", picture("pizza"))["model"]["version"]

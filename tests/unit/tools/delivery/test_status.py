"""`status` tells what runs where, from a cluster where one answers and from Git in any case."""

import json

from tests.unit.tools.delivery.conftest import ONE, TWO, running
from tools.delivery import cluster


def entries(sandbox):
    status, out, said = sandbox.run("status", "--json")
    assert 0 == status, said
    return {entry["environment"]: entry for entry in json.loads(out)}


def test_without_a_cluster_git_tells(sandbox):
    """Before the first promotion prod has nothing; after it, its digests, models and the commit are told."""
    built = sandbox.git("rev-parse", "HEAD")
    assert {"revision": built, "digests": {}, "promotion": None, "models": {}} == entries(sandbox)["prod"]["git"]
    commit = sandbox.promoted(ONE)
    prod = entries(sandbox)["prod"]
    assert (ONE, {"pizza": 2, "clothing": 1, "fashion-mnist": 1}) == (prod["git"]["digests"], prod["git"]["models"])
    assert (commit, built) == (prod["git"]["promotion"]["commit"], prod["git"]["promotion"]["source"])
    assert (None, "kubectl is not on PATH") == (prod["cluster"], prod["reason"])
    _, out, _ = sandbox.run("status")
    assert f"prod: promoted from {built[:10]} by {commit[:10]}, " in out
    assert "kind: (as Git has it) kubectl is not on PATH" in out


def test_models_are_those_in_the_images(sandbox):
    """A version that was pushed after the promotion is in kind's models, not in prod's."""
    sandbox.promoted(ONE)
    sandbox.new_version("pizza", 3, lambda card, golden: None)
    sandbox.commit()
    found = entries(sandbox)
    assert (3, 2) == tuple(found[name]["git"]["models"]["pizza"] for name in ("kind", "prod"))
    sandbox.promoted(TWO)
    assert 3 == entries(sandbox)["prod"]["git"]["models"]["pizza"]
    sandbox.run("rollback", "prod", "--reason", "worse")
    assert 2 == entries(sandbox)["prod"]["git"]["models"]["pizza"]


def test_a_cluster_tells_what_runs(sandbox, kubectl):
    """Revision, images, ready pods, models, sync, health and verification come from the cluster."""
    head = sandbox.git("rev-parse", "HEAD")
    kubectl(running(head))
    found = entries(sandbox)
    kind = found["kind"]["cluster"]
    assert (head, "Synced", "Healthy", "yes") == tuple(kind[key] for key in ("revision", "sync", "health", "verified"))
    assert {"gateway": "gateway:dev", "model-server": "model-server:dev"} == kind["images"]
    assert {"gateway": "2/2", "model-server": "2/2"} == kind["pods"]
    assert 2 == kind["models"]["pizza"]
    assert "kubectl's cluster has no applications classifiers-prod in argocd" == found["prod"]["reason"]
    row = sandbox.run("status")[1].splitlines()[1]
    assert ["kind", head[:10], "dev", "2/2", "dev", "2/2", "pizza", "2,"] == row.split()[:8]
    assert ["Synced", "Healthy", "yes"] == row.split()[-3:]


def test_what_is_red_or_unknown_is_told(sandbox, kubectl):
    """A revision that this clone does not have, and a failed Job, are told as they are."""
    kubectl(running("e" * 40, condition="Failed", sync="OutOfSync"))
    kind = entries(sandbox)["kind"]["cluster"]
    assert ({}, "OutOfSync", "no: the Job verify failed") == (kind["models"], kind["sync"], kind["verified"])


def test_a_cluster_that_is_down_is_told(sandbox, tmp_path, monkeypatch):
    """Where kubectl reaches nobody, its own last words are the reason."""
    program = tmp_path / "kubectl"
    program.write_text(
        "#!/bin/sh\necho 'E1121 noise' >&2\necho 'The connection to the server x was refused' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(cluster.shutil, "which", lambda _: str(program))
    assert "no cluster answers: The connection to the server x was refused" == entries(sandbox)["kind"]["reason"]

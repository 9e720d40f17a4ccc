"""A promotion changes one file, says what it changes, and is refused while anything is red."""

import json

import pytest
import yaml

from tests.unit.tools.delivery.conftest import MODELS, ONE, RELEASE, RUN, TWO, running
from tools.delivery import gates, runs
from tools.delivery.release import ZEROS


def digests_of(text):
    return {image["name"]: image["digest"] for image in yaml.safe_load(text)["images"]}


def comments_of(text):
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def test_one_file_on_a_branch(sandbox, tmp_path):
    """The commit changes the release file alone, keeps its comments, and leaves what is checked out as it was."""
    before, old = sandbox.state(), sandbox.text()
    status, out, said = sandbox.promote("--text", tmp_path / "text.md")
    assert (0, "") == (status, out), said
    (branch,) = [name for name in sandbox.git("branch", "--format=%(refname:short)").split() if name != "main"]
    assert branch == f"promote/prod-{before[0][:10]}"
    assert RELEASE == sandbox.git("diff", "--name-only", "main", branch)
    new = sandbox.git("show", f"{branch}:{RELEASE}")
    assert ONE == digests_of(new)
    assert comments_of(old) == comments_of(new)
    assert before[0] == sandbox.git("rev-parse", f"{branch}^")
    assert (before[0], "", "main") == (
        sandbox.git("rev-parse", "HEAD"),
        sandbox.git("status", "--porcelain"),
        sandbox.git("branch", "--show-current"),
    )
    message = sandbox.git("log", "-1", "--format=%B", branch)
    assert f"Promotion: kind -> prod\nPromoted-Commit: {before[0]}" in message
    assert f"git push origin {branch}" in said


def test_the_rules_judge_what_would_be_promoted(sandbox, real_rules):
    """The real rules pass the real manifests with the new digests."""
    real_rules()
    status, out, said = sandbox.promote("--dry-run")
    assert 0 == status, said
    assert "The manifests break none of " in out


def test_a_broken_rule_is_told(sandbox, real_rules):
    """An overlay that breaks a rule is refused with the rule's words, and nothing changes."""
    real_rules()
    path = "base/gateway/deployment.yaml"
    sandbox.write(path, sandbox.text(path).replace("runAsNonRoot: true", "runAsNonRoot: false"))
    sandbox.commit()
    before = sandbox.state()
    status, out, said = sandbox.promote()
    assert (1, "") == (status, out)
    assert "refused: the manifests break rules (make lint):" in said
    assert "Deployment/gateway" in said
    assert before == sandbox.state()


def test_the_first_text(sandbox):
    """The first promotion has nothing to compare with and says so."""
    status, out, _ = sandbox.promote("--dry-run")
    assert 0 == status
    assert out.startswith("# Promote kind to prod: pizza 2, clothing 1, fashion-mnist 1\n")
    assert f"| gateway | none | `{ONE['gateway'][:19]}` |" in out
    assert "| pizza | none | 2 |  | 0.957 (0.924 to 0.988; 5-fold cross-validation, 1574 pictures) |" in out
    assert "- pizza: nothing to compare with." in out
    assert f"by {RUN}, which was not asked: gh is not on PATH." in out
    assert "<details><summary>" in out
    assert f"gateway@{ONE['gateway']}" in out


def change(card, golden):
    card["metrics"]["accuracy"] |= {"value": 0.96, "low": 0.93, "high": 0.99}
    flips, moves, within = golden["pictures"][:3]
    flips["probabilities"] = [0.9, 0.1]
    moves["probabilities"] = [moves["probabilities"][0] + 0.02, moves["probabilities"][1] - 0.02]
    within["probabilities"] = [within["probabilities"][0] + 0.009, within["probabilities"][1] - 0.009]


def test_a_new_version_is_compared_with_the_promoted_one(sandbox):
    """Metrics of both versions stand side by side; goldens beyond tolerance are listed, another class in bold."""
    sandbox.promoted()
    sandbox.new_version("pizza", 3, change)
    sandbox.commit()
    status, out, said = sandbox.promote("--dry-run", digests=TWO)
    assert 0 == status, said
    assert out.startswith("# Promote kind to prod: pizza 2 -> 3\n")
    assert "| pizza | 2 | 3 | 0.957 (0.924 to 0.988; 5-fold" in out
    assert "| 0.960 (0.930 to 0.990; 5-fold" in out
    assert "- pizza: 2 of 6 goldens beyond tolerance, 1 with another class." in out
    assert "- clothing: the same version." in out
    assert "| pizza | golden/pizza-square.png | not_pizza 0.509 | **pizza 0.900** | 0.409 |" in out
    assert "| pizza | golden/pizza-wide.png | pizza 0.509 | pizza 0.529 | 0.020 |" in out
    assert "golden/salad.png" not in out
    assert (
        f"-          value: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/image-classifiers/gateway@{ONE['gateway']}"
        in (out.replace("-            value", "-          value"))
    )


def test_the_list_is_that_of_the_images(sandbox):
    """The list of models is that of the commit that the images were built from, not of a later one."""
    built = sandbox.git("rev-parse", "HEAD")
    listed = sandbox.text("apps/model-server/models.config")
    fewer = listed[: listed.index('  config {\n    name: "clothing"')] + "}\n"
    sandbox.write("apps/model-server/models.config", fewer)
    sandbox.commit()
    sandbox.promote("--branch", "older", "--commit", built)
    sandbox.promote("--branch", "newer")
    assert 'name: "clothing"' in sandbox.git("show", f"older:{RELEASE}")
    assert 'name: "clothing"' not in sandbox.git("show", f"newer:{RELEASE}")


def test_a_model_that_goes_is_told(sandbox):
    """A model that is no longer on the list is in title and table."""
    sandbox.promoted()
    listed = sandbox.text("apps/model-server/models.config")
    sandbox.write("apps/model-server/models.config", listed[: listed.index('  config {\n    name: "fashion')] + "}\n")
    sandbox.commit()
    out = sandbox.promote("--dry-run", digests=TWO)[1]
    assert out.startswith("# Promote kind to prod: no fashion-mnist\n")
    assert "| fashion-mnist | there | **removed** | | |" in out


def test_digests_from_a_file_and_without_a_commit(sandbox, tmp_path):
    """A workflow gives the digests as a file, and commits the change itself; the text ends with the trailers."""
    (tmp_path / "digests.json").write_text(json.dumps(ONE))
    text = tmp_path / "text.md"
    status, _, said = sandbox.promote("--digests", tmp_path / "digests.json", "--no-commit", "--text", text, digests={})
    assert 0 == status, said
    assert f"M {RELEASE}" == sandbox.git("status", "--porcelain")
    assert ONE == digests_of(sandbox.text())
    head = sandbox.git("rev-parse", "HEAD")
    assert text.read_text().endswith(f"\n\nPromotion: kind -> prod\nPromoted-Commit: {head}\n")


@pytest.mark.parametrize(
    ("digests", "reason"),
    [
        ({}, "no digest of gateway, model-server is given"),
        ({"gateway": ONE["gateway"]}, "no digest of model-server is given"),
        ({**ONE, "gatway": ONE["gateway"]}, "gatway: no such image; there are gateway, model-server"),
        ({**ONE, "gateway": ZEROS}, "gateway: a digest of zeros stands for an image that was never built"),
        ({**ONE, "gateway": "sha256:abc"}, "a digest is sha256: and 64 hexadecimal digits, not 'sha256:abc'"),
        ({**ONE, "gateway": ""}, "64 hexadecimal digits, not ''"),
    ],
)
def test_digests_that_are_none_are_refused(sandbox, digests, reason):
    """Each image has a digest of an image that was built."""
    before = sandbox.state()
    status, _, said = sandbox.promote(digests=digests)
    assert (1, True) == (status, reason in said), said
    assert before == sandbox.state()


def spoil_tree(sandbox):
    sandbox.write("base/gateway/settings.env", "GATEWAY_THREADS=4\n")


def add_file(sandbox):
    sandbox.write("components/new/kustomization.yaml", "kind: Component\n")


def forget_model(sandbox):
    path = "apps/model-server/models.config"
    sandbox.write(path, sandbox.text(path).replace('name: "clothing"', 'name: "shoes"'))
    sandbox.commit()


def forget_card(sandbox):
    (sandbox.tree / MODELS / "pizza/2/card.json").unlink()
    sandbox.commit()


def forget_version(sandbox):
    path = "apps/model-server/models.config"
    policy = 'name: "clothing"\n    model_version_policy { specific { versions: 7 } }'
    sandbox.write(path, sandbox.text(path).replace('name: "clothing"', policy))
    sandbox.commit()


def keep_number(sandbox):
    sandbox.promoted(TWO)
    sandbox.new_version("pizza", 2, change)
    sandbox.commit()


def take_branch(sandbox):
    sandbox.git("branch", f"promote/prod-{sandbox.git('rev-parse', 'HEAD')[:10]}")


def done_already(sandbox):
    sandbox.promoted(ONE)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_tree, "the working tree has changes that no commit holds: base/gateway/settings.env"),
        (add_file, "the working tree has changes that no commit holds: components/new"),
        (forget_model, "the list of models has shoes, of which"),
        (forget_version, "holds no version 7 under apps/model-server/models"),
        (forget_card, "has no apps/model-server/models/pizza/2/card.json"),
        (keep_number, "pizza version 2 is not what was promoted under that number: export it as version 3"),
        (take_branch, "already: git branch -D promote/prod-"),
        (done_already, "prod has these images and models already"),
    ],
)
def test_what_is_red_is_refused(sandbox, spoil, reason):
    """A promotion that is not what was verified, or cannot be judged, is refused in a sentence; nothing changes."""
    spoil(sandbox)
    before = sandbox.state()
    status, _, said = sandbox.promote()
    assert (1, True) == (status, reason in said), said
    assert said.startswith("refused: ")
    assert before == sandbox.state()


def test_a_commit_of_another_branch_is_refused(sandbox):
    """The images' commit is part of the branch that is promoted on, and there at all."""
    sandbox.git("switch", "-q", "-c", "other")
    sandbox.write("notes.txt", "x")
    other = sandbox.commit()
    sandbox.git("switch", "-q", "main")
    assert f"{other[:10]} is not part of main" in sandbox.promote("--commit", other)[2]
    assert "there is no revision 'nowhere'" in sandbox.promote("--commit", "nowhere")[2]


def test_without_a_cluster_somebody_must_have_verified(sandbox):
    """Where no cluster answers and no run is named, nothing shows that it was verified."""
    said = sandbox.promote(verified_by=None)[2]
    assert "nothing shows that" in said
    assert "--verified-by URL" in said
    assert "the address of a run" in sandbox.promote(verified_by="me")[2]


def answer_of_github(tmp_path, monkeypatch, answer, status=0):
    program = tmp_path / "gh"
    program.write_text(f"#!/bin/sh\necho 'HTTP 404' >&2\ncat <<'END'\n{json.dumps(answer)}\nEND\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setattr(runs.shutil, "which", lambda name: str(program) if name == "gh" else None)


def test_a_run_of_this_commit_that_succeeded(sandbox, tmp_path, monkeypatch):
    """GitHub is asked about a run; where it does not answer, and for other addresses, the text says so."""
    head = sandbox.git("rev-parse", "HEAD")
    answer_of_github(tmp_path, monkeypatch, {"head_sha": head, "conclusion": "success"})
    assert f"in `kind` by {RUN}, which succeeded." in sandbox.promote("--dry-run")[1]
    elsewhere = "https://ci.example.org/7"
    out = sandbox.promote("--dry-run", verified_by=elsewhere)[1]
    assert f"by {elsewhere}, which was not asked: it is no run of GitHub Actions." in out
    monkeypatch.setenv("GITHUB_RUN_ID", "1")
    answer_of_github(tmp_path, monkeypatch, {"head_sha": head, "conclusion": None, "status": "in_progress"})
    assert f"by earlier jobs of {RUN}, which is the run that promotes." in sandbox.promote("--dry-run")[1]
    answer_of_github(tmp_path, monkeypatch, {}, status=1)
    assert f"by {RUN}, which was not asked: HTTP 404." in sandbox.promote("--dry-run")[1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"conclusion": "failure"}, "did not succeed: failure"),
        ({"conclusion": None, "status": "in_progress"}, "did not succeed: in_progress"),
        ({"conclusion": "success", "head_sha": "f" * 40}, "is of ffffffffff, not of "),
    ],
)
def test_a_run_that_failed_or_is_of_another_commit(sandbox, tmp_path, monkeypatch, answer, reason):
    """A run that is red, not done, or about something else verified nothing."""
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    answer_of_github(tmp_path, monkeypatch, {"head_sha": sandbox.git("rev-parse", "HEAD"), **answer})
    status, _, said = sandbox.promote("--dry-run")
    assert (1, True) == (status, reason in said), said


def test_the_skew_gate_on_request(sandbox, monkeypatch):
    """New versions are held to their goldens, once more and only these; a red gate is told in its own words."""
    sandbox.promoted(TWO)
    sandbox.new_version("pizza", 3, change)
    sandbox.commit()
    monkeypatch.setattr(gates, "SKEW", ("python3", "-c", "import sys; assert sys.argv[1].endswith('/pizza/3')"))
    assert "The skew gate was run again: pizza 3." in sandbox.promote("--dry-run", "--check-models")[1]
    monkeypatch.setattr(gates, "SKEW", ("python3", "-c", "import sys; sys.exit('litert is 0.02 off')"))
    assert (
        "pizza version 3 does not pass the skew gate: litert is 0.02 off"
        in (sandbox.promote("--dry-run", "--check-models")[2])
    )


def test_the_cluster_is_asked(sandbox, kubectl):
    """A cluster where this very commit is synced, healthy and verified is enough."""
    kubectl(running(sandbox.git("rev-parse", "HEAD")))
    status, out, said = sandbox.promote("--dry-run", verified_by=None)
    assert 0 == status, said
    assert "is Synced, Healthy and verified in `kind`, as its cluster says." in out


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sync": "OutOfSync"}, "kind is OutOfSync and Healthy"),
        ({"health": "Degraded"}, "kind is Synced and Degraded"),
        ({"phase": "Failed"}, "verified: no: the sync is Failed"),
        ({"condition": "Failed"}, "verified: no: the Job verify failed"),
        ({"condition": None}, "verified: no: the Job verify is not done"),
        ({"about": "f" * 40}, "verified: no: the Job verify is of revision ffffffffff"),
    ],
)
def test_a_cluster_that_is_red_is_refused(sandbox, kubectl, changes, reason):
    """What is not in sync, not healthy, or not verified at this revision is not promoted."""
    kubectl(running(sandbox.git("rev-parse", "HEAD"), **changes))
    status, _, said = sandbox.promote("--dry-run", verified_by=None)
    assert (1, True) == (status, reason in said), said


def test_a_cluster_with_another_commit_is_refused(sandbox, kubectl):
    """What runs is named with the way to promote it; a Job that is not there verified nothing."""
    kubectl(running("e" * 40))
    said = sandbox.promote("--dry-run", verified_by=None)[2]
    assert "kind runs eeeeeeeeee, not" in said
    state = running(sandbox.git("rev-parse", "HEAD"))
    (sandbox.tree.parent / "answers" / "verify").unlink()
    del state["verify"]
    kubectl(state)
    assert "verified: no: there is no Job verify" in sandbox.promote("--dry-run", verified_by=None)[2]

"""Every image is signed and described, by the identity of one workflow; SLSA's provenance says which run made it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tools.publish import attest
from tools.publish.commands import PublishError
from tools.publish.provenance import BUILD_TYPE, predicate

PROGRAM = Path(__file__).parents[4] / "tools/publish/program"
REGISTRY = "registry.example.org/some"
WORKFLOW = {
    "GITHUB_SERVER_URL": "https://github.example.org",
    "GITHUB_REPOSITORY": "owner/name",
    "GITHUB_REPOSITORY_ID": "1",
    "GITHUB_REPOSITORY_OWNER_ID": "2",
    "GITHUB_WORKFLOW_REF": "owner/name/.github/workflows/images.yaml@refs/heads/main",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": "c" * 40,
    "GITHUB_RUN_ID": "7",
    "GITHUB_RUN_ATTEMPT": "2",
    "RUNNER_ENVIRONMENT": "github-hosted",
}


@pytest.fixture
def signers(tmp_path, monkeypatch, stand_in):
    """Stand-ins for cosign and syft where `program` looks for them; gives what each was called with."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    versions = dict(re.findall(r"(\w+)\) package=\S+ version=(\S+)", PROGRAM.read_text()))
    folder = tmp_path / "cache/image-classifiers/publish"
    return {name: stand_in(f"{name}-{versions[name]}", at=folder) for name in ("cosign", "syft")}


def test_every_image_is_signed_and_described(pushed, signers, monkeypatch):
    """Each app's list and each architecture's image are signed and have provenance; the images have SBOMs."""
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://token.example.org")
    attest.attest(REGISTRY, None, pushed)
    calls = signers["cosign"]()
    signed = [call for call in calls if call.startswith("sign ")]
    assert 2 == len(signed)
    assert all("--recursive" in call and "@sha256:" in call for call in signed)
    assert 6 == sum("--type slsaprovenance1" in call for call in calls)
    assert 4 == sum("--type spdxjson" in call for call in calls) == len(signers["syft"]())
    assert not any("--key" in call or "http-registry" in call for call in calls)


def test_a_key_keeps_everything_here(pushed, signers):
    """With a key nothing is written to the public log; a registry of this machine is spoken to without TLS."""
    attest.attest("localhost:5000/some", "cosign.key", pushed)
    calls = signers["cosign"]()
    assert all("--key cosign.key" in call and "--tlog-upload=false" in call for call in calls)
    assert all("--allow-http-registry" in call for call in calls)


def test_nobody_signs_by_mistake(pushed, signers, monkeypatch):
    """Outside a workflow a missing key is an error for signing and checking, before anything is called."""
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    for verb, word in ((attest.attest, "cosign.key"), (attest.check, "cosign.pub")):
        with pytest.raises(PublishError, match=word):
            verb(REGISTRY, None, pushed)
    assert [] == signers["cosign"]()


def test_a_check_asks_for_one_identity(pushed, signers, monkeypatch):
    """Keyless, only images.yaml of this repository's main counts: no other workflow, branch or repository."""
    for name, value in WORKFLOW.items():
        monkeypatch.setenv(name, value)
    attest.check(REGISTRY, None, pushed)
    assert 6 + 6 + 4 == len(signers["cosign"]())
    assert all(f"--certificate-oidc-issuer {attest.ISSUER}" in call for call in signers["cosign"]())
    (pattern,) = {re.search(r"--certificate-identity-regexp (\S+)", call)[1] for call in signers["cosign"]()}
    right = "https://github.example.org/owner/name/.github/workflows/images.yaml@refs/heads/main"
    assert re.search(pattern, right)
    for wrong in (
        right.replace("images", "release"), right.replace("main", "other"), right + "-2",
        right.replace("owner", "own2r"), right.replace("github.example", "githubXexample"),
        "https://evil.example.org/?" + right,
    ):  # fmt: skip
        assert not re.search(pattern, wrong), wrong


def test_a_signature_that_does_not_hold_is_red(pushed, signers, tmp_path):
    """When cosign says no, the check says no with cosign's words."""
    (program,) = (tmp_path / "cache").rglob("cosign-*")
    program.write_text("#!/bin/sh\necho no signatures found >&2\nexit 10\n")
    with pytest.raises(PublishError, match="no signatures found"):
        attest.check(REGISTRY, "cosign.pub", pushed)


def test_provenance_names_run_and_commit():
    """Provenance by a workflow names the workflow, its run and the commit, in the words of its build type."""
    said = predicate(WORKFLOW)
    definition, details = said["buildDefinition"], said["runDetails"]
    assert BUILD_TYPE == definition["buildType"]
    repository = "https://github.example.org/owner/name"
    workflow = {"ref": "refs/heads/main", "repository": repository, "path": ".github/workflows/images.yaml"}
    assert {"workflow": workflow} == definition["externalParameters"]
    source = {"uri": f"git+{repository}@refs/heads/main", "digest": {"gitCommit": "c" * 40}}
    assert [source] == definition["resolvedDependencies"]
    assert f"{repository}/actions/runs/7/attempts/2" == details["metadata"]["invocationId"]
    assert f"{repository}/.github/workflows/images.yaml@refs/heads/main" == details["builder"]["id"]


def test_a_laptop_does_not_claim_to_be_a_workflow():
    """Provenance made on a laptop has another build type and builder, and still the commit."""
    said = predicate({})
    assert BUILD_TYPE != said["buildDefinition"]["buildType"]
    assert said["runDetails"]["builder"]["id"].startswith("urn:image-classifiers:machine-of:")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=PROGRAM.parent, capture_output=True, text=True, check=True
    )
    assert commit.stdout.strip() == said["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"]


def test_only_known_programs_are_built():
    """Another name than cosign or syft is refused before anything is downloaded."""
    done = subprocess.run([PROGRAM, "other"], capture_output=True, text=True, check=False, env={**os.environ})
    assert (1, "error: program cosign|syft\n") == (done.returncode, done.stderr)

"""Logging in to a registry puts no secret on a command line and takes Amazon's role by the workflow's identity."""

import subprocess
from pathlib import Path

import pytest

LOGIN = Path(__file__).parents[4] / "tools/publish/login"
AMAZON = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/image-classifiers"
READ = 'cat >"$0.input"'


def login(registry):
    return subprocess.run([LOGIN, registry], capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in ("REGISTRY_USER", "REGISTRY_TOKEN", "AWS_ROLE_ARN", "ACTIONS_ID_TOKEN_REQUEST_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_token_goes_by_standard_input(tmp_path, stand_in, monkeypatch):
    """Docker gets the token by standard input, for the registry without its folder."""
    calls = stand_in("docker", READ)
    monkeypatch.setenv("REGISTRY_USER", "somebody")
    monkeypatch.setenv("REGISTRY_TOKEN", "secret")
    assert 0 == login("registry.example.org:5000/some/folder").returncode
    assert ["login --username somebody --password-stdin registry.example.org:5000"] == calls()
    assert "secret\n" == (tmp_path / "bin/docker.input").read_text()


def test_without_a_token_nobody_is_asked(stand_in):
    """A missing user or token is told by its name, and docker not called."""
    calls = stand_in("docker")
    done = login("registry.example.org/some")
    assert 0 != done.returncode
    assert "REGISTRY_USER" in done.stderr
    assert [] == calls()


def test_a_workflow_takes_a_role(tmp_path, stand_in, monkeypatch):
    """In a workflow aws gets the role and a file with the identity token, which is gone afterwards."""
    stand_in("docker", READ)
    asked = stand_in("curl", READ + """; echo '{"value": "identity"}'""")
    aws = stand_in("aws", f'echo "$AWS_ROLE_ARN $(cat "$AWS_WEB_IDENTITY_TOKEN_FILE")" >{tmp_path}/role; echo password')
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://token.example.org/?v=1")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "bearer-secret")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/push")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    done = login(AMAZON)
    assert 0 == done.returncode, done.stderr
    assert "arn:aws:iam::123456789012:role/push identity\n" == (tmp_path / "role").read_text()
    assert ["ecr get-login-password --region eu-central-1"] == aws()
    assert asked()[0].endswith("https://token.example.org/?v=1&audience=sts.amazonaws.com")
    assert "bearer-secret" not in asked()[0]
    assert "Authorization: bearer bearer-secret\n" == (tmp_path / "bin/curl.input").read_text()
    assert "password\n" == (tmp_path / "bin/docker.input").read_text()
    assert [] == list((tmp_path / "temporary").iterdir())


def test_a_workflow_without_role_says_so(stand_in, monkeypatch):
    """Amazon's registry without the variable AWS_ROLE_ARN is a sentence, not an error of aws."""
    calls = stand_in("aws")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://token.example.org/?v=1")
    done = login(AMAZON)
    assert 0 != done.returncode
    assert "set the variable AWS_ROLE_ARN" in done.stderr
    assert [] == calls()


def test_a_name_like_amazons_is_not_amazons(stand_in):
    """A registry whose name only contains Amazon's gets no Amazon password."""
    calls = stand_in("aws")
    assert 0 != login("123456789012.dkr.ecr.eu-central-1.amazonaws.com.example.org/some").returncode
    assert [] == calls()

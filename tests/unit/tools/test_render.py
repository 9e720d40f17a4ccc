"""`make render` and `make diff`."""

import os
import subprocess
import sys

import pytest
import yaml

from tools import compare, render
from tools.manifests.model import name_of
from tools.manifests.rendering import ROOT, all_components, reason_against
from tools.manifests.rendering import render as rendering_of


@pytest.fixture(scope="module")
def adds():
    """Name a component that adds objects to prod, beyond those that prod lists."""
    alone = len(rendering_of("prod").objects)
    names = [name for name in all_components() if reason_against(("prod", name)) is None]
    return next(name for name in names if len(rendering_of("prod", [name]).objects) > alone)


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """Put a kubectl on PATH whose `diff` does what the lines say."""

    def put(lines, context="echo kind-test"):
        program = tmp_path / "kubectl"
        program.write_text(f'#!/bin/sh\n[ "$1" = config ] && {{ {context}; exit; }}\n{lines}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return put


def test_render_prints_every_object(capsys, adds):
    """Standard output is the YAML of the overlay with its components, and nothing else."""
    assert 0 == render.main(["prod", "--components", adds])
    objects = list(yaml.safe_load_all(capsys.readouterr().out))
    expected = rendering_of("prod", [adds]).objects
    assert len(expected) == len(objects)
    assert len(expected) > len(rendering_of("prod").objects)


def test_render_writes_a_file(tmp_path, capsys):
    """With a file, standard output stays empty."""
    out = tmp_path / "prod.yaml"
    assert 0 == render.main(["prod", "--out", str(out)])
    assert "" == capsys.readouterr().out
    assert "kind: Deployment" in out.read_text()
    assert [out] == list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [render, compare])
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["prod", "--components", "canari"], "there is no component 'canari'; there are: api-keys, canary,"),
        (["kind", "--components", "gpu"], "kind + gpu: "),
    ],
)
def test_what_cannot_be_put_on_top_is_told(command, arguments, says, capsys):
    """A component that is not there, or does not go with the overlay, is one line and status 2."""
    assert 2 == command.main(arguments)
    assert f"error: {says}" in capsys.readouterr().err


def test_a_pipe_may_be_closed():
    """`make render | head` ends without a stack trace."""
    command = f"{sys.executable} -m tools.render prod | true"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "" == done.stderr


def test_the_same_revision_has_no_difference(capsys, monkeypatch):
    """A tree compared with itself says so, with status 0."""
    monkeypatch.setattr(compare, "manifests_of", _itself)
    assert 0 == compare.main(["prod", "--exit-code"])
    said = capsys.readouterr()
    assert ("", "prod against main: no difference\n") == (said.out, said.err)


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--exit-code"], 1)])
def test_a_component_is_shown_as_what_it_adds(capsys, monkeypatch, adds, options, status):
    """A component that the other revision has not is a difference; a status of its own only with --exit-code."""
    monkeypatch.setattr(compare, "manifests_of", _itself)
    monkeypatch.setattr(compare, "all_components", lambda _: ())
    assert status == compare.main(["prod", "--components", adds, *options])
    said = capsys.readouterr()
    new = {name_of(found) for found in rendering_of("prod", [adds]).objects}
    new -= {name_of(found) for found in rendering_of("prod").objects}
    added = {line.split()[1] for line in said.out.splitlines() if line.startswith("+++ ")}
    assert new
    # A generated object is shown without its hash.
    assert all(any(name.startswith(shown) for shown in added) for name in new)
    assert said.err.startswith(f"prod + {adds} against main: ")
    assert " added" in said.err


def test_an_unknown_revision_is_told(capsys):
    """A revision that is not there is one line and status 2."""
    assert 2 == compare.main(["prod", "--base", "nowhere"])
    assert "error: there is no revision 'nowhere'" in capsys.readouterr().err


DIFF = """cat <<'END'
diff -u -N /tmp/LIVE-1/apps.v1.Deployment.a.gateway /tmp/MERGED-2/apps.v1.Deployment.a.gateway
--- /tmp/LIVE-1/apps.v1.Deployment.a.gateway\t2026-01-01 00:00:00
+++ /tmp/MERGED-2/apps.v1.Deployment.a.gateway\t2026-01-01 00:00:00
@@ -1 +1 @@
-  replicas: 1
+  replicas: 5
END
exit 1"""


def test_a_cluster_is_compared_with(kubectl, capsys):
    """What kubectl finds is shown with names for its temporary folders; the context is said beforehand."""
    kubectl(DIFF)
    assert 1 == compare.main(["prod", "--live", "--exit-code"])
    said = capsys.readouterr()
    assert [
        "--- live/apps.v1.Deployment.a.gateway",
        "+++ wanted/apps.v1.Deployment.a.gateway",
    ] == said.out.splitlines()[:2]
    assert said.err.startswith("comparing with the cluster of the context kind-test\nprod against kind-test: 1 of ")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("The connection to the server 1.2.3.4:6443 was refused", "No cluster answers for kubectl's context kind-test"),
        ('Error from server (NotFound): namespaces "classifiers-prod" not found', "has no namespace classifiers-prod"),
        ('error: no matches for kind "ServiceMonitor" in version "v1"', "does not know a kind"),
        (
            "error: You must be logged in",
            "kubectl could not compare with the cluster of kind-test: You must be logged in",
        ),
    ],
)
def test_a_cluster_that_does_not_answer_is_told(kubectl, capsys, says, reason):
    """Each way for kubectl to fail is a sentence and status 2, though kubectl's own status may be 1."""
    kubectl(f"echo 'E1121 11:00:00 memcache.go:1 noise' >&2; echo '{says}' >&2; exit 1")
    assert 2 == compare.main(["prod", "--live"])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert reason in line
    assert "memcache" not in line


def test_without_context_or_kubectl_the_error_says_so(kubectl, capsys, monkeypatch):
    """Where there is no cluster to compare with, the error says how to get one."""
    kubectl("exit 0", context="exit 1")
    assert 2 == compare.main(["prod", "--live"])
    assert "error: kubectl has no current context" in capsys.readouterr().err
    monkeypatch.setattr(compare.shutil, "which", lambda _: None)
    assert 2 == compare.main(["prod", "--live"])
    assert "error: kubectl is needed" in capsys.readouterr().err


def test_colours_are_for_lines_of_a_diff():
    """Added lines are green, removed ones red, what stays has no colour."""
    assert ["\x1b[32m+a\x1b[0m", "\x1b[31m-b\x1b[0m", " c"] == compare.coloured("+a\n-b\n c").splitlines()


class _itself:
    def __init__(self, ref):
        pass

    def __enter__(self):
        return ROOT

    def __exit__(self, *_):
        pass

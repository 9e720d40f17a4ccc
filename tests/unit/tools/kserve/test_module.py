"""KServe's controller comes out of the Go module that is pinned, once."""

import stat

import pytest

from tools.kserve import __main__ as command
from tools.kserve import module
from tools.kserve.module import SOURCE, KServeError, controller

# A Go that downloads and builds nothing: it hands over a module with the hash of the first line.
GO = """#!/bin/sh
case "$1" in
  env) echo go1.99.0 ;;
  mod) mkdir -p "$PWD/module/config/rbac"; echo '{{}}' > "$PWD/module/config/rbac/role.yaml"
       chmod 444 "$PWD/module/config/rbac/role.yaml"; chmod 555 "$PWD/module/config/rbac"
       echo '{{"Dir": "'$PWD/module'", "Sum": "{sum}"{error}}}' ;;
  build) for last; do out=$before; before=$last; done; {build}; echo program > "$out" ;;
esac
"""


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Put such a Go on PATH."""

    def make(sum=SOURCE.sum, error="", build="true"):  # noqa: A002 - as Go calls it
        program = tmp_path / "bin" / "go"
        program.parent.mkdir(exist_ok=True)
        program.write_text(GO.format(sum=sum, error=error, build=build))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        return tmp_path / "cache"

    return make


def test_it_is_built_once_with_its_settings_beside_it(go, monkeypatch):
    """Program and objects of one version lie in the cache; the second time nothing is asked of Go."""
    cache = go()
    folder = controller(cache)
    assert "program\n" == (folder / "manager").read_text()
    assert "{}\n" == (folder / "config/rbac/role.yaml").read_text()
    (folder / "config/rbac/role.yaml").unlink()  # and can be removed
    monkeypatch.setattr(module, "find_go", lambda *_: pytest.fail("Go was asked for"))
    assert folder == controller(cache)


def test_another_module_is_not_built(go):
    """What a proxy hands over is held to the hash in the table."""
    cache = go(sum="h1:another")
    with pytest.raises(KServeError, match="has the hash h1:another, not h1:"):
        controller(cache)
    assert not list(cache.glob("kserve*"))


def test_a_module_that_cannot_be_had_is_told(go):
    """With what Go said."""
    with pytest.raises(KServeError, match=r"cannot be downloaded: no such host"):
        controller(go(error=', "Error": "no such host"'))


def test_a_build_that_fails_leaves_nothing(go):
    """A later run begins anew."""
    cache = go(build="echo too old; exit 1")
    with pytest.raises(KServeError, match="cannot be built: too old"):
        controller(cache)
    assert not list(cache.glob("kserve*"))


def test_no_cluster_but_kinds_is_installed_on(tmp_path, monkeypatch, capsys):
    """Whoever's context leads elsewhere is told so, and nothing is done."""
    (tmp_path / "kubectl").write_text("#!/bin/sh\necho arn:aws:eks:eu-central-1:1:cluster/prod\n")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(command, "controller", lambda: pytest.fail("something was done"))
    assert 1 == command.main(["install"])
    assert "cluster/prod, which is no kind cluster" in capsys.readouterr().err

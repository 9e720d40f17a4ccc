"""`make up` and `make down`: their order, what a second run does, and what a failure tells."""

import json
from types import SimpleNamespace

import pytest
import yaml

from tests.unit.tools.cluster.conftest import PORTS
from tools.cluster import applications, argocd, images, nodes, repository
from tools.cluster.__main__ import main
from tools.cluster.programs import ClusterError, Programs, wait_for

COMMIT = "c" * 40


def application(name="classifiers-kind", path="overlays/kind", commit=COMMIT, phase="Succeeded", **state):
    return {
        "metadata": {"name": name},
        "spec": {"source": {"repoURL": repository.INSIDE, "path": path}},
        "status": {
            "sync": {"status": "Synced", "revision": commit},
            "health": {"status": "Healthy"},
            "operationState": {"phase": phase, "syncResult": {"revision": commit}} | state,
        },
    }


def answer_applications(programs, *found):
    programs.answer("get applications.argoproj.io -o json", json.dumps({"items": list(found)}))


@pytest.fixture
def machine(programs, monkeypatch):
    """Give programs with which every step gets through."""
    programs.answer("{{.Id}}", "sha256:" + "0123456789abcdef" * 4 + "\n")
    programs.answer("ls-remote git://git.git-server", COMMIT)
    programs.answer("get deploy,sts", "argocd-server 1 1\nargocd-dex-server 0 \n")
    answer_applications(programs, application(), application("root", "argocd/kind"))
    monkeypatch.setattr(argocd, "rendered", lambda manifest, root: "image: here\n")
    monkeypatch.setattr(repository, "commit_with_images", lambda programs, tags: COMMIT)
    return programs


def test_each_step_comes_after_what_it_needs(machine, capsys):
    """Images are loaded before pods want them, and the commit is there before Argo CD is told to look for it."""
    assert main(["up"], machine) == 0
    steps = ["tools/images dev", "kind load docker-image", "get deploy,sts", "rollout status deployment/git-server"]
    steps += ["git push --quiet", "ls-remote git://git.git-server", "get applications.argoproj.io -o json"]
    first = [next(at for at, line in enumerate(machine.commands) if words in line) for words in steps]
    assert sorted(first) == first
    assert "kind: ApplicationSet" in "".join(filter(None, machine.texts))
    said = capsys.readouterr().out
    assert "http://localhost:9696" in said
    assert "user admin" in said


def test_down_removes_the_cluster_and_the_remote(machine):
    """What `make up` added to the machine goes."""
    machine.answer("git remote", "origin\nkind\n")
    machine.answer("get-url kind", "git://127.0.0.1:9418/repository\n")
    assert main(["down"], machine) == 0
    assert ["kind delete cluster --name classifiers"] == machine.ran("delete")
    assert ["git remote remove kind"] == machine.ran("git remote remove")


def test_down_twice_is_no_harm(machine):
    """Without a cluster and a remote there is nothing to remove, and that is no error."""
    machine.answer("get clusters", "No kind clusters found.\n")
    machine.answer("git remote", "origin\n")
    assert main(["down"], machine) == 0
    assert [] == machine.ran("delete") + machine.ran("git remote remove")


def test_a_failure_shows_events_and_logs(machine, capsys):
    """After a failed step the cluster's own words are printed, and the exit status is 1."""
    machine.answer("get deploy,sts", "argocd-server 1 \n")
    machine.answer("-n argocd get events", "Warning Failed pod/argocd-server no such image\n")
    machine.answer("-n argocd get pods", "argocd-server-1 Pending false\nargocd-redis-1 Running true\n")
    machine.answer("logs argocd-server-1", "first words of the server\n")
    assert main(["up"], machine) == 1
    said = capsys.readouterr()
    assert "no such image" in said.out
    assert "first words of the server" in said.out
    assert "argocd-redis-1" not in said.out
    assert "waited 300 s for Argo CD's pods: not ready: argocd-server" in said.err


def test_without_docker_nothing_is_explained(no_docker, capsys):
    """Without Docker there is no cluster to explain: one line and exit status 1."""
    assert main(["up"], no_docker) == 1
    assert "error: no Docker engine answers: install or start Docker, then try again\n" == capsys.readouterr().err


def test_images_are_loaded_by_content_and_as_dev(machine):
    """overlays/kind names `dev`; the pushed commit names the content."""
    assert dict.fromkeys(["gateway", "model-server", "git-server"], "0123456789ab") == images.build_and_load(machine)
    (loaded,) = machine.ran("kind load")
    assert {"gateway:dev", "model-server:dev", "gateway:0123456789ab", "model-server:0123456789ab"} <= set(
        loaded.split()
    )


def test_images_that_cannot_be_loaded_are_left_to_the_node(machine, capsys):
    """Argo CD's images that Docker has in part do not stop the way: the node pulls them."""
    machine.answer("docker images --quiet", "123\n")
    machine.answer("kind load", ClusterError("kind load\ncontent digest not found"))
    images.load_present(machine, ["redis:8"])
    assert "left to the node to pull: redis:8 (content digest not found)" in capsys.readouterr().out


def test_without_kubectl_the_one_on_the_node_is_asked(machine, monkeypatch):
    """Docker alone is enough: a kind node has a kubectl."""
    monkeypatch.setattr("tools.cluster.programs.shutil", SimpleNamespace(which=lambda name: None))
    machine.kubectl("get", "nodes")
    inside = "docker exec -i classifiers-control-plane kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes"
    assert [inside] == machine.commands


def test_an_interrupted_up_says_how_to_go_on(machine, capsys):
    """Ctrl-C is no error of the program."""
    machine.answer("tools/images", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["up"], machine) == 130
    assert "goes on from here" in capsys.readouterr().out


def test_a_remote_of_somebody_else_stays(machine):
    """A remote `kind` that leads elsewhere is neither changed by up nor removed by down."""
    machine.answer("git remote", "kind\n")
    machine.answer("get-url kind", "git@example.org:kind.git\n")
    with pytest.raises(ClusterError, match="git remote rename kind"):
        repository.add_remote(machine, "git://127.0.0.1:9418/repository")
    repository.remove_remote(machine)
    assert [] == machine.ran("set-url") + machine.ran("remote remove")


def test_a_remote_of_an_earlier_cluster_gets_the_new_address(machine):
    """The port may be another one now."""
    machine.answer("git remote", "kind\n")
    machine.answer("get-url kind", "git://127.0.0.1:1/repository\n")
    repository.add_remote(machine, "git://127.0.0.1:2/repository")
    assert ["git remote set-url kind git://127.0.0.1:2/repository"] == machine.ran("set-url")


@pytest.mark.parametrize(
    "found",
    [
        [],
        [application("root", "argocd/kind")],
        [application(commit="d" * 40)],
        [application(phase="Running")],
        [application(), application("root", "argocd/kind", phase="Running")],
    ],
)
def test_success_is_told_of_every_application_at_the_commit_alone(machine, found):
    """No application yet, an older commit or a sync under way is waited for, and never called success."""
    answer_applications(machine, *found)
    with pytest.raises(ClusterError, match="waited 420 s"):
        applications.wait(machine, COMMIT)


def test_what_argo_cd_complains_of_is_told_while_waiting(machine):
    """A commit that cannot be built is no mystery."""
    broken = application(commit="d" * 40)
    broken["status"]["conditions"] = [{"type": "ComparisonError", "message": "no such file"}]
    answer_applications(machine, broken)
    with pytest.raises(ClusterError, match="no such file"):
        applications.wait(machine, COMMIT)


def test_a_sync_that_failed_for_good_is_not_waited_for(machine):
    """The message of the failed sync is told at once."""
    answer_applications(machine, application(phase="Failed", message="job verify failed"))
    with pytest.raises(applications.SyncError, match="job verify failed"):
        applications.wait(machine, COMMIT)
    assert machine.clock_s == 0


def test_a_sync_that_is_tried_again_is_waited_for(machine):
    """A first failure with a retry left is none yet."""
    retry = {"operation": {"retry": {"limit": 1}}, "message": "once"}
    failed = json.dumps({"items": [application(phase="Failed", **retry)]})
    answers = iter([failed, json.dumps({"items": [application()]})])
    machine.answer("get applications.argoproj.io -o json", lambda: next(answers))
    applications.wait(machine, COMMIT)
    assert machine.clock_s == 1


def test_a_wait_says_what_is_missing_once(machine, capsys):
    """Progress is a line for each new answer, not one a second."""
    answers = iter(["a", "a", "b", ""])
    wait_for(machine, "it", lambda: next(answers))
    assert ["   waiting for it", "     a", "     b"] == capsys.readouterr().out.splitlines()


def test_the_ports_wanted_without_a_word_are_those_of_the_configuration():
    """tools/kind.yaml and the program have the same defaults."""
    assert yaml.safe_load(nodes.CONFIG.read_text()) == nodes.configuration(PORTS)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Give programs in a Git repository of its own that has an overlay."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tools.cluster.programs.ROOT", tmp_path)
    overlay = tmp_path / repository.OVERLAY
    overlay.parent.mkdir(parents=True)
    overlay.write_text((nodes.ROOT / repository.OVERLAY).read_text())
    programs = Programs()
    programs.git("init", "--quiet", "--initial-branch=work")
    programs.git("add", ".")
    programs.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=an overlay")
    return programs


def test_the_pushed_commit_names_the_images_and_nothing_else(checkout):
    """It is HEAD with two other tags; branch, index and working tree stay."""
    tags = {"gateway": "012345678901", "model-server": "0e1234567890"}
    commit = repository.commit_with_images(checkout, tags)
    assert commit == repository.commit_with_images(checkout, tags)
    assert repository.OVERLAY == checkout.git("diff", "--name-only", "HEAD", commit)
    images = yaml.safe_load(checkout.git("show", f"{commit}:{repository.OVERLAY}"))["images"]
    assert tags == {image["name"]: image["newTag"] for image in images}
    assert ("", "1") == (checkout.git("status", "--porcelain"), checkout.git("rev-list", "--count", "HEAD"))


def test_other_images_are_another_commit(checkout):
    """A changed image is a change in Git, so it rolls out."""
    commits = {repository.commit_with_images(checkout, {"gateway": tag, "model-server": "a"}) for tag in ("b", "c")}
    assert len(commits) == 2


def test_an_overlay_without_the_image_is_told():
    """Nothing is pushed that would deploy other images than those built."""
    with pytest.raises(ClusterError, match="0 times"):
        repository.with_tag("images: []", "gateway", "a")

"""The Git server in the cluster, the remote `kind`, and the commit that is pushed to it."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from pykustomize import Kustomize
from tools.cluster.images import APPS
from tools.cluster.programs import ROOT, ClusterError, Programs, say, wait_for

MANIFESTS = ROOT / "tools" / "cluster" / "git-server" / "manifests"
REMOTE = "kind"
BRANCH = "main"
# As Argo CD knows it.
INSIDE = "git://git.git-server/repository"
OVERLAY = "overlays/kind/kustomization.yaml"


def serve(programs: Programs, tag: str, port: int) -> None:
    """Apply the Git server, wait until it answers on the host, and name it as the remote `kind`."""
    say("4. the Git server")
    objects = Kustomize.find().build(MANIFESTS)
    for found in objects:
        if found["kind"] == "Deployment":
            found["spec"]["template"]["spec"]["containers"][0]["image"] = f"git-server:{tag}"
    programs.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=yaml.safe_dump_all(objects))
    address = f"git://127.0.0.1:{port}/repository"
    programs.kubectl("-n", "git-server", "rollout", "status", "deployment/git-server", "--timeout=120s")
    wait_for(programs, f"an answer of {address}", lambda: programs.git("ls-remote", address, "none"), 60)
    add_remote(programs, address)


def add_remote(programs: Programs, address: str) -> None:
    """Let `git push kind` deploy what is checked out. Raises: ClusterError where `kind` is somebody's own remote."""
    if REMOTE in programs.git("remote").split():
        if not _is_ours(programs):
            raise ClusterError(f"there is a remote {REMOTE} already: git remote rename {REMOTE} other, then make up")
        programs.git("remote", "set-url", REMOTE, address)
    else:
        programs.git("remote", "add", REMOTE, address)
    # Whichever branch is checked out; forced, so that going back to an older commit is a push like others.
    programs.git("config", f"remote.{REMOTE}.push", f"+HEAD:refs/heads/{BRANCH}")


def remove_remote(programs: Programs) -> None:
    """Forget the remote that `add_remote` made, and no other."""
    if REMOTE in programs.git("remote").split() and _is_ours(programs):
        say(f"removing the git remote {REMOTE}")
        programs.git("remote", "remove", REMOTE)


def push(programs: Programs, tags: Mapping[str, str]) -> str:
    """Push HEAD, and on top of it a commit that names the images by their content. Returns: that commit.

    The same HEAD and the same images give the same commit, so a second push changes nothing. The working tree, the
    index and the branch stay as they are.
    """
    commit = commit_with_images(programs, tags)
    say(f"5. pushing {commit[:12]}: {programs.git('log', '-1', '--format=%h %s')}, with the images of 2")
    changed = programs.git("status", "--porcelain", "--", "base", "components", "overlays", "argocd")
    if changed:
        say("   not deployed, as it is not committed: " + ", ".join(line[3:] for line in changed.splitlines()))
    programs.git("push", "--quiet", "--force", REMOTE, f"{commit}:refs/heads/{BRANCH}")
    reached = ["exec", "deploy/argocd-repo-server", "-c", "argocd-repo-server", "--"]
    wait_for(
        programs,
        "Argo CD to see it",
        lambda: (
            ""
            if commit in programs.kubectl("-n", "argocd", *reached, "git", "ls-remote", INSIDE)
            else f"{INSIDE} has another commit"
        ),
        60,
    )
    return commit


def commit_with_images(programs: Programs, tags: Mapping[str, str]) -> str:
    """Make a commit after HEAD that names the images' tags in overlays/kind; it is on no branch."""
    text = programs.git("show", f"HEAD:{OVERLAY}") + "\n"
    for app in APPS:
        text = with_tag(text, app, tags[app])
    with tempfile.TemporaryDirectory(prefix="commit-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        blob = programs.git("hash-object", "-w", "--stdin", text=text)
        programs.git("read-tree", "HEAD", environment=index)
        programs.git("update-index", "--cacheinfo", f"100644,{blob},{OVERLAY}", environment=index)
        tree = programs.git("write-tree", environment=index)
    date = programs.git("log", "-1", "--format=%cI")
    who = {
        f"GIT_{role}_{field}": value
        for role in ("AUTHOR", "COMMITTER")
        for field, value in (("NAME", "make up"), ("EMAIL", "make-up@localhost"), ("DATE", date))
    }
    message = "Deploy " + ", ".join(f"{app}:{tags[app]}" for app in APPS)
    return programs.git("commit-tree", tree, "-p", "HEAD", "-m", message, environment=who)


def with_tag(text: str, app: str, tag: str) -> str:
    """Give the overlay's text with another tag of an image. Raises: ClusterError where it names none."""
    # Not `set_image` of pykustomize: it keeps comments only in a list with one key a line.
    changed, count = re.subn(rf"(\bname: {app}\b,?\s+newTag: )[^\s}}]+", rf'\g<1>"{tag}"', text)
    if count != 1:
        raise ClusterError(f"{OVERLAY} says `name: {app}` with a `newTag:` {count} times, not once: commit it so")
    return changed


def _is_ours(programs: Programs) -> bool:
    return programs.git("remote", "get-url", REMOTE).startswith("git://127.0.0.1:")

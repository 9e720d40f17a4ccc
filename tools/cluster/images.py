"""The images: built here, named by their content, and put on the cluster's node."""

from tools.cluster.programs import CLUSTER, ClusterError, Programs, say

GIT_SERVER = "tools/cluster/git-server/image"
APPS = ("gateway", "model-server")


def build_and_load(programs: Programs) -> dict[str, str]:
    """Build all images and load them; what is on the node already is not loaded again.

    Each is loaded under two tags: `dev`, which overlays/kind names, for what is pushed by hand; and its own content, so
    that a changed image is a changed manifest and rolls out.

    Returns: the content's tag of each image, 12 hexadecimal digits.
    """
    say("2. images")
    programs.call(["tools/images", "dev"])
    programs.docker("build", "--quiet", "--tag", "git-server:dev", GIT_SERVER)
    tags = {}
    for app in (*APPS, "git-server"):
        identity = programs.docker("image", "inspect", "--format", "{{.Id}}", f"{app}:dev").strip()
        tags[app] = identity.removeprefix("sha256:")[:12]
        programs.docker("tag", f"{app}:dev", f"{app}:{tags[app]}")
    named = [f"{app}:{tag}" for app, tag in tags.items()]
    say(f"   loading {' '.join(named)}")
    programs.kind("load", "docker-image", "--name", CLUSTER, *[f"{app}:dev" for app in APPS], *named)
    # Not kept: each build would leave a name behind that keeps an old image from being pruned.
    programs.docker("image", "rm", *named)
    return tags


def load_present(programs: Programs, images: list[str]) -> None:
    """Load those images that this machine's Docker has; the node pulls the others itself."""
    present = [image for image in images if programs.docker("images", "--quiet", image).strip()]
    if not present:
        return
    try:
        programs.kind("load", "docker-image", "--name", CLUSTER, *present)
    except ClusterError as error:
        # Docker may hold one platform of an image for many, which cannot be loaded; the node can still pull it.
        say(f"   left to the node to pull: {' '.join(present)} ({str(error).splitlines()[-1]})")

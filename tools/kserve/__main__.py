"""Install KServe's controller on the kind cluster of kubectl's current context.

python -m tools.kserve build     # compile it from its Go module into the cache, and print where it is
python -m tools.kserve install   # that, an image of it on the cluster's nodes, and its objects; waits until it is ready
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pykustomize import KustomizeError
from tools.kserve import certificate
from tools.kserve.module import SOURCE, KServeError, controller
from tools.kserve.objects import CONTROLLER, NAMESPACE, WEBHOOKS, objects

IMAGE = f"kserve-controller:{SOURCE.version}"
_DOCKERFILE = 'FROM scratch\nCOPY manager /manager\nUSER 65532:65532\nENTRYPOINT ["/manager"]\n'
_PATIENCE, _TRIES = "180s", 30


def install() -> None:
    """Build what is missing and install it. Raises: KServeError, KustomizeError."""
    context = _call("kubectl", "config", "current-context").strip()
    if not context.startswith("kind-"):
        raise KServeError(f"kubectl leads to {context}, which is no kind cluster: KServe is installed on such alone")
    folder = controller()
    with tempfile.TemporaryDirectory(prefix="kserve-image-") as place:
        # A folder of its own: docker is sent all that lies in it.
        shutil.copyfile(folder / "manager", Path(place, "manager"))
        Path(place, "manager").chmod(0o755)
        Path(place, "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
        _call("docker", "build", "--quiet", "--tag", IMAGE, place)
    _call("kind", "load", "docker-image", IMAGE, "--name", context.removeprefix("kind-"))
    found = objects(folder / "config", IMAGE, certificate.make(WEBHOOKS, NAMESPACE))
    kinds = [each for each in found if each["kind"] in {"Namespace", "CustomResourceDefinition"}]
    _apply(context, kinds)
    _await(context, [each["metadata"]["name"] for each in kinds if each["kind"] != "Namespace"])
    _apply(context, [each for each in found if each not in kinds])
    # What runs already has read the certificate before.
    rollout = ("kubectl", "--context", context, "-n", NAMESPACE, "rollout")
    _call(*rollout, "restart", f"deployment/{CONTROLLER}")
    _call(*rollout, "status", f"deployment/{CONTROLLER}", f"--timeout={_PATIENCE}")
    print(f"KServe {SOURCE.version} is ready on {context}")


def _apply(context: str, found: Sequence[object]) -> None:
    # By the server: a definition of KServe's is larger than the annotation in which kubectl would keep it.
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": found})
    _call("kubectl", "--context", context, "apply", "--server-side", "--force-conflicts", "-f", "-", text=text)


def _await(context: str, definitions: Sequence[str]) -> None:
    """Wait until the server knows these definitions. Raises: KServeError."""
    names = [f"customresourcedefinition/{name}" for name in definitions]
    wait = ("kubectl", "--context", context, "wait", "--for=condition=Established", f"--timeout={_PATIENCE}", *names)
    for patience in range(_TRIES, -1, -1):
        try:
            _call(*wait)
            break
        except KServeError as error:
            # kubectl gives up on a definition that was made this moment and has no conditions yet.
            if "accessor error" not in str(error) or not patience:
                raise
            time.sleep(1)


def _call(*command: str, text: str | None = None) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise KServeError(f"{command[0]} is not on PATH") from error
    if done.returncode:
        raise KServeError(f"{' '.join(command)}\n{(done.stderr + done.stdout).strip()}")
    return done.stdout


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the verb says. Returns: the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.kserve", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=["build", "install"])
    try:
        if parser.parse_args(argv).verb == "build":
            print(controller())
        else:
            install()
    except (KServeError, KustomizeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One name, and so one digest, for the images of all architectures: nodes take theirs by themselves."""

import json
from contextlib import suppress
from pathlib import Path

from tools.publish.commands import (
    APPS,
    ARCHITECTURES,
    DIGEST,
    DIGESTS,
    ROOT,
    PublishError,
    architectures,
    is_local,
    run,
)


def join(registry: str, tag: str, tree: Path = ROOT) -> None:
    """Push REGISTRY/APP:TAG, which lists what build/digests/ names, and write the digests to build/digests.json.

    Args:
        registry: registry and folder that the images were pushed to.
        tag: the images' tag without an architecture.
        tree: the repository.
    Raises: PublishError.
    """
    of_architectures = architectures(tree / ARCHITECTURES)
    insecure = ["--insecure"] if is_local(registry) else []
    digests = {}
    for app in APPS:
        name = f"{registry}/{app}:{tag}"
        parts = [f"{registry}/{app}@{digests_of[app]}" for digests_of in of_architectures.values()]
        with suppress(PublishError):  # Docker's own notes of a run that failed half-way
            run("docker", "manifest", "rm", name)
        run("docker", "manifest", "create", *insecure, name, *parts, echo=True)
        pushed = DIGEST.search(run("docker", "manifest", "push", "--purge", *insecure, name))
        if not pushed:
            raise PublishError(f"docker did not say the digest of {name}")
        digests[app] = pushed[0]
    (tree / DIGESTS).write_text(json.dumps(digests) + "\n")
    print(f"{', '.join(of_architectures)}: {DIGESTS} {json.dumps(digests)}")

"""Sign images and attach what they are made of (SBOM) and how they came to be (provenance); see that it is all there.

Without a key it is keyless: cosign asks GitHub who it runs for, gets a certificate of ten minutes for that identity and
writes the signature to a public log. With a key, which is for a laptop and for tests, nothing leaves for elsewhere.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.publish.commands import (
    APPS,
    ARCHITECTURES,
    DIGESTS,
    ROOT,
    PublishError,
    architectures,
    is_local,
    read_digests,
    run,
)
from tools.publish.provenance import predicate

ISSUER = "https://token.actions.githubusercontent.com"
SBOM, PROVENANCE = "spdxjson", "slsaprovenance1"


def attest(registry: str, key: str | None = None, tree: Path = ROOT) -> None:
    """Sign the images of build/digests.json; attach an SBOM for each architecture, and the provenance.

    Raises: PublishError.
    """
    if not key and "ACTIONS_ID_TOKEN_REQUEST_URL" not in os.environ:
        # cosign would ask who sits there, and write the answer to a public log for ever.
        raise PublishError("only a workflow signs without a key: KEY=cosign.key")
    cosign, syft = _program("cosign"), _program("syft")
    sign = ["--yes", *_insecure(registry), *(_with_key(key) if key else [])]
    with tempfile.TemporaryDirectory(prefix="attest-") as name:
        provenance = Path(name, "provenance.json")
        provenance.write_text(json.dumps(predicate(os.environ)))
        for image in _joined(registry, tree):
            # --recursive: the images of the architectures, too, for a cluster checks what it pulls.
            run(cosign, "sign", "--recursive", *sign, image, echo=True)
        for image in _all(registry, tree):
            run(cosign, "attest", *sign, "--type", PROVENANCE, "--predicate", provenance, image, echo=True)
        for image in _parts(registry, tree):
            sbom = Path(name, "sbom.json")
            run(syft, "scan", f"registry:{image}", "--output", f"spdx-json={sbom}", env=_syft(registry), echo=True)
            run(cosign, "attest", *sign, "--type", SBOM, "--predicate", sbom, image, echo=True)


def check(registry: str, key: str | None = None, tree: Path = ROOT) -> None:
    """Verify signature, provenance and SBOM of each image. Raises: PublishError at the first that does not hold."""
    cosign = _program("cosign")
    who = [*_insecure(registry), *(["--key", key, "--insecure-ignore-tlog=true"] if key else _identity(os.environ))]
    for image in _all(registry, tree):
        run(cosign, "verify", *who, image)
        run(cosign, "verify-attestation", *who, "--type", PROVENANCE, image)
        print(f"{image}: signed, provenance")
    for image in _parts(registry, tree):
        run(cosign, "verify-attestation", *who, "--type", SBOM, image)
        print(f"{image}: SBOM")


def _joined(registry: str, tree: Path) -> list[str]:
    return [f"{registry}/{app}@{digest}" for app, digest in read_digests(tree / DIGESTS).items()]


def _parts(registry: str, tree: Path) -> Iterator[str]:
    for digests in architectures(tree / ARCHITECTURES).values():
        yield from (f"{registry}/{app}@{digests[app]}" for app in APPS)


def _all(registry: str, tree: Path) -> list[str]:
    return [*_joined(registry, tree), *_parts(registry, tree)]


def _program(name: str) -> Path:
    return Path(run(ROOT / "tools/publish/program", name).strip())


def _insecure(registry: str) -> list[str]:
    return ["--allow-http-registry"] if is_local(registry) else []


def _syft(registry: str) -> dict[str, str]:
    insecure = {"SYFT_REGISTRY_INSECURE_USE_HTTP": "true"} if is_local(registry) else {}
    return {"SYFT_CHECK_FOR_APP_UPDATE": "false", **insecure}


def _with_key(key: str) -> list[str]:
    return ["--key", key, "--use-signing-config=false", "--tlog-upload=false"]


def _identity(environment: Mapping[str, str]) -> list[str]:
    """Name the only workflow whose signature counts: images.yaml on this repository's main branch."""
    if "GITHUB_REPOSITORY" not in environment:
        raise PublishError("whose signature counts? KEY=cosign.pub, or GITHUB_REPOSITORY=owner/name")
    repository = re.escape(environment["GITHUB_REPOSITORY"])
    server = re.escape(environment.get("GITHUB_SERVER_URL", "https://github.com"))
    workflow = rf"^{server}/{repository}/\.github/workflows/images\.yaml@refs/heads/main$"
    return ["--certificate-oidc-issuer", ISSUER, "--certificate-identity-regexp", workflow]

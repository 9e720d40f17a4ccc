"""overlays/<environment>/release/kustomization.yaml: the digests of the images and the list of the models in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from google.protobuf import text_format

from pykustomize import EditError, Kustomize
from serving_api import config_pb2
from tools.delivery.errors import Refused

ZEROS = "sha256:" + "0" * 64
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KEY = "models.config"
_BLOCK = re.compile(
    rf"^(?P<indent> +){re.escape(_KEY)}=model_config_list \{{\n(?:.*\n)*?(?P=indent)\}}\n", re.MULTILINE
)


def file_of(environment: str) -> str:
    """Name the one file that a promotion to an environment writes."""
    return f"overlays/{environment}/release/kustomization.yaml"


@dataclass(frozen=True)
class Release:
    """What a release file says: the digest of each image, and the list of models."""

    digests: Mapping[str, str]
    models: config_pb2.ModelServerConfig

    @property
    def is_first(self) -> bool:
        """Tell whether nothing was promoted yet."""
        return ZEROS in self.digests.values()

    @property
    def names(self) -> list[str]:
        """Name the models."""
        return [model.name for model in self.models.model_config_list.config]


def read_release(text: str, file: str) -> Release:
    """Read a release file. Raises: Refused for one that is none."""
    try:
        found = yaml.safe_load(text)
        digests = {image["name"]: image.get("digest", "") for image in found["images"]}
        literals = [one for source in found["configMapGenerator"] for one in source.get("literals", ())]
        listed = next(one for one in literals if one.startswith(f"{_KEY}="))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise Refused(f"{file} has no images by digest and no {_KEY}: it is no release file") from error
    return Release(digests, read_models(listed.partition("=")[2], file))


def read_models(text: str, file: str) -> config_pb2.ModelServerConfig:
    """Read a list of models. Raises: Refused."""
    try:
        config: config_pb2.ModelServerConfig = text_format.Parse(text, config_pb2.ModelServerConfig())
    except text_format.ParseError as error:
        raise Refused(f"{file}: the list of models cannot be read: {error}") from error
    return config


def read_digests(given: Mapping[str, str], there: Mapping[str, str]) -> dict[str, str]:
    """Check the digests of a promotion: one of each image that is there. Raises: Refused."""
    if unknown := sorted(given.keys() - there.keys()):
        raise Refused(f"{', '.join(unknown)}: no such image; there are {', '.join(there)}")
    if missing := [name for name in there if name not in given]:
        raise Refused(
            f"no digest of {', '.join(missing)} is given. The images of one build are promoted together: "
            "--images " + " ".join(f"{name}=sha256:..." for name in there) + ", or --digests build/digests.json."
        )
    for name, digest in given.items():
        if not _DIGEST.fullmatch(digest):
            raise Refused(f"{name}: a digest is sha256: and 64 hexadecimal digits, not {digest!r}")
        if digest == ZEROS:
            raise Refused(f"{name}: a digest of zeros stands for an image that was never built")
    return {name: given[name] for name in there}


def write_release(file: Path, digests: Mapping[str, str], models: config_pb2.ModelServerConfig) -> None:
    """Write digests and list into a release file; comments and everything else stay. Raises: Refused."""
    kustomize = Kustomize.find()
    try:
        for name, digest in digests.items():
            kustomize.set_image(file.parent, name, digest=digest)
    except EditError as error:
        raise Refused(str(error)) from error
    text = file.read_text(encoding="utf-8")
    found = _BLOCK.search(text)
    if found is None:
        raise Refused(f"{file}: {_KEY} is not written as `{_KEY}=model_config_list {{`, a model a line, and `}}`")
    indent = found["indent"]
    lines = [
        f"{indent}  config {{ {text_format.MessageToString(model, as_one_line=True).strip()} }}\n"
        for model in models.model_config_list.config
    ]
    block = f"{indent}{_KEY}=model_config_list {{\n{''.join(lines)}{indent}}}\n"
    written = text[: found.start()] + block + text[found.end() :]
    # Read again before anything depends on it: a release that says something else would be deployed as it stands.
    again = read_release(written, str(file))
    if again.models != models or any(again.digests[name] != digest for name, digest in digests.items()):
        raise Refused(f"{file} could not be written: what it would say is not what is promoted")
    file.write_text(written, encoding="utf-8")

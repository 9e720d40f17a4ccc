"""Describe a model version in text: its signatures as `saved_model_cli show --all` prints them, then what it adds."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.goldens import GOLDEN_FILE
from model_server.engines.signatures import SERVE_TAG, read_signatures
from serving_api.serving_pb2 import DataType, SignatureDef, TensorInfo
from tools.models import bundled_models, versions

_NAMED_AT_MOST = 40  # files of a listing


class ShowError(ValueError):
    """There is no such model or version; the message says which there are."""


def find_version(model: str, version: int | None, models: Path) -> Path:
    """Find the directory of a model version.

    Args:
        model: name of a model in `models`, or a directory: of a version, or of a model with versions.
        version: which; the newest if None.
        models: folder of models.
    Raises: ShowError, naming what there is.
    """
    named = models / model if model in bundled_models(models) else Path(model)
    if (named / "saved_model.pb").is_file() and version is None:
        return named
    if not named.is_dir():
        known = ", ".join(bundled_models(models)) or "none"
        raise ShowError(f"There is no model {model!r} in {models} (there are: {known}), and no directory of that name.")
    found = versions(named.name, named.parent)
    if not found or (version or found[-1]) not in found:
        raise ShowError(f"{named} has no version {version or ''}; there are: {', '.join(map(str, found)) or 'none'}.")
    return named / str(version or found[-1])


def describe(version_dir: Path) -> str:
    """Write everything that a person asks of a model version before it is deployed.

    Raises: StatusError (model_server.errors) where the SavedModel cannot be read; ShowError for a card or goldens that
        cannot.
    """
    parts = [signature_text(read_signatures(version_dir))]
    for file, lines in (("card.json", _card_lines), (GOLDEN_FILE, _golden_lines)):
        try:
            if (version_dir / file).exists():  # a SavedModel made elsewhere has none
                parts.append("\n".join(lines(json.loads((version_dir / file).read_text(encoding="utf-8")))))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ShowError(f"{version_dir / file} is not what contract 1 asks for: {error!r}") from error
    return "\n\n".join([*parts, "\n".join(_file_lines(version_dir))])


def signature_text(signatures: Mapping[str, SignatureDef]) -> str:
    """Write signatures, letter by letter as tensorflow/python/tools/saved_model_cli.py does for one graph."""
    lines = ["", f"MetaGraphDef with tag-set: '{SERVE_TAG}' contains the following SignatureDefs:"]
    for name, signature in sorted(signatures.items()):
        lines += [
            "",
            f"signature_def['{name}']:",
            "  The given SavedModel SignatureDef contains the following input(s):",
        ]
        for key, tensor in sorted(signature.inputs.items()):
            lines += [f"    inputs['{key}'] tensor_info:", *_tensor_lines(tensor)]
        lines.append("  The given SavedModel SignatureDef contains the following output(s):")
        for key, tensor in sorted(signature.outputs.items()):
            lines += [f"    outputs['{key}'] tensor_info:", *_tensor_lines(tensor)]
        lines.append(f"  Method name is: {signature.method_name}")
    return "\n".join(lines)


def _tensor_lines(tensor: TensorInfo) -> list[str]:
    shape = tensor.tensor_shape
    sizes = "unknown_rank" if shape.unknown_rank else f"({', '.join(str(one.size) for one in shape.dim)})"
    return [f"        dtype: {DataType.Name(tensor.dtype)}", f"        shape: {sizes}", f"        name: {tensor.name}"]


def _card_lines(card: Mapping[str, Any]) -> Iterator[str]:
    yield f"{card.get('name', '?')} version {card.get('version', '?')}: {card.get('task', '')}"
    size = card.get("input", {})
    facts = {
        "labels": ", ".join(card.get("labels", [])),
        "input": f"{size.get('height', '?')} x {size.get('width', '?')} px, RGB",
        "backbone": card.get("backbone"),
        "pictures": _pictures(card.get("data", {})),
        "accuracy": _accuracy(card.get("metrics", {})),
        "calibration": ", ".join(f"{name} {value}" for name, value in card.get("calibration", {}).items()),
        "trained from": card.get("git_commit"),
        "created": card.get("created"),
        "intended use": card.get("intended_use"),
    }
    yield from (f"  {name:13} {value}" for name, value in facts.items() if value)
    yield from (f"  {'limit':13} {limit}" for limit in card.get("limits", []))


def _pictures(data: Mapping[str, Any]) -> str:
    counts = {split: sum(classes.values()) for split, classes in data.get("counts", {}).items()}
    numbers = ", ".join(f"{count} {split}" for split, count in counts.items())
    return f"{data.get('name', '?')}: {numbers}; fitted on {' and '.join(data.get('fitted_on', [])) or 'none of them'}"


def _accuracy(metrics: Mapping[str, Any]) -> str:
    accuracy = metrics.get("accuracy")
    if not accuracy:
        return ""
    return (
        "{value:.4f}, 95 % interval {low:.4f} to {high:.4f}, {n} pictures".format(**accuracy)
        + f" ({metrics.get('split', '?')}), log loss {metrics.get('log_loss', '?')}"
    )


def _golden_lines(golden: Mapping[str, Any]) -> Iterator[str]:
    yield f"golden pictures: what training computed; an engine may differ by {golden['tolerance']:g}"
    names = [Path(picture["file"]).stem for picture in golden["pictures"]]
    labels = golden["labels"]
    yield f"  {'':{max(map(len, names))}}  " + " ".join(f"{label:>{max(8, len(label))}}" for label in labels)
    for name, picture in zip(names, golden["pictures"], strict=True):
        values = zip(labels, picture["probabilities"], strict=True)
        row = " ".join(f"{value:{max(8, len(label))}.6f}" for label, value in values)
        yield f"  {name:{max(map(len, names))}}  {row}"


def _file_lines(version_dir: Path) -> Iterator[str]:
    files = sorted(path for path in version_dir.rglob("*") if path.is_file())
    sizes = {str(path.relative_to(version_dir)): path.stat().st_size for path in files}
    yield f"files of {version_dir}: {sum(sizes.values()):,} bytes"
    yield from (f"  {size:>12,}  {name}" for name, size in list(sizes.items())[:_NAMED_AT_MOST])
    if len(sizes) > _NAMED_AT_MOST:
        yield f"  and {len(sizes) - _NAMED_AT_MOST} more"

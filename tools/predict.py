"""Classify one picture in the terminal: by a running gateway, or straight from the model where none runs."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.client import ClientError, OutOfTime, Patience, Picture, PictureRefused, Unavailable, connect
from gateway.client.command import read_key
from gateway.client.show import bars
from tools.models import DEFAULT, MODELS, bundled_models, versions

LOOK_S = 2.0
TIMEOUT_S = 30.0


class PredictError(Exception):
    """Something that a person must mend; its text is the whole message."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print a picture's probabilities as a table. Returns: the exit status."""
    arguments = _parser().parse_args(argv)
    if not arguments.image:
        print("error: no picture named: make predict IMAGE=photo.jpg (or IMAGE=https://...)", file=sys.stderr)
        return 1
    try:
        source, probabilities = _ask(arguments.gateway, arguments.model, arguments.image)
    except (PredictError, ClientError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(source)
    for line in bars(probabilities):
        print(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make predict", description=__doc__)
    parser.add_argument("image", help="a file, or a URL of a picture")
    parser.add_argument("--model", default=DEFAULT, help="the model's name (%(default)s)")
    parser.add_argument("--gateway", default="", help="address of a gateway to ask if it runs, http://host:port")
    return parser


def _is_url(image: str) -> bool:
    return image.startswith(("http://", "https://"))


def _read(image: str) -> bytes:
    try:
        return Path(image).expanduser().read_bytes()
    except OSError as error:
        raise PredictError(f"{image}: {error.strerror}") from error


def _ask(gateway: str, model: str, image: str) -> tuple[str, Mapping[str, float]]:
    key = read_key("", os.environ)
    if not (gateway and _answers(gateway, key, model)):
        return _ask_model(model, image)
    picture = Picture(url=image) if _is_url(image) else Picture(_read(image))
    try:
        with connect(gateway, key=key) as client:
            found = client.classify(picture, model)
    except PictureRefused as error:
        raise PredictError(f"{image}: {error}") from error
    return f"{found.model} version {found.version} by {gateway}", found.probabilities


def _answers(gateway: str, key: str, model: str) -> bool:
    """See whether a gateway runs that has the model ready; asked once, as there is another way."""
    try:
        with connect(gateway, key=key, patience=Patience(timeout_s=LOOK_S, tries=1)) as client:
            return client.describe(model).version > 0
    except (Unavailable, OutOfTime):
        return False


def _ask_model(model: str, image: str) -> tuple[str, Mapping[str, float]]:
    # Imported here: a running gateway needs neither NumPy nor LiteRT in this process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from gateway.client.tensors import fetch
    from gateway.pictures import PictureError, to_tensor
    from model_server.engines import load_engine
    from serving_api.deadline import Deadline

    if model not in bundled_models():
        raise PredictError(f"there is no model {model!r}; there are: {', '.join(bundled_models())}")
    version = versions(model)[-1]
    folder = MODELS / model / str(version)
    card = json.loads((folder / "card.json").read_text())
    try:
        data = fetch(image, Deadline.after(TIMEOUT_S)) if _is_url(image) else _read(image)
        tensor = to_tensor(data, card["input"]["height"], card["input"]["width"])
    except PictureError as error:
        raise PredictError(f"{image}: {error}") from error
    engine = load_engine(folder, threads=2)
    outputs = engine.run("serving_default", {"image": tensor[None]}, ["probabilities"])
    values = outputs["probabilities"][0].tolist()
    return f"{model} version {version} (no gateway runs: straight from the model)", dict(
        zip(card["labels"], values, strict=True)
    )


if __name__ == "__main__":
    sys.exit(main())

"""Classify one picture in the terminal: by a running gateway, or straight from the model where none runs."""

import argparse
import base64
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.models import DEFAULT, MODELS, bundled_models, versions

BAR_CELLS = 40
TIMEOUT_S = 30.0
MAX_IMAGE_BYTES = 50 * 2**20


class PredictError(Exception):
    """Something that a person must mend; its text is the whole message."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print a picture's probabilities as a table. Returns: the exit status."""
    arguments = _parser().parse_args(argv)
    if not arguments.image:
        print("error: no picture named: make predict IMAGE=photo.jpg (or IMAGE=https://...)", file=sys.stderr)
        return 1
    try:
        if arguments.gateway and _runs(arguments.gateway):
            source, probabilities = _ask_gateway(arguments.gateway, arguments.model, arguments.image)
        else:
            source, probabilities = _ask_model(arguments.model, arguments.image)
    except PredictError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(source)
    for line in table(probabilities):
        print(line)
    return 0


def table(probabilities: Mapping[str, float]) -> list[str]:
    """Write probabilities as lines, the likeliest first: label, percentage, bar."""
    width = max(len(label) for label in probabilities)
    rows = sorted(probabilities.items(), key=lambda item: -item[1])
    return [f"  {label:<{width}}  {p:7.2%}  {'█' * round(p * BAR_CELLS)}".rstrip() for label, p in rows]


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


def _runs(gateway: str) -> bool:
    try:
        with urllib.request.urlopen(f"{gateway}/readyz", timeout=2.0):  # noqa: S310 - http of the --gateway flag
            return True
    except (urllib.error.URLError, OSError):
        return False


def _ask_gateway(gateway: str, model: str, image: str) -> tuple[str, dict[str, float]]:
    instance = {"url": image} if _is_url(image) else {"b64": base64.b64encode(_read(image)).decode()}
    request = urllib.request.Request(  # noqa: S310 - http of the --gateway flag
        f"{gateway}/v1/models/{quote(model, safe='')}:predict",
        json.dumps({"instances": [instance]}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - as above
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        problem = _problem(error)
        raise PredictError(f"{image}: {problem}") from error
    except (urllib.error.URLError, OSError) as error:
        raise PredictError(f"{gateway} does not answer: {error}") from error
    served = answer["model"]
    return f"{served['name']} version {served['version']} by {gateway}", answer["predictions"][0]["probabilities"]


def _problem(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError):
        return f"the gateway answered {error.code} {error.reason}"


def _ask_model(model: str, image: str) -> tuple[str, dict[str, float]]:
    # Imported here: a running gateway needs neither NumPy nor LiteRT in this process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from gateway.fetch import Fetcher
    from gateway.pictures import PictureError, to_tensor
    from gateway.urls import FetchError
    from model_server.engines import load_engine
    from serving_api.deadline import Deadline

    if model not in bundled_models():
        raise PredictError(f"there is no model {model!r}; there are: {', '.join(bundled_models())}")
    version = versions(model)[-1]
    folder = MODELS / model / str(version)
    card = json.loads((folder / "card.json").read_text())
    try:
        # Nobody else chose this link, so one that leads to this machine is fine.
        fetcher = Fetcher(MAX_IMAGE_BYTES, allow_loopback=True)
        data = fetcher.fetch(image, Deadline.after(TIMEOUT_S)) if _is_url(image) else _read(image)
        tensor = to_tensor(data, card["input"]["height"], card["input"]["width"])
    except (FetchError, PictureError) as error:
        raise PredictError(f"{image}: {error}") from error
    engine = load_engine(folder, threads=2)
    outputs = engine.run("serving_default", {"image": tensor[None]}, ["probabilities"])
    values = outputs["probabilities"][0].tolist()
    return f"{model} version {version} (no gateway runs: straight from the model)", dict(
        zip(card["labels"], values, strict=True)
    )


if __name__ == "__main__":
    sys.exit(main())

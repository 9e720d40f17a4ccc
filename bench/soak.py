"""Watch memory and descriptors of both servers under a steady load, and say how fast they grow (Linux).

    .venv/test/bin/python -m bench.soak --minutes 60

Pictures of several kinds, a batch, a URL and bad input come at ten requests a second in all, each with a connection of
its own. Memory is what is resident; its slope is that of a straight line through the samples after the warm-up, by
least squares. Exit status 1 where an answer was not the expected one or a limit does not hold.
"""

import argparse
import base64
import io
import json
import math
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import ServerProcess
from tests.figures import Figures
from tests.load import Load
from tools.models import DEFAULT, MODELS, versions, write_model_config

RATE, SAMPLE_S = 10.0, 2.0
# Caches, pools and the allocator's arenas fill first.
WARM_UP = 0.25
MAX_SLOPE_MIB_H = 1.0
PICTURE = min((MODELS / DEFAULT / str(versions(DEFAULT)[-1]) / "golden").glob("*.png")).read_bytes()


@dataclass(frozen=True)
class Kind:
    """One kind of request: where, what, and the status that it has to get."""

    path: str
    body: bytes
    content_type: str
    expected: int


@dataclass(frozen=True)
class Sample:
    """What a process held at a moment."""

    at_s: float
    resident_mib: float
    descriptors: int
    threads: int


class PictureHost(BaseHTTPRequestHandler):
    """Gives one picture at any address."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(PICTURE)))
        self.end_headers()
        self.wfile.write(PICTURE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> int:
    """Start both servers, load them, sample, and print a table. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (%(default)s)")
    minutes = parser.parse_args().minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else both servers would go on
    figures = Figures()
    with ExitStack() as stack:
        model_server, gateway = stack.enter_context(both_servers())
        asked = kinds(stack.enter_context(picture_host()))
        loads = [
            stack.enter_context(
                Load(
                    f"http://127.0.0.1:{gateway.port}{kind.path}",
                    kind.body,
                    RATE / len(asked),
                    {"Content-Type": kind.content_type},
                )
            )
            for kind in asked
        ]
        samples = watch({"model-server": model_server.process.pid, "gateway": gateway.process.pid}, minutes * 60)
    wrong = total = 0
    for kind, load in zip(asked, loads, strict=True):
        answers = load.between().answers
        total += answers.total()
        wrong += answers.total() - answers[str(kind.expected)]
        print(f"{kind.path} {kind.content_type} {len(kind.body)} bytes: {dict(answers)}")
    figures.add("answers that were not the expected ones", wrong, f"of {total}", at_most=0)
    for name, seen in samples.items():
        report(figures, name, [one for one in seen if one.at_s >= minutes * 60 * WARM_UP])
    print("\n".join(figures.table()))
    return int(any("BEYOND" in one.row[2] for one in figures))


@contextmanager
def both_servers() -> Iterator[tuple[ServerProcess, GatewayProcess]]:
    """Run both, on free ports."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        config = Path(folder) / "models.config"
        write_model_config(config, [DEFAULT], MODELS)
        model_server = ServerProcess(Path(folder), [f"--model_config_file={config}"])
        stack.callback(model_server.stop)
        gateway = GatewayProcess(
            Path(folder) / "gateway.log",
            GATEWAY_MODEL_SERVER=f"127.0.0.1:{model_server.grpc_port}",
            GATEWAY_ALLOW_LOOPBACK_URLS="1",
        )
        stack.callback(gateway.stop)
        yield model_server, gateway


@contextmanager
def picture_host() -> Iterator[str]:
    """Serve a picture on this machine. Gives: its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), PictureHost) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/picture.png"
        server.shutdown()


def kinds(url: str) -> list[Kind]:
    """Make the kinds of requests."""
    drawn = Image.fromarray(np.random.default_rng(0).integers(0, 256, (800, 1200, 3), dtype=np.uint8))
    png, jpeg = PICTURE, encoded(drawn, "JPEG")
    batch = {"instances": [{"b64": base64.b64encode(one).decode()} for one in (png, jpeg, b"no picture")]}
    predict = f"/v1/models/{DEFAULT}:predict"
    return [
        Kind("/predict", png, "image/png", 200),
        Kind("/predict", jpeg, "image/jpeg", 200),
        Kind("/predict", encoded(drawn.resize((300, 200)), "WEBP"), "image/webp", 200),
        Kind("/predict", json.dumps({"url": url}).encode(), "application/json", 200),
        Kind(predict, json.dumps(batch).encode(), "application/json", 200),
        Kind("/predict", jpeg[: len(jpeg) // 2], "image/jpeg", 422),
        Kind(predict, b'{"instances": [', "application/json", 400),
        Kind("/predict", json.dumps({"url": "http://169.254.169.254/"}).encode(), "application/json", 400),
    ]


def encoded(picture: Image.Image, kind: str) -> bytes:
    """Write a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def watch(pids: dict[str, int], duration_s: float) -> dict[str, list[Sample]]:
    """Sample processes until the time is over."""
    samples: dict[str, list[Sample]] = {name: [] for name in pids}
    begin_s = time.monotonic()
    while (at_s := time.monotonic() - begin_s) < duration_s:
        for name, pid in pids.items():
            samples[name].append(sample(pid, at_s))
        time.sleep(SAMPLE_S - at_s % SAMPLE_S)
        if sys.stdout.isatty():
            print(f"{at_s / 60:6.1f} min {samples['gateway'][-1]}", end="\r")
    return samples


def sample(pid: int, at_s: float) -> Sample:
    """Ask the kernel what a process holds."""
    process = Path(f"/proc/{pid}")
    resident = next(line for line in (process / "smaps_rollup").read_text().splitlines() if line.startswith("Rss:"))
    descriptors, threads = (len(list((process / name).iterdir())) for name in ("fd", "task"))
    return Sample(at_s, int(resident.split()[1]) / 1024, descriptors, threads)


def report(figures: Figures, name: str, samples: Sequence[Sample]) -> None:
    """Add a process's figures: the median of the last third, and how much more that is than the first third's."""
    slope, error = line([one.at_s / 3600 for one in samples], [one.resident_mib for one in samples])
    third = max(len(samples) // 3, 1)
    for what, unit, most in (("resident_mib", "MiB", None), ("descriptors", "", 2), ("threads", "", None)):
        first, last = (np.median([getattr(one, what) for one in part]) for part in (samples[:third], samples[-third:]))
        figures.add(f"{name}: {what.partition('_')[0]} at the end", float(last), unit)
        figures.add(f"{name}: {what.partition('_')[0]}, growth", float(last - first), unit, at_most=most)
    figures.add(f"{name}: slope of resident", slope, f"MiB/h, standard error {error:.2g}", at_most=MAX_SLOPE_MIB_H)


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Lay a straight line through points. Returns: its slope, and the slope's standard error."""
    dx, dy = np.subtract(x, np.mean(x)), np.subtract(y, np.mean(y))
    slope = float(dx @ dy / (dx @ dx))
    rest = dy - slope * dx
    return slope, math.sqrt(float(rest @ rest) / max(len(x) - 2, 1) / float(dx @ dx))


if __name__ == "__main__":
    sys.exit(main())

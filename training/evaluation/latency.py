"""How long one picture takes: decoding, and each engine."""

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gateway.pictures import to_tensor
from model_server.errors import StatusError
from training.artefact import serving

_WARM_UP, _RUNS, _LONGEST_S = 5, 60, 8.0


@dataclass(frozen=True)
class Latency:
    """Times of single runs in milliseconds, warm-up left out.

    Attributes:
        what: "decode", or an engine's name.
        median_ms: half of the runs took less.
        p95_ms: of twenty runs, one took longer.
        runs: how many were measured.
    """

    what: str
    median_ms: float
    p95_ms: float
    runs: int

    def to_json(self) -> dict[str, Any]:
        """Write as JSON-ready dictionary."""
        return {name: round(v, 3) if isinstance(v, float) else v for name, v in asdict(self).items()}


def measure(model_dir: Path, pictures: Sequence[Path], size: int) -> list[Latency]:
    """Time one picture after the other: decoding, then each engine that can run the model here.

    Args:
        model_dir: a model version.
        pictures: files; they take turns.
        size: height and width that the model asks for, pixels.
    """
    files = [path.read_bytes() for path in pictures[:_RUNS]]
    found = [timed("decode", [lambda file=file: to_tensor(file, size, size) for file in files])]
    tensors = [to_tensor(file, size, size)[np.newaxis] for file in files]
    for name in serving.ENGINES:
        try:
            engine = serving.open_engine(model_dir, name)
        except (StatusError, ImportError):
            continue  # no model.tflite, or no TensorFlow here
        try:
            found.append(
                timed(name, [lambda image=image, run=engine: serving.classify(run, image) for image in tensors])
            )
        finally:
            engine.close()
    return found


def timed(what: str, calls: Sequence[Callable[[], object]]) -> Latency:
    """Make calls in turn, some to warm up, then up to 60 with a clock, for at most 8 s."""
    for call in (list(calls) * _WARM_UP)[:_WARM_UP]:
        call()
    times: list[float] = []
    while len(times) < _RUNS and sum(times) < _LONGEST_S:
        call = calls[len(times) % len(calls)]
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    median, p95 = np.percentile(times, [50, 95]) * 1000
    return Latency(what, float(median), float(p95), len(times))


def machine() -> str:
    """Say where it was measured, and how busy that was: processor, cores, system, load average of a minute."""
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}{busy}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()

"""Run `model.tflite` with LiteRT, without TensorFlow.

How N rows are run was measured (MobileNetV2 at 224 px, float16 weights, two cores, 32 rows): resized to [32, ...] at
once 4.9-6.4 ms a row and 271 MB resident; row by row 3.3-3.9 ms and 71 MB, since the activations stay in the cache.
So rows go one by one wherever the first axis is a batch axis. Two interpreters of one thread each gave 1.8 ms a row
and 95 MB, one interpreter of two threads 1.9-2.2 ms and 72 MB, and only the latter also makes a single row faster.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter
from grpc import StatusCode

from model_server.engines import LITERT_FILE
from model_server.engines.card import CARD_FILE, DESCRIBE_SIGNATURE, KEY, VALUE, Card, describe_signature
from model_server.engines.signatures import (
    DEFAULT_SIGNATURE,
    SAVED_MODEL_FILE,
    derive_signature,
    has_batch_axis,
    read_signatures,
)
from model_server.errors import StatusError
from serving_api.serving_pb2 import SignatureDef
from serving_api.tensors import DTYPE_OF, dtype_name

Array = npt.NDArray[Any]


class LiteRTEngine:
    """A model version in LiteRT; `describe` is answered from `card.json`.

    A signature whose every input and output has a free first dimension is run row by row, which takes for granted
    that rows do not depend on each other, as batching across requests does too.

    Args:
        version_dir: holds `model.tflite`; `saved_model.pb` beside it gives the names, `card.json` the card.
        threads: threads of one run.
    Raises: StatusError INVALID_ARGUMENT for a file that is no LiteRT model or does not agree with the SavedModel.
    """

    def __init__(self, version_dir: Path, threads: int) -> None:
        path = version_dir / LITERT_FILE
        try:
            # Read, not mapped: a file that is overwritten in place would kill the process (SIGBUS).
            interpreter = Interpreter(model_content=path.read_bytes(), num_threads=max(1, threads))
            names = list(interpreter.get_signature_list())
            runners = {name: interpreter.get_signature_runner(name) for name in names}
        except (OSError, ValueError, RuntimeError) as error:
            raise StatusError(StatusCode.INVALID_ARGUMENT, f"Could not load {path}: {error}") from error
        if not runners:
            raise StatusError(StatusCode.INVALID_ARGUMENT, f"{path} has no signature: convert it from a SavedModel")
        self._card = Card(version_dir) if (version_dir / CARD_FILE).is_file() else None
        self.signatures: Mapping[str, SignatureDef] = self._read_signatures(version_dir, runners)
        self._programs = {
            name: _Program(runner, self.signatures[name], f"signature {name} of {path}")
            for name, runner in _named(runners, self.signatures).items()
        }
        self.batchable = DEFAULT_SIGNATURE in self._programs and self._programs[DEFAULT_SIGNATURE].by_row
        # One interpreter for all signatures, and it is not thread-safe. The lock is taken for each row, so that a
        # single picture waits for one row of a large batch, not for all of it.
        self._lock = threading.Lock()

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run one signature; see `model_server.engines.Engine.run`."""
        if signature == DESCRIBE_SIGNATURE and self._card:
            return {VALUE: self._card.describe(inputs[KEY])}
        program = self._programs.get(signature)
        if program is None:
            raise StatusError(
                StatusCode.UNIMPLEMENTED, f'Signature "{signature}" is not in {LITERT_FILE}: it needs TensorFlow'
            )
        return program.run(inputs, outputs, self._lock)

    def close(self) -> None:
        """Free the interpreter with its last runner."""
        self._programs = {}

    def _read_signatures(self, version_dir: Path, runners: Mapping[str, Any]) -> dict[str, SignatureDef]:
        if (version_dir / SAVED_MODEL_FILE).is_file():
            return read_signatures(version_dir)
        signatures = {
            name: derive_signature(runner.get_input_details(), runner.get_output_details())
            for name, runner in runners.items()
        }
        if self._card:
            signatures[DESCRIBE_SIGNATURE] = describe_signature()
        return signatures


class _Program:
    """One signature of the file, with the SavedModel's aliases mapped on the file's names."""

    def __init__(self, runner: Any, signature: SignatureDef, what: str) -> None:
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        self._runner = runner
        self._inputs = _match(inputs, signature.inputs, f"inputs of {what}")
        self._outputs = _match(outputs, signature.outputs, f"outputs of {what}")
        self._empty = {
            alias: np.empty(
                (0, *(max(0, size) for size in outputs[name]["shape_signature"][1:])), outputs[name]["dtype"]
            )
            for alias, name in self._outputs.items()
        }
        self.by_row = has_batch_axis(signature)

    def run(self, inputs: Mapping[str, Array], outputs: Sequence[str], lock: threading.Lock) -> dict[str, Array]:
        if not self.by_row:
            return self._run_once(inputs, outputs, lock)
        counts = {len(array) for array in inputs.values()}
        if len(counts) != 1:
            raise StatusError(StatusCode.INVALID_ARGUMENT, f"inputs have different numbers of rows: {sorted(counts)}")
        rows = [
            self._run_once({alias: array[row : row + 1] for alias, array in inputs.items()}, outputs, lock)
            for row in range(counts.pop())
        ]
        return {
            alias: np.concatenate([row[alias] for row in rows]) if rows else self._empty[alias] for alias in outputs
        }

    def _run_once(self, inputs: Mapping[str, Array], outputs: Sequence[str], lock: threading.Lock) -> dict[str, Array]:
        arrays = {self._inputs[alias]: array for alias, array in inputs.items()}
        try:
            with lock:
                results = self._runner(**arrays)
        except (ValueError, RuntimeError) as error:
            # TensorFlow's kernels call an input that they cannot work with INVALID_ARGUMENT too.
            raise StatusError(StatusCode.INVALID_ARGUMENT, f"LiteRT: {error}") from error
        return {alias: results[self._outputs[alias]] for alias in outputs}


def _named(runners: Mapping[str, Any], signatures: Mapping[str, SignatureDef]) -> dict[str, Any]:
    """Give the file's signatures the SavedModel's names; a lone one of another name is the default one."""
    named = {name: runner for name, runner in runners.items() if name in signatures}
    if not named and len(runners) == 1 and DEFAULT_SIGNATURE in signatures:
        return {DEFAULT_SIGNATURE: next(iter(runners.values()))}
    if not named:
        raise StatusError(
            StatusCode.INVALID_ARGUMENT,
            f"{LITERT_FILE} has the signatures {sorted(runners)}, the SavedModel {sorted(signatures)}",
        )
    return named


def _match(details: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Any], what: str) -> dict[str, str]:
    """Map the SavedModel's aliases on the file's names: the same ones, or the only one on either side.

    The converter keeps aliases, except that it may rename a lone tensor when it starts from a Keras model.
    """
    if set(details) == set(wanted):
        names = {alias: alias for alias in wanted}
    elif len(details) == len(wanted) == 1:
        names = {next(iter(wanted)): next(iter(details))}
    else:
        raise StatusError(
            StatusCode.INVALID_ARGUMENT, f"{what} are {sorted(details)}, the SavedModel's are {sorted(wanted)}"
        )
    for alias, name in names.items():
        dtype = DTYPE_OF.get(np.dtype(details[name]["dtype"]))
        if dtype != wanted[alias].dtype:
            raise StatusError(
                StatusCode.INVALID_ARGUMENT,
                f"{what}: {alias} is {np.dtype(details[name]['dtype'])}, "
                f"the SavedModel's is {dtype_name(wanted[alias].dtype)}",
            )
    return names

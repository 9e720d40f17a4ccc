"""Reader of PyTorch's legacy checkpoints (`torch.save` before 1.6) without PyTorch.

Layout, from torch/serialization.py: five pickles one after the other (magic number, protocol version, system
information, the object, the keys of its storages), then for each key an int64 count and that many raw elements. A
tensor in the object is a view (storage key, offset, shape, strides in elements) and need not be contiguous.
"""

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class CheckpointError(ValueError):
    """The file is no legacy PyTorch checkpoint of plain tensors."""


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _View:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _View:
    return _View(storage, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    """Resolve the four names that a checkpoint of tensors needs and refuse every other: a pickle can run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise CheckpointError(f"The checkpoint names {module}.{name}, which a file of plain tensors has no use for.")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, count, *_ = pid
        if kind != "storage":
            raise CheckpointError(f"The checkpoint refers to a {kind!r}; only storages are understood.")
        return _Storage(str(key), dtype, int(count))


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Read every tensor of a legacy PyTorch checkpoint.

    Args:
        path: a file written by `torch.save(state_dict, path)` in the legacy format.
    Returns: tensors by name, contiguous, in the shapes that PyTorch shows (strides are honoured).
    Raises: CheckpointError if the file is in another format, is cut short, or would run code when unpickled.
    """
    with path.open("rb") as file:

        def load() -> Any:
            return _Unpickler(file).load()

        try:
            if load() != _MAGIC or load() != _PROTOCOL:
                raise CheckpointError(f"{path} is not a legacy PyTorch checkpoint.")
            if not load().get("little_endian"):
                raise CheckpointError(f"{path} was written on a big-endian machine.")
            views, keys = load(), load()
        except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{path} is not a legacy PyTorch checkpoint: {error}") from error
        dtypes = {view.storage.key: view.storage for view in views.values()}
        storages = {key: _read_storage(file, path, dtypes[key]) for key in map(str, keys)}
    return {name: _materialise(view, storages[view.storage.key]) for name, view in views.items()}


def _read_storage(file: BinaryIO, path: Path, storage: _Storage) -> np.ndarray:
    count = int.from_bytes(file.read(8), "little")
    raw = file.read(count * storage.dtype.itemsize)
    if count != storage.count or len(raw) != count * storage.dtype.itemsize:
        raise CheckpointError(f"{path} is cut short: storage {storage.key} should hold {storage.count} numbers.")
    return np.frombuffer(raw, storage.dtype)


def _materialise(view: _View, storage: np.ndarray) -> np.ndarray:
    last = view.offset + sum((n - 1) * stride for n, stride in zip(view.shape, view.strides, strict=True))
    if last >= len(storage) or view.offset < 0 or any(stride < 0 for stride in view.strides):
        raise CheckpointError(f"A tensor reaches outside of its storage {view.storage.key}.")
    strides = tuple(stride * storage.itemsize for stride in view.strides)
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides, writeable=False).copy()

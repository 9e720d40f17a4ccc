import io
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from training.backbones.checkpoint import CheckpointError, read_checkpoint


class _Global:
    """Pickles as a reference to a name that is not importable here."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class _Tensor:
    def __init__(self, key, offset, shape, strides, count):
        self.parts = (key, offset, shape, strides, count)


class _Writer(pickle._Pickler):
    """Write `torch._utils._rebuild_tensor_v2` calls without PyTorch."""

    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, _Storage) else None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, _Global):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, _Tensor):
            key, offset, shape, strides, count = obj.parts
            self.save(_Global("torch._utils", "_rebuild_tensor_v2"))
            self.save((_Storage(key, count), offset, shape, strides, False, OrderedDict()))
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


class _Storage:
    def __init__(self, key, count):
        self.pid = ("storage", _Global("torch", "FloatStorage"), key, "cpu", count, None)


def _pickled(obj):
    buffer = io.BytesIO()
    _Writer(buffer, protocol=2).dump(obj)
    return buffer.getvalue()


def _checkpoint(tensors, storages):
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, tensors, list(storages)]
    raw = [len(v).to_bytes(8, "little") + np.asarray(v, "<f4").tobytes() for v in storages.values()]
    return b"".join(map(_pickled, head)) + b"".join(raw)


def test_strides_and_offsets_are_honoured(tmp_path):
    """A tensor that is a transposed view from the middle of its storage comes out as PyTorch shows it."""
    path = tmp_path / "w.pth"
    path.write_bytes(_checkpoint(OrderedDict(w=_Tensor("7", 1, (2, 3), (1, 2), 8)), {"7": np.arange(8)}))

    assert read_checkpoint(path)["w"].tolist() == [[1, 3, 5], [2, 4, 6]]


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    """Any other name than the four that tensors need is refused before it is called."""
    path = tmp_path / "w.pth"
    path.write_bytes(_checkpoint(_Global("os", "system"), {}))

    with pytest.raises(CheckpointError, match=r"os.system"):
        read_checkpoint(path)


def test_a_view_outside_of_its_storage_is_refused(tmp_path):
    """Strides that reach beyond the storage never read foreign memory."""
    path = tmp_path / "w.pth"
    path.write_bytes(_checkpoint(OrderedDict(w=_Tensor("7", 0, (9,), (1,), 8)), {"7": np.arange(8)}))

    with pytest.raises(CheckpointError, match="outside"):
        read_checkpoint(path)


@pytest.mark.parametrize("cut", [0, 10, -3])
def test_a_file_cut_short_is_refused(tmp_path, cut):
    """A download that broke off is an error in words, wherever it broke off."""
    path = tmp_path / "w.pth"
    path.write_bytes(_checkpoint(OrderedDict(w=_Tensor("7", 0, (8,), (1,), 8)), {"7": np.arange(8)})[:cut])

    with pytest.raises(CheckpointError):
        read_checkpoint(path)

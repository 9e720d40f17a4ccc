import pytest
from grpc import StatusCode

from model_server.engines.signatures import derive_signature, has_batch_axis, read_signatures
from model_server.errors import StatusError
from serving_api import serving_pb2 as pb
from serving_api.tensors import shape_proto


def signature(inputs, outputs):
    def infos(shapes):
        return {name: pb.TensorInfo(dtype=pb.DT_FLOAT, tensor_shape=shape_proto(s)) for name, s in shapes.items()}

    return pb.SignatureDef(inputs=infos(inputs), outputs=infos(outputs))


def graph(tags, **signatures):
    return pb.MetaGraphDef(meta_info_def=pb.MetaGraphDef.MetaInfoDef(tags=tags), signature_def=signatures)


def test_read_signatures_of_the_serving_graph(tmp_path):
    """Of several graphs the one tagged `serve`, and nothing else, is read."""
    wanted = signature({"x": [None]}, {"y": [None]})
    graphs = [graph(["train"], a=pb.SignatureDef()), graph(["serve", "gpu"]), graph(["serve"], b=wanted)]
    (tmp_path / "saved_model.pb").write_bytes(pb.SavedModel(meta_graphs=graphs).SerializeToString())
    assert {"b": wanted} == read_signatures(tmp_path)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, StatusCode.NOT_FOUND),
        (b"\xff" * 20, StatusCode.DATA_LOSS),
        (pb.SavedModel(meta_graphs=[graph(["train"])]).SerializeToString(), StatusCode.NOT_FOUND),
    ],
    ids=["no file", "not a SavedModel", "no serving graph"],
)
def test_read_signatures_refused(tmp_path, content, code):
    """A SavedModel that cannot serve has the loader's code."""
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(StatusError) as failure:
        read_signatures(tmp_path)
    assert code == failure.value.code


@pytest.mark.parametrize(
    ("inputs", "outputs", "batchable"),
    [
        ({"x": [None, 3]}, {"y": [None, 2]}, True),
        ({"x": [None, 3], "scale": []}, {"y": [None, 2]}, False),
        ({"x": [None, 3]}, {"mean": [2]}, False),
        ({"x": [1, 3]}, {"y": [1, 2]}, False),
        ({}, {"y": [None]}, False),
    ],
)
def test_batch_axis(inputs, outputs, batchable):
    """Rows can be joined only where every tensor's first dimension is free."""
    assert batchable == has_batch_axis(signature(inputs, outputs))


def test_batch_axis_of_unknown_rank():
    """A tensor of unknown rank has no batch axis that could be relied on."""
    one = signature({"x": [None]}, {"y": [None]})
    one.outputs["y"].tensor_shape.Clear()
    one.outputs["y"].tensor_shape.unknown_rank = True
    assert not has_batch_axis(one)


def test_derive_signature_of_an_unknown_type():
    """A tensor type that the wire cannot carry is refused by name."""
    details = {"x": {"name": "x:0", "dtype": "datetime64[s]", "shape_signature": [-1]}}
    with pytest.raises(StatusError, match="x has the unsupported type"):
        derive_signature(details, {})

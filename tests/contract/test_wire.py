"""Our messages and those of the real tensorflow-serving-api package are the same bytes, in both directions."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from serving_api import config_pb2, services, tensors, tfrecord
from serving_api import serving_pb2 as pb

PAIRS = {
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "GetModelMetadataRequest": get_model_metadata_pb2.GetModelMetadataRequest,
    "GetModelMetadataResponse": get_model_metadata_pb2.GetModelMetadataResponse,
    "SignatureDefMap": get_model_metadata_pb2.SignatureDefMap,
    "GetModelStatusRequest": get_model_status_pb2.GetModelStatusRequest,
    "GetModelStatusResponse": get_model_status_pb2.GetModelStatusResponse,
    "ReloadConfigRequest": model_management_pb2.ReloadConfigRequest,
    "ReloadConfigResponse": model_management_pb2.ReloadConfigResponse,
    "PredictionLog": prediction_log_pb2.PredictionLog,
    "SavedModel": saved_model_pb2.SavedModel,
    "MetaGraphDef": meta_graph_pb2.MetaGraphDef,
    "TensorProto": tf.make_tensor_proto(0).__class__,
    "ModelServerConfig": model_server_config_pb2.ModelServerConfig,
}


def fill(message, other, depth=0):
    """Set every field of `message` that `other`'s type has too, with distinct values, recursively."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            target = getattr(message, field.name)
            if value.message_type:
                fill(target[f"key{field.number}"], other, depth + 1)
            else:
                target[f"key{field.number}"] = field.number
        elif field.message_type:
            if depth < 8:
                target = getattr(message, field.name)
                fill(target.add() if field.is_repeated else target, other, depth + 1)
                if not field.is_repeated:
                    target.SetInParent()
        else:
            value = _scalar(field)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


def _scalar(field):
    number = field.number
    if field.enum_type:
        return field.enum_type.values[-1].number
    return {
        field.TYPE_STRING: f"text{number}",
        field.TYPE_BYTES: b"bytes%d" % number,
        field.TYPE_BOOL: True,
        field.TYPE_FLOAT: number / 2,
        field.TYPE_DOUBLE: number / 4,
    }.get(field.type, number)


def same_bytes(message):
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", PAIRS)
def test_the_same_bytes_both_ways(name):
    """A message with every field set means the same to both packages: text and bytes agree, and nothing is unknown."""
    ours = fill((getattr(pb, name, None) and getattr(pb, name)()) or getattr(config_pb2, name)(), PAIRS[name])
    theirs = PAIRS[name].FromString(same_bytes(ours))
    assert same_bytes(ours) == same_bytes(theirs)
    assert ours == type(ours).FromString(same_bytes(theirs))
    # Equal bytes also come from fields that one side does not know: the texts name each field.
    assert text_format.MessageToString(ours) == text_format.MessageToString(theirs)


def test_a_field_number_that_is_off_is_noticed():
    """The comparison by text sees an unknown field, so the test above can fail."""
    ours = pb.PredictRequest(output_filter=["probabilities"])
    other = predict_pb2.PredictResponse.FromString(ours.SerializeToString())
    assert text_format.MessageToString(ours) != text_format.MessageToString(other)


@pytest.mark.parametrize("number", sorted(tensors.NUMPY_OF), ids=pb.DataType.Name)
def test_tensors_are_tensorflows(number):
    """TensorFlow reads our tensors, we read TensorFlow's, for every dtype, in both encodings."""
    values = (
        np.array([[b"a", b"bc"]], object)
        if number == pb.DT_STRING
        else np.array([[0, 1]]).astype(tensors.NUMPY_OF[number])
    )
    ours = tensors.to_tensor_proto(values)
    theirs = tf.make_tensor_proto(values)
    assert values.tolist() == tf.make_ndarray(type(theirs).FromString(ours.SerializeToString())).tolist()
    assert values.tolist() == tensors.to_array(pb.TensorProto.FromString(theirs.SerializeToString())).tolist()
    single = tf.make_tensor_proto(values.flat[0], shape=(2, 3))  # TensorFlow writes one value for all
    assert (
        tf.make_ndarray(single).tolist()
        == tensors.to_array(pb.TensorProto.FromString(single.SerializeToString())).tolist()
    )


def test_data_types_have_tensorflows_numbers():
    """Each dtype's name and number are TensorFlow's."""
    assert {name: tf.dtypes.as_dtype(number).as_datatype_enum for name, number in pb.DataType.items() if number} == {
        name: number for name, number in pb.DataType.items() if number
    }


def test_method_paths_are_the_originals():
    """The generated stubs of the real package call the paths that we serve."""
    called = []

    class Channel:
        def unary_unary(self, path, **_):
            called.append(path)

        unary_stream = stream_unary = stream_stream = unary_unary

    prediction_service_pb2_grpc.PredictionServiceStub(Channel())
    services.PredictionServiceStub(Channel())
    assert [f"/{services.PREDICTION_SERVICE}/Predict", f"/{services.PREDICTION_SERVICE}/GetModelMetadata"] == called[
        -2:
    ]
    assert set(called[-2:]) <= set(called[:-2])


def test_record_files_are_tensorflows(tmp_path):
    """TensorFlow reads the record files that we write, and we read those that it writes."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    tfrecord.write_records(ours, [b"a", b"bc"])
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        writer.write(b"a")
        writer.write(b"bc")
    assert ours.read_bytes() == theirs.read_bytes()
    assert [b"a", b"bc"] == list(tfrecord.read_records(theirs))

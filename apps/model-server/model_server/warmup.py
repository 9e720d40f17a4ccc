"""Replay a model's recorded requests before it serves.

It makes the first real request fast, and finds versions that load and then cannot answer.

Source: tensorflow_serving/servables/tensorflow/saved_model_warmup_util.cc.
"""

import logging
import math
from pathlib import Path

import grpc
from google.protobuf.message import DecodeError

from model_server.errors import StatusError
from model_server.servable import Servable
from serving_api import serving_pb2 as pb
from serving_api.deadline import Deadline
from serving_api.tfrecord import RecordError, read_records

LOG = logging.getLogger(__name__)

FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000


def warm_up(servable: Servable, version_dir: Path, iterations: int = 1) -> int:
    """Run the requests recorded with a version.

    Args:
        servable: the version, loaded.
        version_dir: its directory; TFRecord of PredictionLog under `assets.extra/tf_serving_warmup_requests`.
        iterations: how often each request is run.
    Returns: number of requests run; 0 where there is no such file.
    Raises: StatusError: INVALID_ARGUMENT or DATA_LOSS (the file), or what the request failed with.
    """
    path = version_dir / FILE
    if not path.is_file():
        LOG.info("no warm-up requests for %s version %d", servable.name, servable.version)
        return 0
    run = 0
    try:
        for count, record in enumerate(read_records(path), 1):
            if count > MAX_RECORDS:
                raise StatusError(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}",
                )
            run += _replay(servable, record, iterations)
    except (RecordError, DecodeError, OSError) as error:
        raise StatusError(
            grpc.StatusCode.DATA_LOSS, f"Failed to read warmup record: {path}. Errors: {error}"
        ) from error
    return run


def _replay(servable: Servable, record: bytes, iterations: int) -> int:
    log = pb.PredictionLog.FromString(record)
    if not log.HasField("predict_log"):
        LOG.warning("warm-up request of %s that is not Predict: skipped", servable.name)
        return 0
    for _ in range(max(iterations, 1)):
        servable.predict(log.predict_log.request, Deadline.after(math.inf), batched=False)
    return max(iterations, 1)

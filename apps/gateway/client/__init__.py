"""Ask a gateway, TensorFlow Serving or KServe from Python or the command line: see README.md."""

from gateway.client.client import PROTOCOLS, Client, connect
from gateway.client.errors import (
    ClientError,
    Mismatch,
    OutOfTime,
    PictureRefused,
    Refused,
    Unavailable,
    UsageError,
)
from gateway.client.patience import Patience
from gateway.client.results import Description, Picture, Prediction

__all__ = [
    "PROTOCOLS",
    "Client",
    "ClientError",
    "Description",
    "Mismatch",
    "OutOfTime",
    "Patience",
    "Picture",
    "PictureRefused",
    "Prediction",
    "Refused",
    "Unavailable",
    "UsageError",
    "connect",
]

"""The errors of a call to the model server.

ServingError            any failure; `code` is gRPC's, None where no server was asked
├── InvalidRequest      the server refused the input
├── ModelNotFound       no such model, version, label or signature
├── ModelUnavailable    no server, or none that has the model ready: try again
│   └── OverCapacity    the server's queue is full: try again later
├── ModelTimeout        the deadline passed, retries included
├── ContractMismatch    the server answers, but not what the protocol or contract promises
└── ServerError         the server failed at its work
"""

import grpc


class ServingError(Exception):
    """A call to the model server failed; the base of all that `serving_api.client` raises."""

    def __init__(self, message: str, code: grpc.StatusCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class InvalidRequest(ServingError):  # noqa: N818 - what a reader of `except` wants to see
    """The server refused the input: wrong name, dtype or shape."""


class ModelNotFound(ServingError):  # noqa: N818
    """The server has no such model, version, label or signature."""


class ModelUnavailable(ServingError):  # noqa: N818
    """No server is reached, or none that has the model ready."""


class OverCapacity(ModelUnavailable):
    """The server has too much to do: its queue is full."""


class ModelTimeout(ServingError):  # noqa: N818
    """The deadline passed before an answer came."""


class ContractMismatch(ServingError):  # noqa: N818
    """The server's answer is not what the protocol or the model's contract promises."""


class ServerError(ServingError):
    """The server failed at its work."""


_CLASS_OF: dict[grpc.StatusCode, type[ServingError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.FAILED_PRECONDITION: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: ModelNotFound,
    grpc.StatusCode.UNAVAILABLE: ModelUnavailable,
    grpc.StatusCode.CANCELLED: ModelUnavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: OverCapacity,
    grpc.StatusCode.DEADLINE_EXCEEDED: ModelTimeout,
    grpc.StatusCode.UNIMPLEMENTED: ContractMismatch,
}


# TensorFlow Serving says it as UNAVAILABLE, like a server that is not there: shared_batch_scheduler.h.
_QUEUE_FULL = "The batch scheduling queue to which this task was submitted is full"

# What gRPC itself says of a message above a limit, by the code that a server uses for a lack of room.
_TOO_LONG = "message larger than max"


def from_rpc_error(error: grpc.RpcError) -> ServingError:
    """Choose the class of an RPC's failure by its status code; codes that are not listed are a ServerError."""
    code, details = error.code(), error.details() or "no details"
    if code is grpc.StatusCode.UNAVAILABLE and _QUEUE_FULL in details:
        return OverCapacity(f"{details} ({code.name})", code)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LONG in details:
        return ContractMismatch(f"{details} ({code.name})", code)
    return _CLASS_OF.get(code, ServerError)(f"{details} ({code.name})", code)

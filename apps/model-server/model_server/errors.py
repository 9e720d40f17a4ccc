"""The one error of the model server: a status code and a sentence, which gRPC and REST both can answer.

The codes and, where clients are known to match on them, the sentences are TensorFlow Serving's.
"""

import grpc


class StatusError(Exception):
    """A request, a load or a configuration that failed, with the status its client sees.

    Args:
        code: gRPC's status code; REST derives its HTTP status from it.
        message: a sentence for people.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def number(self) -> int:
        """Give the code as the number that `StatusProto.error_code` carries."""
        number: int = self.code.value[0]
        return number

    def __str__(self) -> str:
        """Write the error as TensorFlow Serving logs it: `NOT_FOUND: sentence`."""
        return f"{self.code.name}: {self.message}"


def as_status_error(error: Exception) -> StatusError:
    """Give any failure a status: INTERNAL where the code did not foresee it."""
    if isinstance(error, StatusError):
        return error
    return StatusError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")

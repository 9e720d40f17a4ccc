"""The errors of the client.

ClientError             any failure; `exit_status` is what the command line ends with
├── UsageError          2  an argument, a file or a key that cannot be used; nobody was asked
├── Refused             3  the server understood and says no (4xx); asking again would not help
│   └── PictureRefused  3  this one picture is not taken: not a picture, broken, too large, a URL that is not accepted
├── Unavailable         4  no server, none that is ready, or one with too much to do (429, 503): asked again meanwhile
├── OutOfTime           5  the deadline passed, here or there (504)
└── Mismatch            6  the server failed (5xx), or its answer is not what the protocol promises

Messages are one line. None holds a key.
"""

_LONGEST = 300  # characters; web pages can be wordy


class ClientError(Exception):
    """Something failed; the message says what in one line."""

    exit_status = 1

    def __init__(self, message: str) -> None:
        super().__init__(on_one_line(message))


class UsageError(ClientError):
    """An argument, a file or a key cannot be used."""

    exit_status = 2


class Refused(ClientError):  # noqa: N818 - what a reader of `except` wants to see
    """The server says no; `status` is HTTP's, and `type` the problem's where it names one."""

    exit_status = 3

    def __init__(self, message: str, status: int = 400, type_: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.type = type_


class PictureRefused(Refused):
    """This picture is not taken; others may be."""


class Unavailable(ClientError):  # noqa: N818
    """Nobody answers, or not now; `retry_after_s` is how long the server wants to be left alone, seconds."""

    exit_status = 4

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OutOfTime(ClientError):  # noqa: N818
    """The deadline passed before an answer came."""

    exit_status = 5


class Mismatch(ClientError):  # noqa: N818
    """The server failed, or what it answers cannot be believed."""

    exit_status = 6


def on_one_line(text: str) -> str:
    """Put a reason on one line of bearable length, without what a terminal would obey."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."

"""Rules of reading a stranger's HTTP answer."""

import contextlib
import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.exchange import MAX_HEAD_BYTES, BrokenExchangeError, Exchange
from serving_api.deadline import Deadline

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@contextlib.contextmanager
def answered(data, *, piece=65536):
    """An exchange whose other side sends this, so many bytes at a time, and closes; and the request that it saw."""
    ours, theirs = socket.socketpair()
    seen = []

    def send():
        with contextlib.suppress(OSError), theirs:
            seen.append(theirs.recv(65536))
            for start in range(0, len(data), piece):
                theirs.sendall(data[start : start + piece])
            theirs.shutdown(socket.SHUT_WR)
            theirs.recv(1)

    thread = threading.Thread(target=send)
    thread.start()
    with ours:
        yield Exchange(ours, Deadline.after(5)), seen
    thread.join()


def read(data, **options):
    """The final status and the whole body."""
    with answered(data, **options) as (exchange, _):
        head = exchange.ask("/a", {"Host": "a.example"})
        return head.status, b"".join(exchange.body(head))


def test_the_request():
    """One line, the headers given, and that neither compression nor another request is wanted."""
    with answered(OK + b"\r\n") as (exchange, seen):
        exchange.ask("/a?b", {"Host": "a.example"})
    lines = seen[0].decode().split("\r\n")
    assert ["GET /a?b HTTP/1.1", "Host: a.example"] == lines[:2]
    assert {"Accept-Encoding: identity", "Connection: close"} < set(lines)


@pytest.mark.parametrize("piece", [1, 7, 65536])
@pytest.mark.parametrize(
    "data",
    [
        OK + b"Content-Length: 5\r\n\r\nabcde and more",
        OK + b"content-length:5, 5\r\nCONTENT-LENGTH: 5\r\n\r\nabcde",
        OK + b"\r\nabcde",
        b"HTTP/1.0 200\r\n\r\nabcde",
        b"HTTP/1.1 200 \n\nabcde",
        CHUNKED + b"2\r\nab\r\n03;x=y\r\ncde\r\n0\r\nTrailer: x\r\n\r\n",
        OK + b"TRANSFER-ENCODING: Chunked\r\n\r\n5 \r\nabcde\r\n0\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"\r\nabcde",
    ],
)
def test_answers_that_are_read(data, piece):
    """However a host frames its answer, and however it arrives, it is the same."""
    assert (200, b"abcde") == read(data, piece=piece)


@pytest.mark.parametrize(
    "data",
    [
        OK + b"Content-Length: 6\r\n\r\nabcde",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        OK + b"Content-Length: 5,\r\n\r\nabcde",
        OK + b"Content-Length: 0x5\r\n\r\nabcde",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: identity\r\n\r\nabcde",
        CHUNKED + b"5\r\nabcde",
        CHUNKED + b"5\r\nabcdef\r\n0\r\n\r\n",
        CHUNKED + b"\r\nabcde",
        CHUNKED + b"0x5\r\nabcde\r\n0\r\n",
        CHUNKED + b"5" + b" " * 2000 + b"\r\nabcde\r\n0\r\n",
        CHUNKED + b"1\r\nx\r\n" * 60_000 + b"0\r\n\r\n",
        CHUNKED + (b"20\r\n" + b"x" * 32 + b"\r\n") * 20_000 + b"0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5000 + OK + b"\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"\r\n" + OK + b"\r\n",
        OK + b" folded: x\r\n\r\n",
        OK + b"a b: x\r\n\r\n",
        OK + b"X: \0\r\n\r\n",
        OK + b"X: a\rb\r\n\r\n",
        OK + b"X: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
        OK[:-3],
        b"",
    ],
)
def test_answers_that_are_refused(data):
    """What is cut short, ambiguous, too long or not HTTP is not read."""
    with pytest.raises(BrokenExchangeError):
        read(data)


def test_chunks_of_usual_sizes_are_read_to_their_end():
    """A large body in chunks of 512 bytes has budget enough for what is around them."""
    status, body = read(CHUNKED + (b"200\r\n" + b"x" * 512 + b"\r\n") * 20_000 + b"0\r\n\r\n")
    assert (200, 512 * 20_000) == (status, len(body))


def test_the_deadline_is_noticed_when_it_is_brought_forward():
    """A fetch whose caller goes away ends within a moment, though its time is not up."""

    class Brought(Deadline):
        forward = False

        def remaining_s(self):
            return 0.0 if Brought.forward else super().remaining_s()

    ours, theirs = socket.socketpair()
    with ours, theirs:
        timer = threading.Timer(0.1, lambda: setattr(Brought, "forward", True))
        timer.start()
        began_s = time.monotonic()
        with pytest.raises(TimeoutError):
            Exchange(ours, Brought.after(30)).ask("/", {})
        assert 5 > time.monotonic() - began_s


_PIECES = st.sampled_from(
    [
        OK,
        b"\r\n",
        b"\n",
        CHUNKED,
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"X: y\r\n",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(_PIECES, st.binary(max_size=20)), max_size=12).map(b"".join))
def test_any_bytes_are_an_answer_or_broken(data):
    """Whatever comes, it is read or refused; nothing else is raised."""
    with contextlib.suppress(BrokenExchangeError):
        status, body = read(data)
        assert 200 <= status <= 999
        assert len(body) <= len(data)

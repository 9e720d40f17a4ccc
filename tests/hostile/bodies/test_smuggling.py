"""Two requests in one: bytes whose end the gateway and a proxy before it might see at different places.

Every case holds a GET of /version where some parser sees the next request and another one sees a body. A proxy that
takes it for a body passes it on unchecked, so the gateway must not answer it.
"""

import socket
import time

import pytest

HIDDEN = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
END = b"0\r\n\r\n"
SILENCE_S = 0.5


def head(*headers, line=b"POST /predict HTTP/1.1", host=b"Host: x"):
    return b"\r\n".join([line, host, b"Content-Type: image/png", *headers, b"", b""])


def length(count):
    return b"Content-Length: " + str(count).encode()


HIDDEN_CHUNK = b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n" + END
CASES = {
    "length and chunks": head(length(len(END)), CHUNKED) + END + HIDDEN,
    "chunks and length": head(CHUNKED, length(len(END + HIDDEN))) + END + HIDDEN,
    "two lengths": head(length(0), length(len(HIDDEN))) + HIDDEN,
    "two lengths in one": head(b"Content-Length: 0, %d" % len(HIDDEN)) + HIDDEN,
    "length with a sign": head(b"Content-Length: +0") + HIDDEN,
    "length below zero": head(b"Content-Length: -1") + HIDDEN,
    "length in hexadecimal": head(b"Content-Length: 0x0") + HIDDEN,
    "length with an underscore": head(b"Content-Length: 0_0") + HIDDEN,
    "length in other digits": head("Content-Length: \u0660".encode()) + HIDDEN,
    "length of nothing": head(b"Content-Length: ") + HIDDEN,
    "length of thousands of digits": head(b"Content-Length: " + b"0" * 5000) + HIDDEN,
    "length with a space before the colon": head(b"Content-Length : %d" % len(HIDDEN)) + HIDDEN,
    "length on a folded line": head(b"X: a\r\n Content-Length: %d" % len(HIDDEN)) + HIDDEN,
    "length after a bare line feed": head(b"X: a\nContent-Length: %d" % len(HIDDEN)) + HIDDEN,
    "length after a bare carriage return": head(b"X: a\rContent-Length: %d" % len(HIDDEN)) + HIDDEN,
    "length after a zero byte": head(b"X: a\0Content-Length: %d" % len(HIDDEN)) + HIDDEN,
    "chunks of another name": head(b"Transfer-Encoding: xchunked", length(0)) + HIDDEN,
    "chunks twice": head(CHUNKED, CHUNKED) + END + HIDDEN,
    "chunks and identity": head(CHUNKED, b"Transfer-Encoding: identity") + END + HIDDEN,
    "chunks in a list": head(b"Transfer-Encoding: chunked, identity") + END + HIDDEN,
    "chunks after gzip": head(b"Transfer-Encoding: gzip, chunked") + END + HIDDEN,
    "chunks with a space before the colon": head(b"Transfer-Encoding : chunked", length(0)) + HIDDEN_CHUNK,
    "chunks with a tab": head(b"Transfer-Encoding:\tchunked", length(0)) + HIDDEN_CHUNK,
    "chunks with a control character": head(b"Transfer-Encoding: \x0bchunked", length(0)) + HIDDEN_CHUNK,
    "chunks in quotes": head(b'Transfer-Encoding: "chunked"', length(0)) + HIDDEN_CHUNK,
    "chunks on a folded line": head(b"Transfer-Encoding:\r\n chunked", length(0)) + HIDDEN_CHUNK,
    "chunks of HTTP/1.0": head(CHUNKED, line=b"POST /predict HTTP/1.0") + END + HIDDEN,
    "chunk of a negative size": head(CHUNKED) + b"-1\r\n" + HIDDEN,
    "chunk of a signed size": head(CHUNKED) + b"+0\r\n\r\n" + HIDDEN,
    "chunk of a size with 0x": head(CHUNKED) + b"0x0\r\n\r\n" + HIDDEN,
    "chunk of a size with an underscore": head(CHUNKED) + b"0_0\r\n\r\n" + HIDDEN,
    "chunk of an enormous size": head(CHUNKED) + b"f" * 40 + b"\r\n" + HIDDEN,
    "chunk of no size": head(CHUNKED) + b"\r\n\r\n" + HIDDEN,
    "chunk with a bare line feed": head(CHUNKED) + b"0\n\n" + HIDDEN,
    "chunk extension with a bare line feed": head(CHUNKED) + b"1;a\nb\r\nx\r\n" + END + HIDDEN,
    "chunk longer than it says": head(CHUNKED) + b"1\r\nxxx\r\n" + END + HIDDEN,
    "chunk without its end": head(CHUNKED) + b"1\r\nx" + END + HIDDEN,
    "trailer that is a header": head(CHUNKED) + b"0\r\nContent-Length: 5\r\n\r\n" + HIDDEN,
    "header without a colon": head(b"Content-Length") + HIDDEN,
    "header of no name": head(b": x") + HIDDEN,
    "header with a space first": b"POST /predict HTTP/1.1\r\n X: y\r\n" + length(len(HIDDEN)) + b"\r\n\r\n" + HIDDEN,
    "two hosts": head(b"Host: y", length(0)) + HIDDEN,
    "no host": head(length(0), host=b"X: y") + HIDDEN,
    "unknown HTTP": head(length(0), line=b"POST /predict HTTP/9.9") + HIDDEN,
    "HTTP of no version": b"POST /predict\r\n\r\n" + HIDDEN,
    "HTTP/2 by force": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "two spaces": head(length(0), line=b"POST  /predict  HTTP/1.1") + HIDDEN,
    "an address of a line": head(length(0), line=b"POST /predict\rHTTP/1.1 HTTP/1.1") + HIDDEN,
    "bytes that are no method": head(length(0), line=b"\x16\x03\x01 /predict HTTP/1.1") + HIDDEN,
    "expectation and body": head(b"Expect: 100-continue", length(0)) + HIDDEN,
    "body of a GET": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + length(len(HIDDEN)) + b"\r\n\r\n" + HIDDEN,
    "tunnel": head(length(0), line=b"CONNECT 127.0.0.1:1 HTTP/1.1") + HIDDEN,
    "upgrade": head(b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", length(0)) + HIDDEN,
}


def exchange(port, sent):
    """Send bytes; give all that comes back until the other side closes or is silent, and whether it closed."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=SILENCE_S) as connection:
        try:
            connection.sendall(sent)
            while chunk := connection.recv(65536):
                received += chunk
        except TimeoutError:
            return received, False
        except ConnectionError:
            return received, True
    return received, True


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(sent, id=name, marks=[pytest.mark.hostile] if number % 6 else [])  # one in six on every run
        for number, (name, sent) in enumerate(CASES.items())
    ],
)
def test_what_is_hidden_is_not_answered(gateway, sent):
    """What may be one request's body and another request is not answered as the second, and no answer is a 500."""
    began_s = time.monotonic()
    received, _ = exchange(gateway.port, sent)
    assert b'"commit"' not in received, received
    assert b"HTTP/1.1 5" not in received, received
    assert 5.5 > time.monotonic() - began_s
    assert 200 == gateway.call("/healthz")[0]


def test_two_requests_are_two(gateway):
    """Where one request's end is plain the next one is answered: the cases above fail for what is odd about them."""
    both = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        for request, expected in ((both, b'"status"'), (HIDDEN, b'"commit"')):
            connection.sendall(request)
            received = b""
            while expected not in received:
                received += connection.recv(65536)


def test_chunks_are_read(gateway):
    """A body in chunks is a body like any other."""
    received, _ = exchange(gateway.port, head(CHUNKED, b"Connection: close") + b"3;a=b\r\nabc\r\n" + END)
    assert received.startswith(b"HTTP/1.1 415"), received

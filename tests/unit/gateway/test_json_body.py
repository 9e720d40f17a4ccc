"""Rules of the JSON that the gateway reads: RFC 8259 and nothing beyond it, within limits."""

import json
import tracemalloc

import pytest

from gateway.json_body import MAX_DEPTH, read_json
from gateway.problems import Problem


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"a": [1, -2.5e3, true, false, null, "x"]}', {"a": [1, -2500.0, True, False, None, "x"]}),
        (b"\xef\xbb\xbf[]", []),
        (b'"\\ud83c\\udf55"', "\U0001f355"),
        ('"\U0001f355"'.encode(), "\U0001f355"),
        (b"\t\r\n 1 ", 1),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b"[" + b",".join([b"1"] * 1000) + b"]", [1] * 1000),
    ],
)
def test_json_is_read(body, document):
    """What RFC 8259 allows is read."""
    read = read_json(body)
    assert document is None or document == read


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"[1] 2", "not JSON"),
        (b"\xff\xfe[\x00]\x00", "not JSON"),
        ("[]".encode("utf-16-be"), "not JSON"),
        (b'"\xed\xa0\x80"', "not JSON"),
        (b'"\x01"', "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "too large"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b'"\\ud800"', "surrogate"),
        (b'[{"\\udfff": 1}]', "surrogate"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "deeper"),
        (b"[" * 100_000, "deeper"),
    ],
)
def test_json_is_refused(body, words):
    """What is no JSON, or is read one way by one parser and another way by the next, is a bad request."""
    with pytest.raises(Problem, match=words) as raised:
        read_json(body)
    assert 400 == raised.value.kind.status


@pytest.mark.parametrize("unit", [b"[],", b"{},", b"1,", b'"ab",', b'{"a":1},', b"[[", b'"ab"'])
def test_few_bytes_do_not_become_much_memory(unit):
    """A body of many small values costs its refusal, not the memory of the values."""
    body = b"[" + unit * (2**22 // len(unit)) + b"0]"
    tracemalloc.start()
    with pytest.raises(Problem):
        read_json(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 2**23 > peak, peak


def test_tensors_have_room():
    """The limit of values is the caller's to raise."""
    numbers = json.dumps([255] * 200_000).encode()
    assert 200_000 == len(read_json(numbers, max_values=200_000))
    with pytest.raises(Problem) as raised:
        read_json(numbers, max_values=199_999)
    assert 413 == raised.value.kind.status

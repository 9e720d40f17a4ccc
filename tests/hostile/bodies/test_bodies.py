"""Requests made to harm, sent to the real gateway in front of the real model server."""

import contextlib
import http.client
import json
import time

import pytest

from tests.hostile.bodies.requests import INSTANCES, PNG, PREDICT, all_requests

LIMIT_S = 5.5
REQUESTS = all_requests()
FEW = dict(list(REQUESTS.items())[::8])


def send(gateway, address, kind, body, headers):
    """Send a request as it is; give status, Content-Type, body and how long it took."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    began_s = time.monotonic()
    connection.putrequest("POST", address, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
        connection._buffer.append(f"{name}: {value}".encode("latin-1"))  # putheader would refuse some of them
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read
        connection.endheaders(body)
    with connection.getresponse() as response:
        answer = response.read()
    return response.status, response.headers, answer, time.monotonic() - began_s


def what_is_wrong(gateway, sent, right):
    """Send a request; say what is wrong with its answer, "" where nothing is, and how long it took."""
    try:
        status, headers, answer, took_s = send(gateway, *sent)
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}", 0.0
    if took_s > LIMIT_S:
        return f"took {took_s:.1f} s", took_s
    if status == 200:  # what was wrong with it is nothing to a picture: then the picture's answer is due
        return "" if answer == right.get(sent[0]) else f"{answer[:200]!r}", took_s
    if not 400 <= status < 500 or headers["Content-Type"] != "application/problem+json":
        return f"{status} {headers['Content-Type']} {answer[:200]!r}", took_s
    problem = json.loads(answer)
    is_whole = status == problem["status"] and problem["detail"] and b"Traceback" not in answer
    return "" if is_whole else f"{answer[:200]!r}", took_s


def assert_harmless(gateway, requests):
    """Send requests one by one; each is answered in words or with a result, in time, and good ones still are."""
    right = {address: plain_answer(gateway, address) for address in (PREDICT, INSTANCES)}
    wrong, longest_s = {}, 0.0
    for name, sent in requests.items():
        words, took_s = what_is_wrong(gateway, sent, right)
        longest_s = max(longest_s, took_s)
        if words:
            wrong[name] = words
    assert {} == wrong
    assert right == {address: plain_answer(gateway, address) for address in right}
    return longest_s


def plain_answer(gateway, address):
    """Ask about the picture in the plain way."""
    status, _, answer, _ = send(gateway, address, "image/png", PNG, {})
    assert 200 == status
    return answer


def test_a_few_requests_made_to_harm(gateway):
    """One in eight of them, on every run of the tests."""
    assert_harmless(gateway, FEW)


@pytest.mark.hostile
def test_all_requests_made_to_harm(gateway, peak_bytes, figures):
    """Every one of them is answered by a problem of status 400 to 499 or by a result, and none takes long."""
    longest_s = assert_harmless(gateway, REQUESTS)
    different = {(kind, body, str(headers)) for _, kind, body, headers in REQUESTS.values()}
    figures.add("hostile bodies", len(different), at_least=230)
    figures.add("requests with them", len(REQUESTS))
    figures.add("bodies: answers of 500, crashes, hangs", 0, at_most=0)
    figures.add("bodies: longest answer", longest_s, "s", at_most=LIMIT_S)
    figures.add("bodies: gateway's peak memory", peak_bytes() / 1e6, "MB", at_most=500)

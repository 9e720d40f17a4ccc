"""Pictures gone wrong are answered or refused; nothing else becomes of them."""

import base64
import http.client
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from gateway.pictures import PictureError, to_tensor
from tests.contract.running import Running
from tests.hostile.pictures.mutations import mutations, seeds
from tools.models import DEFAULT

COUNT, A_REQUEST, LIMIT_S = 10_000, 16, 5.5
FINE = {"ok", "NotAPicture", "UndecodablePicture", "PictureTooLarge"}


def test_some():
    """Whatever happened to a file, there is a tensor or a PictureError."""
    outcomes = Counter()
    for data in mutations(seeds(), 400, seed=3):
        try:
            assert (32, 32, 3) == to_tensor(data, 32, 32).shape
            outcomes["ok"] += 1
        except PictureError as error:
            outcomes[type(error).__name__] += 1
    assert FINE == set(outcomes)


@pytest.mark.hostile
def test_each_alone(figures, measured):
    """None crashes the decoder, takes a second of it, or raises what is not for people."""
    found = measured("mutations", COUNT, 1)
    assert COUNT == len(found)
    assert FINE >= {one["outcome"] for one in found}
    figures.add("mutated pictures", len(found), at_least=COUNT)
    figures.add("of them decoded", sum(one["outcome"] == "ok" for one in found))
    figures.add("dearest of them", max(one["cpu_s"] for one in found), "s of CPU", at_most=1)
    assert 3 > max(one["cpu_s"] for one in found)


@pytest.mark.hostile
def test_gateway(figures):
    """The gateway answers each with probabilities or with a problem of the caller's, soon, and stays."""
    running = Running()
    outcomes, slowest = Counter(), 0.0
    try:
        with ThreadPoolExecutor(2) as pool:
            files = mutations(seeds(), COUNT, seed=2)
            asked = pool.map(
                lambda some: _ask(running.ports[0], some), iter(lambda: list(islice(files, A_REQUEST)), [])
            )
            for took_s, statuses in asked:
                outcomes.update(statuses)
                slowest = max(slowest, took_s)
        assert None is running.process.poll()
    finally:
        running.stop()
    assert COUNT == outcomes.total()
    assert {200, 413, 415, 422} >= set(outcomes), outcomes
    figures.add("mutated pictures by HTTP", COUNT, at_least=COUNT)
    figures.add("of them answered with 500", outcomes[500], at_most=0)
    figures.add(f"slowest answer to {A_REQUEST} of them", slowest, "s", at_most=LIMIT_S)


def _ask(port, some):
    """Send pictures as one request. Returns: seconds that it took, and each picture's status."""
    instances = [{"b64": base64.b64encode(data).decode()} for data in some]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    begin_s = time.monotonic()
    body = json.dumps({"instances": instances})
    connection.request("POST", f"/v1/models/{DEFAULT}:predict", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.load(response)
    took_s = time.monotonic() - begin_s
    connection.close()
    if "predictions" not in answer:  # where all fail the answer is the first one's problem
        return took_s, [response.status] * len(instances)
    return took_s, [one["error"]["status"] if "error" in one else 200 for one in answer["predictions"]]

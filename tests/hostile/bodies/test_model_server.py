"""JSON made to harm at the embedded model server's REST API, which only the cluster's own network reaches."""

import urllib.error
import urllib.request

import pytest

from tests.hostile.bodies.json_texts import BAD, GOOD


@pytest.mark.hostile
def test_texts_at_the_model_server(model_server):
    """No text is answered by a 500, and the server answers afterwards."""
    address = f"http://127.0.0.1:{model_server.rest_port}/v1/models/small"
    wrong = {}
    for name, text in (BAD | GOOD).items():
        try:
            with urllib.request.urlopen(f"{address}:predict", text, timeout=5.5) as response:
                wrong[name] = str(response.status)
        except urllib.error.HTTPError as error:
            if error.code != 400:
                wrong[name] = f"{error.code} {error.read()[:200]!r}"
    assert {} == wrong
    assert 200 == model_server.get("/v1/models/small/metadata")[0]

"""The gateway's canary share in front of the real model server, which serves two labelled versions."""

import io
import math
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from gateway.app import create_app
from gateway.predictor import open_predictor
from gateway.settings import Settings
from gateway.shares import Share
from tests.contract import small_model

REQUESTS, SHARE = 2000, 0.1
(PIXELS,) = small_model.pictures(1, seed=5)


@pytest.fixture
def client(litert_server):
    """A gateway in this process; `small` is served as version 1, labelled stable, and 2, labelled canary."""
    settings = Settings(
        model_server=f"localhost:{litert_server.grpc_port}",
        models=("small",),
        canaries={"small": Share("canary", SHARE)},
        catalog_ttl_s=3600.0,
    )
    predictor = open_predictor(settings)
    yield create_app(settings, predictor).test_client()
    predictor.close()


def test_the_canary_gets_its_share(client):
    """Of 2,000 requests the canary answers its share, within five standard deviations, each by its own weights."""
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    answered = Counter()
    for _ in range(REQUESTS):
        answer = client.post("/v1/models/small:predict", data=buffer.getvalue(), content_type="image/png").json
        version = answer["model"]["version"]
        answered[version] += 1
        got = list(answer["predictions"][0]["probabilities"].values())
        np.testing.assert_allclose(got, small_model.expected(PIXELS[None], version)[0], atol=0.01)
    # Five standard deviations: a draw that is right fails less than once in a million runs.
    assert abs(answered[2] - REQUESTS * SHARE) <= 5 * math.sqrt(REQUESTS * SHARE * (1 - SHARE)), answered
    assert {1, 2} == set(answered)
    counts = client.get("/metrics").text
    assert f'gateway_predict_seconds_count{{model="small",version="2"}} {answered[2]}.0' in counts
    assert "gateway_canary_fallbacks_total{" not in counts

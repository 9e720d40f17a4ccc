"""The channel asks servers whether they live as often as they let it."""

import re
from pathlib import Path

from serving_api.channel import KEEPALIVE_TIME_MS

DEPLOYMENT = Path(__file__).parents[3] / "base/model-server/deployment.yaml"


def test_servers_of_the_cluster_let_the_channel_ask():
    """What the manifests tell any model server allows the channel's keepalive, also during calls of a minute."""
    (interval_ms,) = re.findall(r"grpc\.http2\.min_ping_interval_without_data_ms=(\d+)", DEPLOYMENT.read_text())
    assert int(interval_ms) <= KEEPALIVE_TIME_MS

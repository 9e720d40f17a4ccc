"""Rules of the door: keys, rates, origins, headers."""

import base64
import json
import logging

import pytest
from PIL import Image

from gateway.access import OPEN
from gateway.app import create_app
from gateway.callers import read_networks
from gateway.keys import make_key
from gateway.origins import read_origins
from gateway.settings import Settings
from tests.unit.gateway.drawn import encode
from tests.unit.gateway.fakes import FakePredictor

RED = encode(Image.new("RGB", (20, 10), "#ff0000"))
PREDICT = "/v1/models/colour:predict"
SHOP, SHOP_LINE = make_key("shop")
BATCH, BATCH_LINE = make_key("batch")
PAGE = "https://shop.example.org"


@pytest.fixture
def keys_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"{SHOP_LINE}\n{BATCH_LINE} rate=1 burst=2\n")
    return str(file)


def app_of(**settings):
    return create_app(Settings(models=("colour",), **settings), FakePredictor())


def client_of(**settings):
    return app_of(**settings).test_client()


def ask(client, pictures=1, headers=None, remote="198.51.100.1"):
    body = {"instances": [{"b64": base64.b64encode(RED).decode()}] * pictures}
    return client.post(PREDICT, json=body, headers=headers, environ_base={"REMOTE_ADDR": remote})


def assert_refused(response, status, name):
    problem = json.loads(response.data)
    assert (status, f"urn:image-classifiers:problem:{name}") == (response.status_code, problem["type"])
    assert "application/problem+json" == response.content_type
    assert response.headers["X-Request-ID"] == problem["request_id"]


def test_no_settings_no_door():
    """Without settings everybody may ask, and any key is ignored."""
    client = client_of()
    assert [200] * 50 == [ask(client, headers={"X-API-Key": "x"}).status_code for _ in range(50)]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {SHOP}"},
        {"Authorization": f"bearer  {SHOP} "},
        {"X-API-Key": SHOP},
    ],
)
def test_a_key_opens(keys_file, headers):
    """A key is taken from either header."""
    assert 200 == ask(client_of(api_keys_file=keys_file), headers=headers).status_code


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, 'Bearer realm="image-classifiers"'),
        ({"Authorization": "Basic c2hvcDo="}, 'Bearer realm="image-classifiers"'),
        ({"Authorization": f"Bearer {SHOP}x"}, 'Bearer realm="image-classifiers", error="invalid_token"'),
        ({"X-API-Key": "ic_" + "A" * 43}, 'Bearer realm="image-classifiers", error="invalid_token"'),
        ({"X-API-Key": "é" * 46}, 'Bearer realm="image-classifiers", error="invalid_token"'),
        ({"Authorization": f"Bearer {SHOP_LINE.split()[1]}", "X-API-Key": SHOP}, ", error="),
    ],
)
def test_no_key_no_answer(keys_file, headers, challenge):
    """Without a key, or with a wrong one, the answer is 401 and says how to ask; the body is not looked at."""
    refused = ask(client_of(api_keys_file=keys_file), headers=headers)
    assert_refused(refused, 401, "unauthorized")
    assert challenge in refused.headers["WWW-Authenticate"]


def test_every_route_is_open_on_purpose(keys_file):
    """A route asks for a key unless it is in OPEN, and so does an address that does not exist."""
    app = app_of(api_keys_file=keys_file)
    values = {"name": "colour", "version": 1, "label": "stable", "filename": "style.css"}
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        method = "POST" if "POST" in rule.methods else "GET"
        address = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments}, method)
        refused = 401 == app.test_client().open(address, method=method).status_code
        assert (rule.rule not in OPEN) == refused, rule.rule
    for address in ("/nowhere", "/predict/", "/v1/models/other", "//v1/models"):
        assert 401 == app.test_client().get(address).status_code


def test_no_key_in_a_log_or_an_answer(keys_file, caplog):
    """Neither a good nor a wrong key is logged or sent back."""
    caplog.set_level(logging.DEBUG)
    client = client_of(api_keys_file=keys_file, rate_per_s=1.0, rate_burst=1)
    wrong = make_key("x")[0]
    said = "".join(
        ask(client, headers={"X-API-Key": key}).text for key in (SHOP, SHOP, wrong, wrong, f"{wrong}\\x")
    ) + str(caplog.records)
    assert [] == [key for key in (SHOP, wrong) if key[3:] in said]


def test_rate_of_an_address():
    """Beyond its burst a caller is told how long to wait; others are answered, and probes are not counted."""
    client = client_of(rate_per_s=0.25, rate_burst=3)
    assert [200, 200, 200] == [ask(client).status_code for _ in range(3)]
    refused = ask(client)
    assert_refused(refused, 429, "rate-limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 4
    assert 200 == ask(client, remote="198.51.100.2").status_code
    assert [200] * 20 == [client.get("/healthz", environ_base={"REMOTE_ADDR": "198.51.100.1"}).status_code] * 20
    assert 'gateway_refused_total{method="POST",reason="rate"} 1.0' in client.get("/metrics").text.splitlines()


def test_rate_of_an_ipv6_site():
    """Addresses that one customer may change between are one caller."""
    client = client_of(rate_per_s=0.1, rate_burst=1)
    asked = [ask(client, remote=f"2001:db8:{site}::{host}").status_code for site, host in ("11", "12", "21")]
    assert [200, 429, 200] == asked


def test_rate_counts_pictures():
    """A request of ten pictures is worth ten."""
    client = client_of(rate_per_s=1.0, rate_burst=4)
    assert 200 == ask(client, pictures=10).status_code
    assert 5 <= int(ask(client).headers["Retry-After"]) <= 7


def test_rate_of_a_key(keys_file):
    """With keys, a rate is the key's name's, from wherever it is used; its own goes before the common one."""
    client = client_of(api_keys_file=keys_file, rate_per_s=100.0, rate_burst=50)
    batch = [ask(client, headers={"X-API-Key": BATCH}, remote=f"198.51.100.{n}").status_code for n in range(4)]
    assert [200, 200, 429, 429] == batch
    assert [200] * 10 == [ask(client, headers={"X-API-Key": SHOP}).status_code for _ in range(10)]


def test_rate_of_strangers_is_not_that_of_keys(keys_file):
    """Who tries keys is slowed down by address; who has one is not, at the same address."""
    client = client_of(api_keys_file=keys_file, rate_per_s=0.1, rate_burst=3)
    wrong = {"X-API-Key": make_key("x")[0]}
    assert [401, 401, 401, 429] == [ask(client, headers=wrong).status_code for _ in range(4)]
    assert 200 == ask(client, headers={"X-API-Key": SHOP}).status_code


def test_rate_behind_a_proxy():
    """Only a trusted proxy's word moves a request to another caller."""
    client = client_of(rate_per_s=0.1, rate_burst=1, trusted_proxies=read_networks("10.0.0.0/8"))
    by_proxy = [
        ask(client, headers={"X-Forwarded-For": f"1.2.3.4, 198.51.100.{n}"}, remote="10.0.0.1").status_code
        for n in (1, 2, 1)
    ]
    assert [200, 200, 429] == by_proxy
    forged = [ask(client, headers={"X-Forwarded-For": f"10.1.1.{n}"}, remote="203.0.113.1").status_code for n in "123"]
    assert [200, 429, 429] == forged


def test_no_origin_is_let_in_by_default():
    """Without a list no answer names an origin, so a browser keeps other sites' pages out."""
    client = client_of()
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    for response in (client.get("/v1/models", headers=asked), client.options("/predict", headers=asked)):
        assert [] == [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_listed_origin(keys_file):
    """A listed origin is named on every answer, errors too; a preflight needs no key."""
    client = client_of(cors_origins=(PAGE,), api_keys_file=keys_file)
    answer = client.options(PREDICT, headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"})
    assert (204, PAGE) == (answer.status_code, answer.headers["Access-Control-Allow-Origin"])
    assert {"Authorization", "Content-Type", "X-API-Key"} <= set(
        answer.headers["Access-Control-Allow-Headers"].split(", ")
    )
    refused = ask(client, headers={"Origin": PAGE})
    assert (401, PAGE) == (refused.status_code, refused.headers["Access-Control-Allow-Origin"])
    assert "Access-Control-Allow-Credentials" not in refused.headers
    assert "Origin" in refused.headers["Vary"]


@pytest.mark.parametrize("origin", [f"{PAGE}.evil.example", "http://shop.example.org", "null", f"{PAGE}/"])
def test_other_origins(origin):
    """An origin that is not listed to the letter is not named, and its preflight is not answered."""
    client = client_of(cors_origins=(PAGE,))
    response = client.options(PREDICT, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Origin" in response.headers["Vary"]


def test_all_origins():
    """With * every proper origin is let in; what is none is never written back."""
    client = client_of(cors_origins=("*",))
    assert "https://a.example" == client.get("/", headers={"Origin": "https://a.example"}).headers[
        "Access-Control-Allow-Origin"
    ]  # fmt: skip
    assert "Access-Control-Allow-Origin" not in client.get("/", headers={"Origin": "null"}).headers


@pytest.mark.parametrize("text", ["shop.example.org", "https://a.example/", "https://A.example", "*,https://a.example"])
def test_bad_origins(text):
    """What a browser would never send as an origin is refused at the start."""
    with pytest.raises(ValueError, match="no origin"):
        read_origins(text)


def test_a_word_for_a_method_is_no_series():
    """Methods that a client makes up are one label value."""
    client = client_of()
    for number in range(20):
        client.open("/predict", method=f"MADEUP{number}")
    text = client.get("/metrics").text
    assert "MADEUP" not in text
    assert 'gateway_requests_total{endpoint="none",method="other",status="405"} 20.0' in text.splitlines()


def test_metrics_at_a_port_of_their_own():
    """With GATEWAY_METRICS_PORT /metrics is at that port and nowhere else, and nothing else is there."""
    client = client_of(metrics_port=9697)
    asked = {
        (path, port): client.get(path, environ_overrides={"SERVER_PORT": port}).status_code
        for path in ("/metrics", "/healthz", "/v1/models", "/nowhere")
        for port in ("9696", "9697")
    }
    assert {("/metrics", "9697"), ("/healthz", "9696"), ("/v1/models", "9696")} == {
        place for place, status in asked.items() if status == 200
    }
    assert {200, 404} == set(asked.values())


def test_a_client_cannot_say_which_port_it_came_to():
    """Neither Host nor X-Forwarded-Port leads to the metrics."""
    headers = {"Host": "gateway:9697", "X-Forwarded-Port": "9697", "X-Forwarded-Host": "gateway:9697"}
    client = client_of(metrics_port=9697)
    assert 404 == client.get("/metrics", headers=headers, environ_overrides={"SERVER_PORT": "9696"}).status_code


def test_browsers_are_told_to_come_by_https():
    """Strict-Transport-Security is sent where the setting says so, on errors too, and else not at all."""
    client = client_of(hsts_s=31_536_000)
    assert {"max-age=31536000"} == {
        client.get(path).headers["Strict-Transport-Security"] for path in ("/", "/nowhere", "/healthz")
    }
    assert "Strict-Transport-Security" not in client_of().get("/").headers
    assert "same-origin" == client.get("/").headers["Cross-Origin-Resource-Policy"]


def test_what_runs_is_a_metric():
    """Prometheus learns commit, revision and image, to join other series with."""
    text = client_of(commit="abc", revision="def", image="gateway:1").get("/metrics").text
    assert 'gateway_build_info{commit="abc",image="gateway:1",revision="def"} 1.0' in text.splitlines()

"""Whatever a stranger's head says, it opens nothing, breaks nothing, and costs little."""

import contextlib
import json
import logging
import random
import statistics
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import logs
from gateway.access import CALLER, Access
from gateway.app import create_app
from gateway.callers import read_networks
from gateway.keys import KEY, MAX_KEYS, Keys, make_key
from gateway.metrics import Metrics
from gateway.problems import Problem
from gateway.rates import MAX_CALLERS, Limiter, Rate
from gateway.settings import Settings
from tests.unit.gateway.fakes import FakePredictor

SHOP, LINE = make_key("shop")
NAMES = (
    "HTTP_AUTHORIZATION", "HTTP_X_API_KEY", "HTTP_X_FORWARDED_FOR", "HTTP_ORIGIN", "HTTP_TRACEPARENT",
    "HTTP_X_REQUEST_ID", "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "HTTP_COOKIE", "REMOTE_ADDR",
)  # fmt: skip
# What a server hands over is Latin-1 text without line ends; near misses are likelier to find something than noise.
NEAR = st.sampled_from(
    [
        *("Bearer", "Bearer ", "Bearer  ", f"Basic {SHOP}", f"Bearer {SHOP[:-1]}", f"Bearer {SHOP.swapcase()}"),
        *(f"Bearer {SHOP}\0", f"Bearer {SHOP}\u00a0", f"Bearer {SHOP},{SHOP}", LINE.split()[1], f"Bearer {LINE}"),
        *("10.0.0.1, 10.0.0.2", "::ffff:10.0.0.1", "[", "]:1", "%", "1.2.3.4%25", "10.0.0.1," * 500),
        *("https://shop.example.org\0", "https://shop.example.org:99999", "null", "*", f"00-{'0' * 32}-{'0' * 16}-00"),
        *("' OR 1=1 --", "{{7*7}}", "${jndi:ldap://a}", "../" * 50, "\x1b[2J", "é" * 46, "ic_" + "²" * 43, "A" * 8000),
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(NAMES), NEAR | st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=200)
)


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(LINE)
    return str(file)


@pytest.fixture(scope="module")
def client(keys_file):
    told = Settings(
        models=("colour",),
        api_keys_file=keys_file,
        trusted_proxies=read_networks("10.0.0.0/8"),
        cors_origins=("https://shop.example.org",),
    )
    return create_app(told, FakePredictor()).test_client()


class Caught(logging.Handler):
    """Keeps every line that is logged, as the gateway writes it."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(logs.JsonFormatter().format(record))


def knock(client, headers, caught):
    """Ask with a stranger's head for what needs a key."""
    caught.lines.clear()
    answer = client.get("/v1/models", environ_overrides=headers)
    assert 401 == answer.status_code
    assert "urn:image-classifiers:problem:unauthorized" == json.loads(answer.data)["type"]
    assert answer.headers["X-Request-ID"].isascii()
    assert answer.headers.get("Access-Control-Allow-Origin", "https://shop.example.org") == "https://shop.example.org"
    (line,) = caught.lines
    assert line.isascii()
    assert line.isprintable()
    assert KEY.search(line) is None


@pytest.fixture(scope="module")
def caught():
    handler, log = Caught(), logging.getLogger("gateway.requests")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(level)


@given(headers=HEADERS)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_head_opens(client, caught, headers):
    """No head without the key is let in, none is an error of the gateway's, and each is one clean line in the log."""
    knock(client, headers, caught)


@pytest.mark.hostile
@given(headers=HEADERS)
@settings(max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_head_of_thousands_opens(client, caught, headers):
    """The same of five thousand."""
    knock(client, headers, caught)


@pytest.mark.hostile
def test_a_flood_of_addresses_fits_in_memory(figures):
    """A million callers, each of an address of its own, are remembered in a few megabytes."""
    rate = Rate(1.0, 5)
    tracemalloc.start()
    limiter = Limiter()
    for number in range(1_000_000):
        limiter.take(f"address 2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::/64", rate)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert MAX_CALLERS == len(limiter)
    figures.add("access: memory of a million callers", held / 2**20, "MiB", at_most=8)


@pytest.mark.hostile
def test_what_the_door_costs(figures, tmp_path):
    """A full file of keys, and a wrong key, are looked through in less than a millisecond, however near the guess."""
    made = [make_key(f"caller-{number}") for number in range(MAX_KEYS)]
    file = tmp_path / "keys"
    file.write_text("\n".join(line for _, line in made))
    access = Access(Settings(api_keys_file=str(file), rate_per_s=1e6, rate_burst=100_000), Metrics())

    def ask(key):
        environment = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/predict",
            "REMOTE_ADDR": "198.51.100.1",
            "HTTP_X_API_KEY": key,
        }
        with contextlib.suppress(Problem):
            access.admit(environment)
        return environment[CALLER].name

    assert ("caller-999", "198.51.100.1") == (ask(made[-1][0]), ask(make_key("x")[0]))
    figures.add("access: door with 1,000 keys", 1e6 * _median_s(lambda: ask(made[-1][0]), 2000), "us", at_most=1000)

    keys = Keys(file)
    right, far = made[0][0], make_key("x")[0]
    near = right[:-1] + ("A" if right[-1] != "A" else "B")
    guesses = {"near": near, "far": far}
    took: dict[str, list[float]] = {name: [] for name in guesses}
    dice = random.Random(3)
    for _ in range(4000):
        name = dice.choice(sorted(guesses))
        began = time.perf_counter()
        assert keys.find(guesses[name]) is None
        took[name].append(time.perf_counter() - began)
    ratio = statistics.median(took["near"]) / statistics.median(took["far"])
    figures.add("access: time of a guess with 45 of 46 characters right", ratio, "x", at_least=0.95, at_most=1.05)


@pytest.mark.hostile
def test_what_a_line_costs(figures):
    """A request's line in the log is written in microseconds."""
    record = logging.LogRecord("gateway.requests", logging.INFO, "", 0, "%s %s", ("/predict", 200), None)
    record.fields = {"method": "POST", "path": "/predict", "status": 200, "caller": "198.51.100.1", "ms": 34.1}
    formatter = logs.JsonFormatter()
    figures.add("access: a line of the log", 1e6 * _median_s(lambda: formatter.format(record), 5000), "us", at_most=100)
    hostile = "http://" * 1000 + "https://a@" * 500 + "ic_" * 1000
    assert len(logs.clean(hostile)) <= len(hostile)
    figures.add("access: a hostile line", 1e6 * _median_s(lambda: logs.clean(hostile), 200), "us", at_most=10_000)


def _median_s(call, times):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return statistics.median(took)

"""Rules of the log: lines that machines read, that carry the request's ids, no secret, and nothing forged."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import logs
from gateway.app import create_app
from gateway.keys import make_key
from gateway.settings import Settings
from tests.unit.gateway.fakes import FakePredictor

TRACE = "0af7651916cd43dd8448eb211c80319c"
KEY = make_key("shop")[0]


class Lines(logging.Handler):
    """Keeps what each formatter makes of a record, in the moment when it is logged."""

    def __init__(self):
        super().__init__()
        self.json, self.text = [], []

    def emit(self, record):
        self.json.append(logs.JsonFormatter().format(record))
        self.text.append(logs.TextFormatter().format(record))


@pytest.fixture
def lines():
    handler, root = Lines(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
def predictor():
    return FakePredictor()


@pytest.fixture
def client(predictor):
    return create_app(Settings(models=("colour",)), predictor).test_client()


def test_a_request_is_a_line(client, lines):
    """Each request is logged once, with its ids, who asked, the path without its query, and what became of it."""
    headers = {"X-Request-ID": "a-1", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    client.get("/v1/models/colour?signature=secret", headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    (line,) = lines.json
    assert line.isascii()
    read = json.loads(line)
    assert read.pop("time").endswith("Z")
    assert 0.0 <= read.pop("ms") < 10_000
    expected = {
        "level": "info",
        "logger": "gateway.requests",
        "message": "/v1/models/<name> 200",
        "request_id": "a-1",
        "trace_id": TRACE,
        "method": "GET",
        "path": "/v1/models/colour",
        "status": 200,
        "problem": "",
        "caller": "203.0.113.9",
        "pictures": 0,
        "body_bytes": 0,
    }
    assert expected == read
    assert "secret" not in "".join(lines.text)


def test_a_refused_caller_is_named(lines, tmp_path):
    """Who tries a key that is not known is logged by address, and the key is not."""
    (tmp_path / "keys").write_text(make_key("shop")[1])
    settings = Settings(models=("colour",), api_keys_file=str(tmp_path / "keys"))
    client = create_app(settings, FakePredictor()).test_client()
    client.get("/v1/models", headers={"X-API-Key": KEY}, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    (line,) = map(json.loads, lines.json)
    assert (401, "unauthorized", "203.0.113.9") == (line["status"], line["problem"], line["caller"])
    assert KEY[3:] not in str(lines.json)


def test_probes_and_floods_are_not_logged(client, lines):
    """What is asked every few seconds is a line for `debug` only, and so is a refusal by rate."""
    client.get("/healthz")
    client.get("/metrics")
    flooded = create_app(Settings(models=("colour",), rate_per_s=0.001, rate_burst=1), FakePredictor()).test_client()
    assert [200, 429, 429] == [flooded.get("/v1/models").status_code for _ in range(3)]
    assert ["/v1/models 200"] == [json.loads(line)["message"] for line in lines.json]


def test_a_failure_is_logged_with_its_request(client, predictor, lines):
    """Why a request failed carries the ids of its own line, a traceback is one field, and afterwards no id stays."""
    predictor.fails = RuntimeError(f"nobody foresaw https://u:p@host/x?sig=1 {KEY}")
    client.get("/v1/models", headers={"X-Request-ID": "a-2"})
    client.post("/predict", data=b"x", content_type="image/png", headers={"X-Request-ID": "a-3"})
    logging.getLogger("gateway").warning("later")
    read = [json.loads(line) for line in lines.json]
    failed = next(line for line in read if "exception" in line)
    assert failed["request_id"] in {"a-2", "a-3"}
    assert "RuntimeError: nobody foresaw https://host/x ic_..." in failed["exception"]
    assert "request_id" not in read[-1]
    assert [] == [line for line in lines.json if "\n" in line]


@pytest.mark.parametrize(
    ("written", "logged"),
    [
        ("GET https://a.example/b.jpg?X-Amz-Signature=s failed", "GET https://a.example/b.jpg failed"),
        ("'https://user:secret@a.example/#s'", "'https://a.example/'"),
        ("HTTP://A.example?s, https://b.example?t", "HTTP://A.example https://b.example"),
        (f"key {KEY}", "key ic_..."),
        (f"Authorization: Bearer {KEY}, next", "Authorization: Bearer ic_..., next"),
        ("x" * 10_000, "x" * 8192),
    ],
    ids=["link", "password", "capitals", "key", "bearer", "long"],  # a key is another one in every process
)
def test_secrets_are_cut_out(written, logged):
    """A URL's password, query and fragment, and anything that looks like a key, is in no line."""
    record = logging.LogRecord("gateway", logging.INFO, "", 0, "%s", (written,), None)
    assert logged == json.loads(logs.JsonFormatter().format(record))["message"]
    assert logs.TextFormatter().format(record).endswith(logged)


@given(st.text() | st.text(alphabet='\r\n\x1b\x00\u2028\u202e\ud800"\\x'))
def test_nobody_forges_a_line(text):
    """Whatever a caller sends is one line of plain characters, which reads back as it was."""
    record = logging.LogRecord("gateway", logging.INFO, "", 0, "%s", (text,), None)
    record.fields = {"path": text}
    line = logs.JsonFormatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["path"] == logs.clean(text)
    plain = logs.TextFormatter().format(record)
    assert 1 == len(plain.splitlines())
    assert "\x1b" not in plain


def test_a_traceback_in_text_cannot_pass_for_a_line():
    """In text an error's own line breaks are indented below the line that it belongs to."""
    error = RuntimeError("one\n12:00:00 info    forged")
    record = logging.LogRecord("gateway", logging.ERROR, "", 0, "failed", (), (RuntimeError, error, None))
    first, *others = logs.TextFormatter().format(record).splitlines()
    assert first.endswith("failed")
    assert all(other.startswith("    ") for other in others)


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", True),
        (f"cc-{TRACE}-b7ad6b7169203331-01-what-the-future-adds", True),
        (f"00-{TRACE}-b7ad6b7169203331-01-more", False),
        (f"ff-{TRACE}-b7ad6b7169203331-01", False),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", False),
        (f"00-{TRACE}-b7ad6b7169203331", False),
        (f"00-{TRACE}-b7ad6b7169203331-01\n", False),
        ("", False),
    ],
)
def test_trace_id(header, kept):
    """A valid traceparent's trace goes on; else a new one begins, as W3C Trace Context says."""
    found = logs.trace_id_of(header)
    assert kept == (found == TRACE)
    assert 32 == len(found)


def test_configure(capfd):
    """The program's log goes to stderr in the form and from the level that the settings say."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        for handler in before[0]:
            root.removeHandler(handler)  # pytest's own, which `force` would close
        logs.configure("json", "warning")
        logging.getLogger("gateway").info("quiet")
        logging.getLogger("waitress").warning("loud")
    finally:
        root.handlers[:], root.level = before
        logging.captureWarnings(capture=False)
        logging.raiseExceptions = True
    assert ["loud"] == [json.loads(line)["message"] for line in capfd.readouterr().err.splitlines()]

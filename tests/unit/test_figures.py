"""The table of figures and the load that measures them."""

import http.server
import threading
import time

import pytest

from tests.figures import Figures
from tests.load import Load


class Phase:
    sent = 1000

    def __init__(self, failures, median_s):
        self.failures, self._median_s = failures, median_s

    def percentile_s(self, percent):
        return self._median_s * (2 if percent > 50 else 1)


def test_the_table_says_which_figure_is_beyond_its_limit():
    figures = Figures()
    figures.add("push to verified", 14.23, "s", at_most=60)
    figures.add("requests", 3012, at_least=3000)
    figures.add("p99", 2.5, "x", at_most=2)
    assert [
        "figure            measured  limit",
        "push to verified    14.2 s  <= 60",
        "requests             3,012  >= 3,000",
        "p99                  2.5 x  <= 2  BEYOND",
    ] == figures.table()
    figures.clear()
    figures.phase("steady", Phase({}, 0.002))
    figures.phase("outage", Phase({"503": 3, "TimeoutError": 1}, 0.05), Phase({}, 0.002))
    assert [
        "phase   requests                 failed  p50 ms  p99 ms  p99 / steady",
        "steady     1,000                      0       2       4",
        "outage     1,000  3 503, 1 TimeoutError      50     100  25.00",
    ] == figures.table()


@pytest.fixture
def server():
    """A server that is out of order for half a second in the middle."""
    began = time.monotonic()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"model": {"version": "2"}}'
            self.send_response(503 if 0.5 < time.monotonic() - began < 1.0 else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/"
    running.shutdown()
    running.server_close()


def test_an_outage_shows_as_its_own_requests(server):
    with Load(server, b"picture", rate=40) as load:
        time.sleep(1.6)
    everything = load.between()
    assert everything.sent == pytest.approx(64, abs=12)
    assert {"503"} == set(everything.failures)
    assert everything.failures["503"] == pytest.approx(20, abs=12)
    assert everything.last_failure_s == pytest.approx(1.0, abs=0.3)
    assert everything.versions == {2: everything.sent}
    assert 0 < everything.percentile_s(50) <= everything.percentile_s(99) < 10  # seconds; other tests run beside it


def test_a_server_that_is_gone_is_a_failure_by_name():
    with Load("http://127.0.0.1:9/", b"", rate=20) as load:
        time.sleep(0.3)
    assert {"ClientConnectorError"} == set(load.between().failures)

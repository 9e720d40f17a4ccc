"""Many hostile hosts at once take neither the memory nor the places of good ones."""

import threading
import time

import pytest

from tests.hostile import zone
from tests.hostile.urls.verdict import verdict

CROWD = 100
PEAK_MB = 500
LONGEST_S = zone.SLEEP_S / 2


def crowd(gateway, url):
    """Ask for a URL a hundred times at once; give the answers, and how long a good host took beside them, seconds."""
    results, beside_s = [], []
    thread = threading.Thread(target=lambda: results.extend(gateway.fetch_all([url] * CROWD, CROWD)))
    thread.start()
    time.sleep(1)
    while len(beside_s) < 10:
        good = gateway.fetch("http://pictures.example/good")
        assert 200 == good.status, good.answer
        beside_s.append(good.took_s)
    thread.join()
    return results, max(beside_s)


@pytest.mark.hostile
def test_large_pictures_that_never_end_do_not_fill_the_memory(guarded, figures):
    """A hundred hosts send nearly as much as a picture may have and then nothing: 429 or 504, and memory is bounded."""
    results, beside_s = crowd(guarded, "http://pictures.example/silence-after-much")
    verdict(guarded, figures, "large and unfinished", results)
    figures.add("urls: large and unfinished: slowest good picture beside them", beside_s, "s")
    figures.add("urls: large and unfinished: peak memory of the gateway", guarded.peak_mb, "MB", at_most=PEAK_MB)
    assert {one.status for one in results} <= {429, 504}
    assert PEAK_MB > guarded.peak_mb


@pytest.mark.hostile
def test_name_servers_that_do_not_answer_hold_nobody_up(guarded, figures):
    """A hundred names that take longer than a fetch are 504 in time, and others are resolved meanwhile."""
    results, beside_s = crowd(guarded, f"http://{zone.SLEEPY}/")
    verdict(guarded, figures, "names that take long", results)
    figures.add("urls: names that take long: slowest good picture beside them", beside_s, "s")
    assert {504} == {one.status for one in results}
    assert LONGEST_S > beside_s

"""No way to write a URL leads inside."""

import contextlib
import json

import pytest

from gateway.fetch import Fetcher
from gateway.urls import BadUrl, parse_url
from serving_api.deadline import Deadline
from tests.hostile import zone
from tests.hostile.urls.spellings import GOOD, all_spellings
from tests.hostile.urls.verdict import verdict

SPELLINGS = all_spellings()
DENIED = {"urn:image-classifiers:problem:bad-url", "urn:image-classifiers:problem:bad-request"}


def test_every_spelling_is_refused(connections):
    """Each of them is refused before a connection, though all names that are not inside lead to a public host."""
    connections.only()
    fetcher = Fetcher(1000, resolver=zone.resolve)
    accepted = []
    for spelling in SPELLINGS:
        with contextlib.suppress(BadUrl):
            accepted.append((spelling, fetcher.fetch(spelling, Deadline.after(5))))
    assert [] == accepted
    assert [] == connections.made
    assert 180 <= len(SPELLINGS)


def test_good_spellings_are_read():
    """What is refused is not everything."""
    hosts = {parse_url(spelling).host for spelling in GOOD}
    assert {"pictures.example", zone.PUBLIC, zone.PUBLIC_V6} <= hosts


@pytest.mark.hostile
def test_a_gateway_refuses_every_spelling(guarded, figures):
    """Asked for by URL, each is 400 and nothing is connected to; good spellings are 200."""
    results = guarded.fetch_all(SPELLINGS)
    verdict(guarded, figures, "spellings", results)
    assert [] == [(one.url, one.status, one.kind) for one in results if one.status != 400 or one.kind not in DENIED]
    assert [] == [(one.url, one.answer) for one in guarded.fetch_all(GOOD) if one.status != 200]


@pytest.mark.hostile
def test_a_gateway_refuses_every_spelling_as_a_redirect(guarded, host, figures):
    """A public host that redirects there opens nothing either; what is relative stays on the host."""
    host.v4.to = [spelling for spelling in SPELLINGS if not set(spelling) & set("\r\n") and len(spelling) < 9000]
    results = guarded.fetch_all(f"http://pictures.example/redirect/{n}" for n in range(len(host.v4.to)))
    verdict(guarded, figures, "redirects to spellings", results)
    relative = [to for to, one in zip(host.v4.to, results, strict=True) if one.status == 200]
    assert [] == [to for to in relative if to.strip(" ").startswith(("http://", "https://", "//"))]
    assert set() == {one.status for one in results} - {200, 400, 502}


@pytest.mark.hostile
def test_inside_and_nowhere_are_one_answer(guarded):
    """A stranger cannot tell a name that is inside from one that is not: same status, same words."""
    names = [zone.name("10.96.0.1"), zone.name("fd00:ec2::254"), zone.NOBODY, "kubernetes.default.svc", "10.96.0.1"]
    answers = [guarded.fetch(f"http://{name}/").answer for name in names]
    for answer in answers:
        del answer["request_id"]
    assert 1 == len({json.dumps(answer) for answer in answers}), answers

"""Names whose owner changes where they lead."""

import random

import pytest

from gateway.fetch import Fetcher
from gateway.urls import BadUrl
from serving_api.deadline import Deadline
from tests.hostile import zone
from tests.hostile.urls.host import PICTURE, Host
from tests.hostile.urls.spellings import INNER, INNER_V6
from tests.hostile.urls.verdict import verdict

FLIPS = 1000
INSIDE = (*INNER, *INNER_V6)


def flips(count, seed=1):
    """Draw names that flip, each with the statuses that fit: the first answer decides, a redirect asks again."""
    draw = random.Random(seed)
    for _ in range(count):
        inner = draw.choice(INSIDE)
        public = draw.choice((zone.PUBLIC, zone.PUBLIC_V6))
        yield draw.choice(
            (
                (f"http://{zone.name(public, inner)}/good", {200}),
                (f"http://{zone.name(inner, public)}/good", {400}),
                (f"http://{zone.name(public, inner)}/one-redirect", {400}),
                (f"http://{zone.name(public, public, inner)}/two-redirects", {400}),
                (f"http://{zone.name(public, public, public)}/two-redirects", {200}),
                (f"http://{zone.name([public, inner][:: draw.choice((1, -1))])}/good", {400}),
                (f"http://{zone.name(zone.PUBLIC, draw.sample(INNER, 3))}/loop", {400}),
            )
        )


def test_names_are_resolved_once_for_each_hop(connections):
    """A name that changes between look-ups is followed where it was checked, and is checked again when redirected."""
    host, second = Host(), Host("::1")
    connections.only()
    connections.stand_in(zone.PUBLIC, 80, host.port)
    connections.stand_in(zone.PUBLIC_V6, 80, second.port)
    fetcher = Fetcher(100_000, resolver=zone.resolve)
    for url, statuses in flips(100, seed=2):
        if statuses == {200}:
            assert PICTURE == fetcher.fetch(url, Deadline.after(10))
        else:
            with pytest.raises(BadUrl):
                fetcher.fetch(url, Deadline.after(10))
    assert {(zone.PUBLIC, 80), (zone.PUBLIC_V6, 80)} == set(connections.made)
    host.close()
    second.close()


@pytest.mark.hostile
def test_a_gateway_is_not_rebound(guarded, figures):
    """A thousand names that flip lead to no address that was not checked."""
    drawn = list(flips(FLIPS))
    results = guarded.fetch_all(url for url, _ in drawn)
    verdict(guarded, figures, "rebinding flips", results)
    wrong = [
        (one.url, one.status) for one, (_, fitting) in zip(results, drawn, strict=True) if one.status not in fitting
    ]
    assert [] == wrong

"""Rounds repeat until two in a row are green of the same pods, and end in time whatever a check does."""

import io
import re
import socket
import threading
import time

import pytest

from gateway.verify import addresses, rounds
from gateway.verify.checks import Red, Result, run_all
from gateway.verify.deployment import Deployment
from gateway.verify.report import Report
from gateway.verify.rounds import until_green
from serving_api.deadline import Deadline
from tests.unit.gateway.verify.running import MODELS, gateway

GREEN, RED = Result(green=True, words="fine"), Result(green=False, words="broken")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(rounds, "_PAUSE_S", 0.01)


def play(*results, limit_s=5.0):
    """Play rounds with these results, the last again and again. Returns: the verdict, rounds played, the report."""
    played, stream = [], io.StringIO()

    def one_round(deadline):
        played.append(deadline)
        return results[min(len(played), len(results)) - 1]

    report = Report(stream)
    green = until_green(one_round, report, Deadline.after(limit_s))
    report.end(green=green, limit_s=limit_s)
    return green, len(played), stream.getvalue()


def test_two_green_rounds_of_the_same_pods():
    """One green round is not enough, nor are two of different pods."""
    assert (True, 2) == play({"a": GREEN})[:2]
    assert (True, 3) == play({"a": GREEN}, {"b": GREEN})[:2]
    assert (True, 5) == play({"a": GREEN}, {"a": RED}, {"a": GREEN}, {"a": GREEN, "b": GREEN})[:2]


def test_red_to_the_end():
    """What stays red ends with the time, with its reason and the count in the last line."""
    green, played, text = play({"a": GREEN, "pod": RED}, limit_s=0.2)
    assert not green
    assert 2 < played < 25
    assert 1 == len(re.findall(r"^ +\d+\.\d s  red    pod: broken$", text, re.MULTILINE))
    assert "pod  red    broken" in text
    assert text.endswith("NOT verified within 0.2 s: 1 of 2 checks are red\n")


def test_pods_that_never_settle():
    """Pods that are green but change from round to round are not verified."""
    stream, names = io.StringIO(), iter(range(10_000))
    report = Report(stream)
    assert not until_green(lambda _: {f"pod {next(names)}": GREEN}, report, Deadline.after(0.1))
    report.end(green=False, limit_s=0.1)
    assert "not green twice in a row" in stream.getvalue()


def test_a_line_where_something_changes():
    """Each check has a line when it turns green or red, or gives another reason, and when its pod is gone."""
    other = Result(green=False, words="otherwise broken")
    _, _, text = play({"a": RED, "b": GREEN}, {"a": RED, "b": GREEN}, {"a": other, "b": GREEN}, {"a": GREEN})
    lines = [line.split(" s  ")[1] for line in text.split("\n\n")[0].splitlines()]
    assert ["red    a: broken", "green  b: fine", "red    a: otherwise broken", "green  a: fine", "gone   b"] == lines
    assert text.endswith("verified: 1 checks are green, twice in a row\n")


def test_a_round_cut_short_does_not_hide_the_reason():
    """When time runs out within a round, the round before it is what is told."""
    stream = io.StringIO()
    report = Report(stream)
    first = threading.Event()

    def one_round(deadline):
        if first.is_set():
            time.sleep(deadline.remaining_s() + 0.05)
            return {"a": Result(green=False, words="no answer in time")}
        first.set()
        return {"a": RED}

    assert not until_green(one_round, report, Deadline.after(0.2))
    report.end(green=False, limit_s=0.2)
    assert "broken" in stream.getvalue()
    assert "no answer in time" not in stream.getvalue()


def test_a_check_that_hangs_holds_nobody_up():
    """A check that never ends is red by the deadline; the others have told what they found."""
    never = threading.Event()
    began_s = time.monotonic()
    found = run_all({"hangs": lambda: str(never.wait(30)), "ends": lambda: "fine"}, Deadline.after(0.2))
    assert time.monotonic() - began_s < 1.0
    assert {"hangs": Result(green=False, words="no answer in time"), "ends": GREEN} == found
    never.set()


def test_every_failure_is_one_line_of_bearable_length():
    """A check that says why, and one that fails as nobody foresaw, are red with one line each."""

    def red():
        raise Red("one\ntwo " + "x" * 500)

    def bug():
        raise RuntimeError("nobody thought of it")

    found = run_all({"red": red, "bug": bug}, Deadline.after(5))
    assert found["red"].words.startswith("one two x")
    assert 243 == len(found["red"].words)
    assert Result(green=False, words="RuntimeError: nobody thought of it") == found["bug"]


def deployment(pods, **options):
    """Make a deployment whose gateways have these addresses, and which has no model server."""
    names = {"gateways:1": pods, "servers:1": []}
    return Deployment("gateways:1", "servers:1", "http://127.0.0.1:1", MODELS, lookup=names.__getitem__, **options)


def test_gateways_must_agree():
    """Two gateways of different revisions are each green where none is expected, and do not agree."""
    with gateway() as one, gateway(revision="456") as other:
        found = deployment([one, other]).round(Deadline.after(10))
        assert found[f"gateway {one}"].green
        assert found[f"gateway {other}"].green
        assert not found["gateways agree"].green
        for address, revision in ((one, "123"), (other, "456")):
            assert f"revision {revision}, image gateway:1: {address}" in found["gateways agree"].words
        assert deployment([one]).round(Deadline.after(10))["gateways agree"].green


def test_too_few_pods():
    """Fewer pods than are asked for are red, and none at all always is."""
    with gateway() as one:
        found = deployment([one], replicas={"gateway": 2}).round(Deadline.after(10))
        assert Result(green=False, words="gateways:1 has 1 of at least 2 pods") == found["gateways"]
        assert Result(green=False, words="servers:1 has 0 of at least 1 pods") == found["model servers"]
        assert deployment([one], replicas={"gateway": 1}).round(Deadline.after(10))["gateways"].green


def test_a_pod_that_is_gone_costs_no_round(monkeypatch):
    """An address that DNS still knows, and where packets are lost, is red long before the round ends."""
    monkeypatch.setattr(addresses, "_CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        # A queue that is full takes no connection: the kernel drops the packets, as a pod network does.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        began_s = time.monotonic()
        found = deployment([f"127.0.0.1:{port}"]).round(Deadline.after(10))
        assert time.monotonic() - began_s < 2.0
        assert Result(green=False, words="no connection: timed out") == found[f"gateway 127.0.0.1:{port}"]
        for one in waiting:
            one.close()


def test_addresses_are_looked_up_each_round():
    """A pod that comes or goes between two rounds is seen in the second."""
    pods = []
    with gateway() as one:
        running = deployment(pods)
        assert f"gateway {one}" not in running.round(Deadline.after(10))
        pods.append(one)
        assert running.round(Deadline.after(10))[f"gateway {one}"].green

"""Rules of installing KServe on a cluster."""

import pytest

from tools.kserve import __main__ as command
from tools.kserve.module import KServeError

EARLY = "error: .status.conditions accessor error: <nil> is of the type <nil>, expected []interface{}"


@pytest.fixture
def kubectl(monkeypatch):
    """Answer in kubectl's place, one word a call: what it says when it fails, or nothing."""
    said, calls = [], []

    def call(*arguments):
        calls.append(arguments)
        if said and (word := said.pop(0)):
            raise KServeError(word)

    monkeypatch.setattr(command, "_call", call)
    monkeypatch.setattr(command.time, "sleep", lambda _: None)
    return said, calls


def test_a_definition_of_this_moment_is_waited_for(kubectl):
    """Kubectl gives up on a definition without conditions: it is asked again."""
    said, calls = kubectl
    said += [EARLY, EARLY, ""]
    command._await("kind-any", ["one.example.org"])
    assert 3 == len(calls)


@pytest.mark.parametrize(("words", "expected"), [(["error: timed out"], 1), ([EARLY] * 100, 31)])
def test_it_ends(kubectl, words, expected):
    """Anything else is an error at once, and that one is after half a minute."""
    said, calls = kubectl
    said += words
    with pytest.raises(KServeError):
        command._await("kind-any", ["one.example.org"])
    assert expected == len(calls)

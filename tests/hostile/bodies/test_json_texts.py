"""What is JSON and what is not, by classes of texts that parsers get wrong."""

import pytest

from gateway.json_body import read_json
from gateway.problems import Problem
from tests.hostile.bodies.json_texts import BAD, GOOD


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_bad_texts_are_refused(text):
    """What is no JSON, means two things or costs too much is refused in words."""
    with pytest.raises(Problem) as raised:
        read_json(text)
    assert raised.value.kind.status in (400, 413)


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_texts_are_read(text):
    """What RFC 8259 allows is read."""
    read_json(text)

"""What must answer follows from the model servers' list and the goldens."""

import pytest

from gateway.verify.expected import ExpectationError, read_expected
from tests.unit.gateway.verify.running import write_golden

ENTRY = 'model_config_list {{ config {{ name: "colour" base_path: "/models/colour" {} }} }}'
SPECIFIC = "model_version_policy { specific { versions: 1 versions: 2 } }"


@pytest.fixture
def goldens(tmp_path):
    """Goldens of versions 1, 2 and 10, and things beside them."""
    folder = tmp_path / "goldens"
    for version in (1, 2, 10):
        write_golden(folder, version)
    (folder / "colour" / "notes").mkdir()
    (folder / "colour" / "notes" / "golden.json").write_text("{}")
    return folder


def read(tmp_path, goldens, text, *, without=()):
    path = tmp_path / "models.config"
    path.write_text(text)
    return read_expected(path, ("ignored",), goldens, frozenset(without))


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        ("", [10]),
        ("model_version_policy { latest {} }", [10]),
        ("model_version_policy { latest { num_versions: 2 } }", [10, 2]),
        ("model_version_policy { all {} }", [10, 2, 1]),
        (SPECIFIC, [2, 1]),
    ],
)
def test_the_policy_says_which_versions(tmp_path, goldens, policy, versions):
    """The versions are those that the list has served, the newest (as a number) first."""
    (model,) = read(tmp_path, goldens, ENTRY.format(policy))
    assert versions == [golden.version for golden in model.goldens]
    assert ("colour", {}) == (model.name, model.labels)


def test_labels_come_along(tmp_path, goldens):
    """The list's labels are expected to lead where they lead."""
    labels = ' version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 }'
    (model,) = read(tmp_path, goldens, ENTRY.format(SPECIFIC + labels))
    assert {"stable": 1, "canary": 2} == model.labels


def test_without_a_list_names_do(goldens):
    """Without a list each name has its newest version."""
    (model,) = read_expected(None, ("colour",), goldens, frozenset())
    assert [10] == [golden.version for golden in model.goldens]


def test_a_model_may_have_no_goldens(tmp_path, goldens):
    """A model that is said to have none is expected with nothing to compare."""
    (model,) = read(tmp_path, goldens, ENTRY.format("").replace("colour", "foreign"), without=["foreign"])
    assert ("foreign", []) == (model.name, model.goldens)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model_config_list {", "cannot be read as a list of models"),
        ("", "lists no model"),
        (ENTRY.format("").replace("colour", "shoes"), "no goldens of shoes: build the image anew, or say --without"),
        (ENTRY.format(SPECIFIC.replace("2", "7")), "no goldens of colour version 7"),
    ],
)  # fmt: skip
def test_what_cannot_be_expected_is_refused(tmp_path, goldens, text, said):
    """A list that cannot be read, or goldens that are missing, end verification before it asks anybody."""
    with pytest.raises(ExpectationError, match=said):
        read(tmp_path, goldens, text)


def test_a_broken_golden_is_refused(tmp_path):
    """Goldens that cannot be read, or a picture that is not the recorded one, are refused."""
    home = write_golden(tmp_path, 1)
    (home / "golden" / "0.png").write_bytes(b"another")
    with pytest.raises(ExpectationError, match=r"0\.png is not the picture"):
        read_expected(None, ("colour",), tmp_path, frozenset())
    (home / "golden.json").write_text("{")
    with pytest.raises(ExpectationError, match="cannot be read"):
        read_expected(None, ("colour",), tmp_path, frozenset())
    with pytest.raises(ExpectationError, match="No such file"):
        read_expected(tmp_path / "no.config", ("colour",), tmp_path, frozenset())

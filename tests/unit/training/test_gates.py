"""What a version has to pass before it is proposed, with what it is refused for otherwise."""

import json

import pytest

from tests.unit.training.evaluation.small_versions import write_data, write_version
from training.__main__ import main
from training.artefact import parity
from training.gates import GateRefused, pass_gates

BAD = 1.6  # see small_versions.write_version


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A good and a bad version, pictures that both can be judged by, and a place for more."""
    folder = tmp_path_factory.mktemp("gates")
    write_version(folder / "meal/1", green=BAD)
    write_version(folder / "meal/2")
    write_data(folder / "data", count=60)
    return folder


@pytest.fixture(autouse=True)
def goldens(monkeypatch):
    """These versions have no goldens; what parity finds is what a test says."""
    found = {"saved_model": 1e-6, "litert": 1e-5}
    monkeypatch.setattr(parity, "verify", lambda version: found)
    return found


def test_a_better_version_passes(made):
    """It beats the one that is there; both sentences and the figures are for the commit."""
    passed = pass_gates(made / "meal/2", made / "meal/1", made / "data", "all")
    assert 2 == len(passed.sentences)
    assert "B beats A" in passed.sentences[1]
    assert passed.figures["accuracy"] > passed.figures["accuracy_before"]
    assert passed.comparison


@pytest.mark.parametrize(("new", "old", "verdict"), [(1, 2, "A beats B"), (2, 2, "cannot be told apart")])
def test_a_version_that_is_not_better_is_refused(made, new, old, verdict):
    """Worse, or no better; the message has both accuracies and the verdict."""
    with pytest.raises(GateRefused, match="is not shown to be better") as refused:
        pass_gates(made / f"meal/{new}", made / f"meal/{old}", made / "data", "all")
    assert verdict.lower() in str(refused.value).lower()


def test_as_good_is_enough_where_that_was_asked_for(made):
    """A margin lets a version pass that is not worse by more."""
    assert pass_gates(made / "meal/2", made / "meal/2", made / "data", "all", 0.1).comparison


def test_a_first_version_has_to_be_better_than_chance(made):
    """Without one to beat: more often right than the most frequent class, by its whole interval."""
    passed = pass_gates(made / "meal/2", None, made / "data", "all")
    assert "No version is there to beat" in passed.sentences[1]
    with pytest.raises(GateRefused, match="not better than always saying the most frequent class"):
        pass_gates(made / "meal/1", None, made / "data", "all")


def test_a_version_that_remembers_the_pictures_is_named(made, tmp_path):
    """Where the version that is there was fitted on these very pictures, the refusal says so, and what to do."""
    from training import data

    examples, labels = data.scan(made / "data", ("pizza", "salad"))
    known = {"fitted_on": ["train", "validation", "test"], "content_sha256": data.content_hash(examples, labels)}
    write_version(tmp_path / "meal/1", data=known)
    with pytest.raises(GateRefused, match=r"A was fitted on \d+ of these \d+ pictures, so it remembers them"):
        pass_gates(made / "meal/2", tmp_path / "meal/1", made / "data", "test")


def test_skew_is_refused_before_anything_is_judged(made, monkeypatch):
    """Goldens first: a graph that answers otherwise than training code is not asked about pictures."""

    def verify(version):
        raise parity.ParityError("differs. Look at scaling")

    monkeypatch.setattr(parity, "verify", verify)
    monkeypatch.setattr("training.gates.answer_both", None)
    with pytest.raises(parity.ParityError, match="Look at scaling"):
        pass_gates(made / "meal/2", made / "meal/1", made / "data", "all")


def test_the_verb_tells_a_refusal_from_an_error(made, capsys, tmp_path):
    """Status 0 with the sentences as JSON and a page, 3 with the reason, 1 for what is wrong with the call."""
    good, bad, data = (str(made / name) for name in ("meal/2", "meal/1", "data"))
    page = tmp_path / "page.html"
    assert 0 == main(
        ["gate", good, "--data", data, "--split", "all", "--against", bad, "--json", "--report", str(page)]
    )
    assert 2 == len(json.loads(capsys.readouterr().out)["passed"])
    assert page.read_text().lstrip().startswith("<!")
    assert 3 == main(["gate", bad, "--data", data, "--split", "all", "--against", good])
    assert "refused: " in capsys.readouterr().err
    assert 1 == main(["gate", str(tmp_path), "--data", data])

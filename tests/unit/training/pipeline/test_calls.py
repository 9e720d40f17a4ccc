"""A step ends with the words of the command that ended it, and with its status."""

import sys
from pathlib import Path

import pytest

from training.pipeline import calls
from training.pipeline.calls import StepFailed, call, git, python, refuse, run


@pytest.fixture(autouse=True)
def reason(tmp_path, monkeypatch):
    """Where a step's reason is written to."""
    monkeypatch.setenv(calls.REASON, str(tmp_path / "reason.txt"))
    monkeypatch.setenv(calls.PYTHON, sys.executable)
    return tmp_path / "reason.txt"


def program(tmp_path, text):
    """Write a program. Returns: the words that run it."""
    file = tmp_path / "program.py"
    file.write_text(f"import sys\n{text}\n")
    return sys.executable, file


def test_what_a_command_prints_is_given_back_and_shown(tmp_path, capfd):
    """Standard output is the result; both streams are in the step's log."""
    assert "done\n" == run(*program(tmp_path, "print('done'); print('working', file=sys.stderr)"))
    out = capfd.readouterr().out
    assert {"done", "working"} <= set(out.splitlines())


@pytest.mark.parametrize("begin", ["refused: ", "error: ", "training gate: ", "fatal: "])
def test_a_reason_is_the_sentence_that_a_command_of_ours_ends_with(tmp_path, reason, begin):
    """All its lines, and none of what libraries write to the same stream before it."""
    words = f"{begin}no.\\n  one.png\\n  two.png"
    with pytest.raises(StepFailed) as failed:
        run(*program(tmp_path, f"print('oneDNN is on\\n{words}', file=sys.stderr); sys.exit(3)"))
    assert 3 == failed.value.code
    assert f"{begin}no.\n  one.png\n  two.png\n" == reason.read_text()


def test_a_command_of_others_is_quoted_by_its_last_line(tmp_path, reason):
    """A traceback's last line says what happened; without any word the status has to do."""
    with pytest.raises(StepFailed):
        run(*program(tmp_path, "raise KeyError('image')"))
    assert "KeyError: 'image'\n" == reason.read_text()
    with pytest.raises(StepFailed):
        run(*program(tmp_path, "sys.exit(7)"))
    assert "ended with status 7" in reason.read_text()


def test_a_lot_of_output_blocks_nothing(tmp_path):
    """Both streams are read at once: neither fills up while the other is waited for."""
    assert 500_000 == len(run(*program(tmp_path, "print('x' * 9**6, file=sys.stderr); print('y' * 499_999)")))


def test_a_refusal_has_its_own_status(reason):
    """A step that refuses by itself ends with status 3."""
    with pytest.raises(StepFailed) as failed:
        refuse("refused: no")
    assert (3, "refused: no\n") == (failed.value.code, reason.read_text())


def test_commands_of_training_find_this_repository(monkeypatch, tmp_path):
    """Wherever a step is started, what it calls is this repository's."""
    monkeypatch.chdir(tmp_path)
    assert "choose the best" in call("training", "choose", "--help").lower()


def test_git_says_why(reason, tmp_path):
    """A folder that cannot be cloned is told in Git's words."""
    with pytest.raises(StepFailed):
        git("clone", "--quiet", tmp_path / "no-such", tmp_path / "clone")
    assert "no-such" in reason.read_text()


def test_the_environment_says_which_python_trains(monkeypatch):
    """TRAINING_PYTHON first; else the environment that make makes, where it is; else the one that runs."""
    assert sys.executable == python()
    monkeypatch.delenv(calls.PYTHON)
    made = calls.ROOT / ".venv/train/bin/python"
    assert (str(made) if made.exists() else sys.executable) == python()
    assert isinstance(calls.runs(), Path)

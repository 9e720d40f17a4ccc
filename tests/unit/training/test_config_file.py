"""An experiment that `training new` writes is the one that was trained, in the house's format."""

import dataclasses
import subprocess
import sys

import pytest

from training.config import Config
from training.config_file import config_text

RECORD = {
    "minutes": 3.0,
    "estimate": {"method": "test", "accuracy": {"value": 0.9, "low": 0.8512, "high": 0.9444, "n": 120}},
}
PLAIN = Config(
    name="shoes",
    version=1,
    task="Say which.",
    labels=("boot", "shoe"),
    data_name="shoes",
    source="a folder",
    intended_use="tests",
    limits=("none",),
)
CONFIGS = {
    "plain": PLAIN,
    "quotes": dataclasses.replace(
        PLAIN, task='Say "boot" or not.', source='it\'s "mine" \\ yours', labels=('a"b', "c'd", 'e\\"', '"\\n"')
    ),
    "long": dataclasses.replace(
        PLAIN,
        name="a" + "-b" * 31,
        task="Say which of many classes, " * 12,
        source="https://example.org/" + "x" * 150,
        labels=tuple(f"class number {number}" for number in range(12)),
        limits=("One sentence that is a good deal longer than a line may be, " * 3, "short"),
    ),
    "foreign": dataclasses.replace(PLAIN, labels=("čižma", "靴"), task="tab\there"),
    "values": dataclasses.replace(
        PLAIN, epochs=0, weights=None, learning_rate=1e-05, fit_splits=("train", "validation"), temperature=0.5
    ),
}


def load(text):
    module = {}
    exec(compile(text, "config", "exec"), module)
    return module


@pytest.mark.parametrize("name", CONFIGS)
def test_the_module_makes_the_same_experiment(name):
    """Importing the module gives a Config that equals the one it was written from, whatever is in its strings."""
    assert CONFIGS[name] == load(config_text(CONFIGS[name], RECORD))["CONFIG"]


def test_the_docstring_says_command_hardware_minutes_and_result():
    """The docstring has the four lines that every experiment has, with what the training measured."""
    text = load(config_text(PLAIN, RECORD))["__doc__"]
    assert text.startswith("Shoes: efficientnet-lite0 at 224 px, fine-tuned whole.\n\n")
    assert "Command:   python -m training train shoes --data DIR && python -m training export runs/shoes\n" in text
    assert "Hardware:  " in text
    assert "Minutes:   3\n" in text
    assert "Expected:  0.85 to 0.94 on the test split, 120 pictures\n" in text


def test_the_linter_and_the_formatter_leave_it_alone(tmp_path):
    """`make lint` passes after `training new`, also with quotes, long sentences and long names."""
    for name, config in CONFIGS.items():
        (tmp_path / f"{name}.py").write_text(config_text(config, RECORD), encoding="utf-8")
    # INP001: tmp_path is no package.
    for command in (["check", "--ignore", "INP001"], ["format", "--check", "--diff"]):
        line = [sys.executable, "-m", "ruff", *command, "--config", "pyproject.toml", "--no-cache", str(tmp_path)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stdout + done.stderr

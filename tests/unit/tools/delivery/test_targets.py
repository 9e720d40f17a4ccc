"""`make promote`, `make rollback` and `make status` hand their variables on as they are."""

import ast
import subprocess

import pytest

from tools.delivery.__main__ import _parser
from tools.manifests.rendering import ROOT

TELL = "TEST=python3 -c 'import sys; print(sys.argv[1:])'"


REST = ["--text", "e f", "--branch", "g", "--no-commit"]


def make(*words):
    command = ["make", "--no-print-directory", "-o", ".venv/test/.installed", TELL, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["status"], ["status"]),
        (["status", "JSON=1"], ["status", "--json"]),
        (["rollback", "REASON=it's `wrong` $(x)"], ["rollback", "prod", "--reason", "it's `wrong` $(x)"]),
        (["promote", "IMAGES=a=1 b=2"], ["promote", "kind", "prod", "--images", "a=1", "b=2"]),
        (
            ["promote", "DIGESTS=a b.json", "COMMIT=c", "VERIFIED_BY=http://d", "TEXT=e f", "BRANCH=g", "NO_COMMIT=1"],
            ["promote", "kind", "prod", "--digests", "a b.json", "--commit", "c", "--verified-by", "http://d", *REST],
        ),
        (
            ["promote", "DIGESTS=a", "CHECK_MODELS=1", "DRY_RUN=1"],
            ["promote", "kind", "prod", "--digests", "a", "--check-models", "--dry-run"],
        ),
    ],
)
def test_variables_become_arguments(words, arguments):
    """What is given to make arrives whole, is what the parser takes, and is never run as a command."""
    done = make(*[word.replace("$", "$$") for word in words])
    assert 0 == done.returncode, done.stderr
    assert ["-m", "tools.delivery", *arguments] == ast.literal_eval(done.stdout)
    _parser().parse_args(arguments)


def test_a_rollback_without_a_reason_says_so():
    """Without REASON make ends with a word about it, and runs nothing."""
    done = make("rollback")
    assert 0 != done.returncode
    assert "say why: REASON='why'" in done.stderr

"""Run the pipeline on this machine: the steps are processes, no container and no cluster is needed."""

import builtins
import io
import os
import re
import sys
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TextIO

from kfp import local
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from training.pipeline.calls import MARK, REASON, ROOT
from training.pipeline.definition import pictures_to_commit

_MARKED = re.compile(rf"^\s*{re.escape(MARK)}")


class Refused(Exception):  # noqa: N818 - what a reader of `except` wants to see
    """The pipeline ended without a commit; the message says why."""


class _Shown(io.TextIOBase):
    """Show people the lines that are for them, and keep all lines in a log."""

    def __init__(self, screen: TextIO, log: TextIO) -> None:
        self._screen, self._log, self._line = screen, log, ""

    def write(self, text: str) -> int:
        """Take what kfp and the steps print."""
        self._log.write(text)
        self._log.flush()
        *whole, self._line = (self._line + text).split("\n")
        for line in whole:
            if _MARKED.match(line):
                print(_MARKED.sub("", line), file=self._screen, flush=True)
        return len(text)


def run(parameters: Mapping[str, Any], folder: Path) -> str:
    """Run the pipeline.

    Args:
        parameters: as `pictures_to_commit` takes them.
        folder: for the artefacts of every step, a folder a run, and the log of the last run.
    Returns: the branch with the commit. Raises: Refused, with the words of the step that ended it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reason, log = folder / "refused.txt", folder / "log.txt"
    reason.unlink(missing_ok=True)
    os.environ[REASON] = str(reason)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # kfp.local has a cache by the artefacts' paths, which say nothing of their content: candidates have a better one.
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(folder / "artefacts"), enable_caching=False)
    _try_once(pictures_to_commit.pipeline_spec)
    with warnings.catch_warnings(), log.open("w", encoding="utf-8") as file:
        warnings.simplefilter("ignore")  # of images and requests for memory, which a process has none of
        printing = builtins.print  # kfp puts another in its place for each step, which two steps at once leave there
        try:
            with redirect_stdout(_Shown(sys.stdout, file)):
                done = pictures_to_commit(**parameters)
        except RuntimeError as error:
            said = reason.read_text(encoding="utf-8").strip() if reason.exists() else _plain(str(error))
            raise Refused(f"{said}\nAll that was said is in {log}.") from error
        finally:
            builtins.print = printing
    return str(done.output)


def _try_once(pipeline: PipelineSpec) -> None:
    """Leave out second tries: no node is lost here, and who mistyped a name would wait for them."""
    for dag in (pipeline.root.dag, *(component.dag for component in pipeline.components.values())):
        for task in dag.tasks.values():
            task.ClearField("retry_policy")


def _plain(text: str) -> str:
    """Take the terminal's colours out of a sentence of kfp's."""
    return re.sub(r"\x1b\[\d+m", "", text)

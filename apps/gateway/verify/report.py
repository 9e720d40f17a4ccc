"""Tell people how verification goes: a line where something changes, a table at the end."""

import sys
import time
from typing import TextIO

from gateway.verify.checks import Result


class Report:
    """Writes to a stream: a line for each check that turns green, or red for another reason."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._began_s = time.monotonic()
        self._last: dict[str, Result] = {}

    def show(self, found: dict[str, Result]) -> None:
        """Take a round's results."""
        for name, result in found.items():
            before = self._last.get(name)
            if before is None or before.green != result.green or (not result.green and before.words != result.words):
                self._write(f"{time.monotonic() - self._began_s:6.1f} s  {_colour(result):5}  {name}: {result.words}")
        for name in self._last.keys() - found.keys():
            self._write(f"{time.monotonic() - self._began_s:6.1f} s  gone   {name}")
        self._last = found

    def end(self, *, green: bool, limit_s: float) -> None:
        """Write the table of the last results, and the verdict."""
        width = max(map(len, self._last), default=0)
        self._write("")
        for name, result in self._last.items():
            self._write(f"{name:{width}}  {_colour(result):5}  {result.words}")
        red = sum(not result.green for result in self._last.values())
        if green:
            self._write(f"verified: {len(self._last)} checks are green, twice in a row")
        elif red:
            self._write(f"NOT verified within {limit_s:g} s: {red} of {len(self._last)} checks are red")
        else:
            self._write(f"NOT verified within {limit_s:g} s: the checks were not green twice in a row")

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def _colour(result: Result) -> str:
    return "green" if result.green else "red"

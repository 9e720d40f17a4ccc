"""Let atheris look for inputs that break decoders and parsers: `python -m tests.hostile.fuzz --seconds 60`.

Each target has so many seconds, and starts from valid inputs that are made here. What breaks one is kept in build/fuzz,
and given to it again by `python -m tests.hostile.fuzz.one TARGET FILE`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hostile.fuzz.targets import TARGETS

KEPT = Path("build/fuzz")
# An input may take 5 s and 1,500 MB, both far beyond what the gateway allows a picture.
FLAGS = ("-timeout=5", "-rss_limit_mb=1500", "-max_len=65536", "-print_final_stats=1", f"-artifact_prefix={KEPT}/")


def main() -> int:
    """Fuzz each target and print a table. Returns: how many were broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (%(default)s)")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS), metavar="TARGET")
    options = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    broken = 0
    for name in options.targets:
        with tempfile.TemporaryDirectory() as corpus:
            for number, seed in enumerate(TARGETS[name].seeds()):
                (Path(corpus) / str(number)).write_bytes(seed)
            command = [sys.executable, "-m", "tests.hostile.fuzz.one", name, *FLAGS]
            done = subprocess.run(
                [*command, f"-max_total_time={options.seconds}", corpus], capture_output=True, text=True, check=False
            )
        found = re.search(r"number_of_executed_units: *(\d+)", done.stderr)
        holds = done.returncode == 0
        sys.stdout.write(f"{name:<20} {int(found[1]) if found else 0:>10,} inputs  {'' if holds else 'BROKEN'}\n")
        if not holds:
            broken += 1
            sys.stdout.write(done.stdout[-3000:] + done.stderr[-3000:])
    return broken


if __name__ == "__main__":
    sys.exit(main())

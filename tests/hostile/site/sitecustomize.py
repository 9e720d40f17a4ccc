"""Python reads this at its start where PYTHONPATH leads here: hold the program to what a test allows."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))

from tests.hostile.connections import Connections, install

if allowed := Connections.of_environment():
    install(allowed)

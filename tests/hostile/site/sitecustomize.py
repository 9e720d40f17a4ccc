"""Python reads this at its start where PYTHONPATH leads here: hold the program to what a test allows."""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))

from tests.hostile import zone
from tests.hostile.connections import Connections, install

if allowed := Connections.of_environment():
    install(allowed)
if zone.VARIABLE in os.environ:
    zone.install()

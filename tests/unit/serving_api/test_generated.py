"""The generated messages are those of the .proto files, and load beside TensorFlow's."""

import os
import subprocess
import sys
from pathlib import Path

API = Path(__file__).parents[3] / "apps" / "serving_api"


def test_generated_code_is_current(tmp_path):
    """Generating anew gives the files that are committed."""
    subprocess.run([API / "generate", tmp_path], check=True, env={**os.environ, "PYTHON": sys.executable})
    names = ["config_pb2.py", "config_pb2.pyi", "serving_pb2.py", "serving_pb2.pyi"]
    assert [(API / n).read_text() for n in names] == [(tmp_path / "serving_api" / n).read_text() for n in names]

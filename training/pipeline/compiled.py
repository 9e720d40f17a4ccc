"""The pipeline as YAML, for a cluster."""

import tempfile
from pathlib import Path

from kfp import compiler

from training.pipeline.definition import pictures_to_commit

FILE = Path(__file__).with_name("pipeline.yaml")


def compiled() -> str:
    """Compile the pipeline. Returns: the pipeline's specification, and the platform's as a second YAML document."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pipeline.yaml")
        compiler.Compiler().compile(pictures_to_commit, str(file))
        return file.read_text(encoding="utf-8")

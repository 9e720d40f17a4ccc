"""Reports as one self-contained HTML file each."""

from importlib.util import find_spec
from pathlib import Path

_NEEDED = ("jinja2", "matplotlib", "sklearn", "tensorflow")


def check_report(path: Path) -> None:
    """Raise ValueError, before any work, if a report cannot be written to a file, or not in this environment."""
    if path.suffix != ".html":
        raise ValueError(f"--report writes an HTML file, and {path} does not end in .html.")
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(
            f"--report needs {', '.join(missing)}, which this environment lacks: use that of training "
            "(`make report`, or .venv/train/bin/python)."
        )

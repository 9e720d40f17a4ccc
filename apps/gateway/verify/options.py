"""What `gateway verify` and `gateway prove` are both told: what must answer, and by when.

Imports little, for the same reason as `gateway.cli`.
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.verify.expected import Expected


def add_expectation(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Add the options; the one that a manifest sets can come from the environment."""
    parser.add_argument("--goldens", default="/goldens", help="folder with NAME/VERSION/golden.json (%(default)s)")
    parser.add_argument(
        "--models-config",
        type=Path,
        default=environment.get("GATEWAY_MODEL_CONFIG_FILE") or None,
        help="the model servers' list: which models, versions and labels must be there (%(default)s)",
    )
    parser.add_argument(
        "--without-goldens", action="append", default=[], metavar="MODEL", help="a model that only has to be available"
    )
    parser.add_argument("--timeout-s", type=float, default=240.0, help="when to give up, seconds (%(default)g)")


def read_expectation(arguments: argparse.Namespace) -> "tuple[Settings, list[Expected]]":
    """Read the settings and what must answer. Raises: SettingsError, ExpectationError."""
    from gateway.settings import Settings
    from gateway.verify.expected import read_expected

    settings = Settings.from_environment(os.environ)
    return settings, read_expected(
        arguments.models_config, settings.models, Path(arguments.goldens), frozenset(arguments.without_goldens)
    )

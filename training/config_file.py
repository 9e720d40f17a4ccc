"""Write an experiment as the module of `training/configs/` that makes it again, in the house's format."""

import dataclasses
import json
import os
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from training.config import Config

_WIDTH = 120
_TEXT_WIDTH = 100  # of the parts of a long string


def config_text(config: Config, record: Mapping[str, Any]) -> str:
    """Write a module whose CONFIG equals `config`, with what its training took and reached in the docstring.

    Args:
        config: the experiment.
        record: of its training, as `training.train.train` returns it.
    Returns: Python source that `ruff check` and `ruff format` leave alone.
    """
    how = "fine-tuned whole" if config.epochs and config.weights else "a head on frozen features"
    if config.weights is None:
        how = "trained from nothing"
    title = f"{config.name.replace('-', ' ').capitalize()}: {config.backbone} at {config.size} px, {how}."
    command = f"Command:   python -m training train {config.name} --data DIR &&"
    export = f"python -m training export runs/{config.name}"
    joined = f"{command} {export}"
    figures = record["estimate"]["accuracy"]
    expected = f"{figures['low']:.2f} to {figures['high']:.2f} {judged(record['estimate'])}, {figures['n']} pictures"
    lines = [
        f'"""{title}',
        "",
        *([joined] if len(joined) <= _WIDTH else [command, f"           {export}"]),
        f"Hardware:  {_hardware()}",
        f"Minutes:   {record['minutes']:g}",
        f"Expected:  {expected}",
        '"""',
        "",
        "from training.config import Config",
        "",
        "CONFIG = Config(",
    ]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.default is dataclasses.MISSING or value != field.default:
            lines += _argument(field.name, value)
    return "\n".join([*lines, ")", ""])


def judged(estimate: Mapping[str, Any]) -> str:
    """Say how an estimate was made: "on the test split", "in 5-fold cross-validation"."""
    return "on the test split" if estimate["method"] == "test" else f"in {estimate['method']}"


def _argument(name: str, value: Any) -> list[str]:
    """Write `name=value,` as the formatter would: on one line if it fits, else a part a line."""
    if isinstance(value, str):
        return _long(f"    {name}=", _strings(value), "")
    if isinstance(value, Sequence):
        parts = [_quoted(part) if isinstance(part, str) else repr(part) for part in value]
        inside = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if len(line := f"    {name}={inside},") <= _WIDTH:
            return [line]
        rows = [row for part in value for row in _element(part)]
        return [f"    {name}=(", *rows, "    ),"]
    return [f"    {name}={value!r},"]


def _element(part: Any) -> list[str]:
    strings = _strings(part) if isinstance(part, str) else [repr(part)]
    if len(strings) == 1:
        return [f"        {strings[0]},"]
    return ["        (", *(f"            {string}" for string in strings), "        ),"]


def _long(start: str, strings: Sequence[str], indent: str) -> list[str]:
    if len(strings) == 1:
        return [f"{indent}{start}{strings[0]},"]
    return [f"{indent}{start}(", *(f"{indent}        {string}" for string in strings), f"{indent}    ),"]


def _strings(text: str) -> list[str]:
    """Write a string as one literal, or as several that Python joins where it is long."""
    parts = textwrap.wrap(
        text, _TEXT_WIDTH, expand_tabs=False, replace_whitespace=False, drop_whitespace=False, break_on_hyphens=False
    )
    return [_quoted(part) for part in parts] or ['""']


def _quoted(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    if text.count('"') <= text.count("'"):
        return written
    # The formatter's choice where that leaves less to escape.
    return "'" + written[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def _hardware() -> str:
    import tensorflow as tf

    gpus = len(tf.config.list_physical_devices("GPU"))
    return f"{os.cpu_count()} CPU cores" + (f", {gpus} GPU" if gpus else "")

"""The command line is TensorFlow Serving's."""

import re
from pathlib import Path

import grpc
import pytest

from model_server.errors import StatusError
from model_server.flags import WITHOUT_EFFECT, Flags, parse, parse_channel_arguments


def parse_one(*arguments):
    return parse(["--model_base_path=/models/pizza", *arguments])


@pytest.mark.parametrize("arguments", [["--port=9000"], ["--port", "9000"]])
def test_value_spellings(arguments):
    """A value follows an equals sign or is the next argument."""
    assert 9000 == parse_one(*arguments).port


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], False),
        (["--enable_batching"], True),
        (["--enable_batching=true"], True),
        (["--enable_batching", "false"], False),
        (["--enable_batching=0"], False),
        (["--enable_batching", "--port=1"], True),
    ],
)
def test_boolean_spellings(arguments, expected):
    """A boolean may stand alone or have a value."""
    assert expected == parse_one(*arguments).enable_batching


def test_defaults():
    """What is not given has the original's default."""
    flags = parse_one()
    assert (8500, 0, "default", 1, 5, 60_000_000, True, 30_000) == (
        flags.port,
        flags.rest_api_port,
        flags.model_name,
        flags.file_system_poll_wait_seconds,
        flags.max_num_load_retries,
        flags.load_retry_interval_micros,
        flags.enable_model_warmup,
        flags.rest_api_timeout_in_ms,
    )


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_known_flags_are_accepted(name):
    """A flag of the original that has no effect here is noted, with a value or alone, and the server starts."""
    assert (name,) == parse_one(f"--{name}=1").ignored == parse_one(f"--{name}").ignored


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prot=8500"], "--prot=8500"),
        (["--por=8500"], "--por=8500"),
        (["stray"], "stray"),
        (["--port=many"], "--port"),
        (["--port=65536"], "--port"),
        (["--enable_batching=maybe"], "--enable_batching"),
        (["--rest_api_port=8500"], "--rest_api_port must differ"),
        (["--port=0"], "all off"),
        (["--batching_parameters_file=b.txt"], "needs --enable_batching"),
        (["--max_num_load_retries=-1"], "--max_num_load_retries"),
        (["--grpc_max_threads=0"], "--grpc_max_threads"),
    ],
)
def test_bad_flags_are_named(arguments, message):
    """A flag that is unknown, malformed or contradictory stops the start, and the error names it."""
    with pytest.raises(StatusError, match=message) as raised:
        parse_one(*arguments)
    assert grpc.StatusCode.INVALID_ARGUMENT == raised.value.code


def test_model_is_required():
    """Without a model or a list of models there is nothing to serve."""
    with pytest.raises(StatusError, match="--model_base_path or --model_config_file"):
        parse([])


def test_version_needs_no_model():
    """--version works alone."""
    assert parse(["--version"]).version


def test_help_names_every_flag_that_works(capsys):
    """--help lists what works and not what has no effect."""
    with pytest.raises(SystemExit) as raised:
        parse(["--help"])
    shown = capsys.readouterr().out
    assert 0 == raised.value.code
    assert [] == [name for name in Flags.__dataclass_fields__ if name != "ignored" and f"--{name}" not in shown]
    assert "--num_tflite_pools" not in shown


def test_engine_threads():
    """The threads of one run are the intra-op flag, else the session flag, else one a processor."""
    assert 3 == parse_one("--tensorflow_intra_op_parallelism=3", "--tensorflow_session_parallelism=2").engine_threads
    assert 2 == parse_one("--tensorflow_session_parallelism=2").engine_threads
    assert parse_one().engine_threads >= 1


def test_channel_arguments():
    """Whole numbers become numbers, because gRPC tells them apart."""
    assert [("grpc.max_connection_age_ms", 30000), ("grpc.name", "x=y")] == parse_channel_arguments(
        "grpc.max_connection_age_ms=30000, grpc.name=x=y"
    )
    assert [] == parse_channel_arguments("")


def test_bad_channel_argument():
    """A part without an equals sign is an error, not a silent nothing."""
    with pytest.raises(StatusError, match=r"grpc\.max"):
        parse_channel_arguments("grpc.max")


def test_readme_names_every_flag():
    """The README's table has every flag that works, with its default, and none of the others."""
    readme = (Path(__file__).parents[3] / "apps/model-server/README.md").read_text()
    rows = dict(re.findall(r"^\| `--(\w+)`(?:, `--help`)? \| ([^|]*?) ?\|", readme, re.MULTILINE))
    fields = {name: field.default for name, field in Flags.__dataclass_fields__.items() if name != "ignored"}
    assert set(fields) == set(rows)
    assert {} == {
        name: default
        for name, default in fields.items()
        if rows[name] != "4 a processor" and name != "version" and rows[name] != str(default).lower()
    }

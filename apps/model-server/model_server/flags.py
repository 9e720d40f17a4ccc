"""Read TensorFlow Serving's command line: the same names, defaults and spellings.

An overlay swaps the original for this server by the image name alone, so each flag of the original is one of three:
it works here; it is known, has no counterpart here and warns; or it is in neither list and stops the start.

Source: tensorflow_serving/model_servers/main.cc.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NoReturn

import grpc

from model_server.errors import StatusError
from model_server.processors import count_processors

# Flags of the original that have no counterpart here. A value is accepted and changes nothing.
WITHOUT_EFFECT = (
    "enable_per_model_batching_parameters",
    "enable_profiler",
    "enable_signature_method_name_check",
    "flush_filesystem_caches",
    "force_allow_any_version_labels_for_unavailable_models",
    "mixed_precision",
    "num_tflite_interpreters_per_pool",
    "num_tflite_pools",
    "num_unload_threads",
    "per_process_gpu_memory_fraction",
    "platform_config_file",
    "prefer_tflite_model",
    "remove_unused_fields_from_bundle_metagraph",
    "rest_api_enable_cors_support",
    "saved_model_tags",
    "skip_initialize_tpu",
    "tensorflow_inter_op_parallelism",
    "tensorflow_session_config_file",
    "thread_pool_factory_config_file",
    "total_model_memory_limit_bytes",
    "use_alts_credentials",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
)

_PORTS = range(65536)


@dataclass(frozen=True)
class Flags:
    """The command line, one field a flag; `ignored` names the given flags that have no effect here."""

    port: int = 8500
    grpc_socket_path: str = ""
    rest_api_port: int = 0
    rest_api_num_threads: int = 4 * count_processors()
    rest_api_timeout_in_ms: int = 30_000
    model_name: str = "default"
    model_base_path: str = ""
    model_config_file: str = ""
    model_config_file_poll_wait_seconds: int = 0
    file_system_poll_wait_seconds: int = 1
    allow_version_labels_for_unavailable_models: bool = False
    enable_batching: bool = False
    batching_parameters_file: str = ""
    enable_model_warmup: bool = True
    num_request_iterations_for_warmup: int = 1
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60 * 1_000_000
    num_load_threads: int = 0
    monitoring_config_file: str = ""
    enable_grpc_healthcheck_service: bool = False
    grpc_channel_arguments: str = ""
    grpc_max_threads: int = 4 * count_processors()
    ssl_config_file: str = ""
    tensorflow_session_parallelism: int = 0
    tensorflow_intra_op_parallelism: int = 0
    enable_serialization_as_tensor_content: bool = False
    version: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def engine_threads(self) -> int:
        """Give the CPU threads that one run of a model may use; the more special of the two flags wins."""
        return self.tensorflow_intra_op_parallelism or self.tensorflow_session_parallelism or count_processors()


_HELP = {
    "port": "gRPC port on every interface; 0 opens none",
    "grpc_socket_path": "also answer gRPC on this UNIX socket",
    "rest_api_port": "REST port; 0 opens none",
    "rest_api_num_threads": "threads that answer REST calls",
    "rest_api_timeout_in_ms": "time limit of a REST call, milliseconds",
    "model_name": "name of the one model; not with --model_config_file",
    "model_base_path": "directory with the versions of the one model; not with --model_config_file",
    "model_config_file": "text ModelServerConfig: several models, version policies, labels",
    "model_config_file_poll_wait_seconds": "read that file again every so many seconds; 0: only at the start",
    "file_system_poll_wait_seconds": "look for versions every so many seconds; 0: only at the start",
    "allow_version_labels_for_unavailable_models": "a new label may point at a version that is not available yet",
    "enable_batching": "run the rows of several requests as one batch",
    "batching_parameters_file": "text BatchingParameters; needs --enable_batching",
    "enable_model_warmup": "replay assets.extra/tf_serving_warmup_requests before a version serves",
    "num_request_iterations_for_warmup": "replay each warm-up request so many times",
    "max_num_load_retries": "tries after the first that failed, for each version",
    "load_retry_interval_micros": "wait between them, microseconds; negative: none",
    "num_load_threads": "versions loaded at once; 0: one",
    "monitoring_config_file": "text MonitoringConfig: Prometheus path on the REST port",
    "enable_grpc_healthcheck_service": "answer grpc.health.v1",
    "grpc_channel_arguments": "comma-separated name=value list for gRPC, such as grpc.max_connection_age_ms=30000",
    "grpc_max_threads": "gRPC calls answered at once",
    "ssl_config_file": "text SSLConfig with PEM texts: serve gRPC over TLS",
    "tensorflow_session_parallelism": "CPU threads for one run of a model; 0: one a processor",
    "tensorflow_intra_op_parallelism": "the same; wins over --tensorflow_session_parallelism",
    "enable_serialization_as_tensor_content": "answer tensors as tensor_content, not as typed lists",
    "version": "print the version and exit",
}


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of leaving the process, so that every bad flag is one line."""

    def error(self, message: str) -> NoReturn:
        raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)


def _boolean(text: str) -> bool:
    word = text.lower()
    if word not in {"true", "1", "false", "0"}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return word in {"true", "1"}


def _build_parser() -> _Parser:
    parser = _Parser(
        prog="tensorflow_model_server",
        usage="%(prog)s --model_base_path=DIRECTORY | --model_config_file=FILE [--flag=value ...]",
        description="Serve LiteRT and SavedModel models over TensorFlow Serving's gRPC and REST interfaces.",
        allow_abbrev=False,
    )
    for field in fields(Flags):
        if field.name == "ignored":
            continue
        shown = "" if field.default == "" else f" (default {str(field.default).lower()})"
        text = _HELP[field.name] + shown
        if field.type is bool:
            parser.add_argument(
                f"--{field.name}",
                nargs="?",
                const=True,
                default=field.default,
                type=_boolean,
                metavar="true|false",
                help=text,
            )
        else:
            parser.add_argument(f"--{field.name}", default=field.default, type=field.type, metavar="VALUE", help=text)
    for name in WITHOUT_EFFECT:
        parser.add_argument(f"--{name}", nargs="?", const="", default=None, help=argparse.SUPPRESS)
    return parser


def parse(arguments: Sequence[str]) -> Flags:
    """Read the command line.

    Args:
        arguments: without the program's name; `--flag=value` and `--flag value`; a boolean may stand alone.
    Returns: Flags, checked against each other.
    Raises: StatusError INVALID_ARGUMENT, naming the flag: unknown, malformed, missing or contradictory.
        SystemExit(0) after `--help`.
    """
    given = vars(_build_parser().parse_args(list(arguments)))
    ignored = tuple(name for name in WITHOUT_EFFECT if given.pop(name) is not None)
    flags = Flags(**given, ignored=ignored)
    if not flags.version:
        _check(flags)
    return flags


def _check(flags: Flags) -> None:
    problems = {
        "--model_base_path or --model_config_file is required": not (flags.model_base_path or flags.model_config_file),
        "--model_name must not be empty": not flags.model_name,
        "--port must be from 0 to 65535": flags.port not in _PORTS,
        "--rest_api_port must be from 0 to 65535": flags.rest_api_port not in _PORTS,
        "--rest_api_port must differ from --port": flags.port == flags.rest_api_port != 0,
        "--port, --rest_api_port and --grpc_socket_path are all off: nobody could ask": not (
            flags.port or flags.rest_api_port or flags.grpc_socket_path
        ),
        "--batching_parameters_file needs --enable_batching": bool(flags.batching_parameters_file)
        and not flags.enable_batching,
        "--rest_api_num_threads must be at least 1": flags.rest_api_num_threads < 1,
        "--rest_api_timeout_in_ms must be at least 1": flags.rest_api_timeout_in_ms < 1,
        "--grpc_max_threads must be at least 1": flags.grpc_max_threads < 1,
        "--max_num_load_retries must not be negative": flags.max_num_load_retries < 0,
        "--num_load_threads must not be negative": flags.num_load_threads < 0,
        "--file_system_poll_wait_seconds must not be negative": flags.file_system_poll_wait_seconds < 0,
        "--model_config_file_poll_wait_seconds must not be negative": flags.model_config_file_poll_wait_seconds < 0,
        "--tensorflow_session_parallelism must not be negative": flags.tensorflow_session_parallelism < 0,
        "--tensorflow_intra_op_parallelism must not be negative": flags.tensorflow_intra_op_parallelism < 0,
    }
    for problem, is_there in problems.items():
        if is_there:
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, problem)


def parse_channel_arguments(text: str) -> list[tuple[str, int | str]]:
    """Read `--grpc_channel_arguments`: comma-separated name=value pairs, whole numbers as numbers.

    Raises: StatusError INVALID_ARGUMENT for a part without a name or an equals sign.
    """
    pairs: list[tuple[str, int | str]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, f"--grpc_channel_arguments: {part!r} is not name=value")
        try:
            pairs.append((name, int(value)))
        except ValueError:
            pairs.append((name, value))
    return pairs

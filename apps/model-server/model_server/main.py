"""Run the embedded model server: console command `tensorflow_model_server`.

Order, as in the original: read flags and files, load the models, then open the ports; so an open port means a model
that answers. Unlike the original it ends cleanly on SIGTERM and SIGINT: requests under way are answered first.
"""

import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import grpc

from model_server import config as configs
from model_server.batching import BatchingOptions, BatchScheduler, read_options
from model_server.config_watch import ConfigWatch
from model_server.core import Core
from model_server.errors import StatusError
from model_server.flags import Flags, parse, parse_channel_arguments
from model_server.grpc_server import GrpcOptions, GrpcServer
from model_server.loading import Loader
from model_server.manager import Manager
from model_server.memory import hold_little
from model_server.metrics import Metrics
from model_server.source import Source
from model_server.stopping import StopSignal
from serving_api import config_pb2
from serving_api.deadline import Deadline

LOG = logging.getLogger("model_server")

# Kubernetes kills a pod 30 seconds after SIGTERM unless told otherwise.
DRAIN_GRACE_S = 20.0


class Server:
    """All parts of one server, made of flags and files.

    Args:
        flags: the command line.
    Raises: StatusError for a file that is wrong; no port is open and nothing is loaded yet.
    """

    def __init__(self, flags: Flags) -> None:
        self._flags = flags
        self._config = (
            configs.read_text_proto(flags.model_config_file, config_pb2.ModelServerConfig())
            if flags.model_config_file
            else configs.single_model(flags.model_name, flags.model_base_path)
        )
        self._monitoring = configs.read_monitoring(flags.monitoring_config_file)
        self._grpc_options = GrpcOptions(
            port=flags.port,
            socket_path=flags.grpc_socket_path,
            max_threads=flags.grpc_max_threads,
            channel_arguments=parse_channel_arguments(flags.grpc_channel_arguments),
            credentials=configs.read_server_credentials(flags.ssl_config_file) if flags.ssl_config_file else None,
            health=flags.enable_grpc_healthcheck_service,
        )
        self._metrics = Metrics()
        batching = _read_batching(flags)
        self._scheduler = BatchScheduler(batching, self._metrics.observe_queuing) if batching else None
        self._manager = Manager(
            Loader(
                self._metrics,
                scheduler=self._scheduler,
                engine_threads=flags.engine_threads,
                warm_up_iterations=flags.num_request_iterations_for_warmup if flags.enable_model_warmup else 0,
                as_content=flags.enable_serialization_as_tensor_content,
            ),
            max_retries=flags.max_num_load_retries,
            retry_wait_s=flags.load_retry_interval_micros / 1e6,
            load_threads=flags.num_load_threads,
        )
        self._source = Source(self._manager.aspire, flags.file_system_poll_wait_seconds)
        self._core = Core(
            self._manager,
            self._source,
            self._metrics,
            allow_labels_for_unavailable=flags.allow_version_labels_for_unavailable_models,
            default_timeout_s=flags.rest_api_timeout_in_ms / 1e3,
        )
        self._watch = ConfigWatch(
            flags.model_config_file,
            flags.model_config_file_poll_wait_seconds if flags.model_config_file else 0,
            self._config,
            # Not waited for: while a broken model is retried, the file may already say something better.
            lambda config: self._core.apply(config, wait=False),
        )
        self._grpc: GrpcServer | None = None
        self._rest: Any = None

    def start(self, is_cancelled: Callable[[], bool]) -> None:
        """Load the models, then open the ports.

        Args:
            is_cancelled: asked while models load; true ends the wait, and no port is opened.
        Raises: StatusError: a model, a directory or a port that cannot be had.
        """
        self._core.apply(self._config, wait=False)
        self._source.start()
        names = [model.name for model in self._config.model_config_list.config]
        self._manager.wait_until_loaded(names, is_cancelled)
        if is_cancelled():
            return
        if self._flags.port or self._flags.grpc_socket_path:
            self._grpc = GrpcServer(self._core, self._grpc_options)
            self._grpc.start()
        if self._flags.rest_api_port:
            self._rest = self._start_rest()
        self._watch.start()

    def stop(self) -> bool:
        """Answer the requests under way, then unload.

        Returns: whether all were answered within the grace period.
        """
        grace = Deadline.after(DRAIN_GRACE_S)
        ended = self._grpc.drain(grace.remaining_s()) if self._grpc is not None else None
        if self._rest is not None:
            self._rest.stop(grace.remaining_s())
        if ended is not None:
            ended.wait()
        answered = self._manager.stop(grace.remaining_s())
        self._source.stop()
        self._watch.stop()
        if self._scheduler is not None and answered:
            self._scheduler.stop()
        return answered

    def _start_rest(self) -> Any:
        # Imported here: a server that speaks only gRPC does not pay for Flask.
        from model_server import rest

        port = self._flags.rest_api_port
        app = rest.create_app(self._core, self._monitoring, self._metrics.registry)
        try:
            server = rest.RestServer(app, port, self._flags.rest_api_num_threads)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise StatusError(
                grpc.StatusCode.UNAVAILABLE, f"--rest_api_port={port} cannot be opened: {reason}"
            ) from error
        server.start()
        LOG.info("REST at 0.0.0.0:%d", port)
        return server


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until SIGTERM or SIGINT.

    Args:
        argv: the command line without the program's name; None: the process's own.
    Returns: exit status: 0 after a clean stop, `--help` or `--version`; 1 if the server could not start.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    try:
        flags = parse(sys.argv[1:] if argv is None else argv)
    except StatusError as error:
        return _refused(error)
    if flags.version:
        sys.stdout.write(f"TensorFlow ModelServer: embedded, of image-classifiers {_version()}\n")
        return 0
    for name in flags.ignored:
        LOG.warning("--%s is known from TensorFlow Serving and has no effect here", name)
    hold_little()  # before there are threads
    with StopSignal() as stop:
        try:
            server = Server(flags)
            server.start(stop.is_set)
            # What is there now stays: a full collection would go through all of it, and hold requests up meanwhile.
            gc.freeze()
        except StatusError as error:
            return _refused(error)
        stop.wait()
        if not server.stop():
            LOG.warning("requests were still under way after %.0f s: cut off", DRAIN_GRACE_S)
            logging.shutdown()
            os._exit(0)  # threads that hang in a model would keep the process from ending
    LOG.info("stopped")
    return 0


def _refused(error: StatusError) -> int:
    # One line; the status code's name would say nothing to who typed the command.
    LOG.error("Failed to start server: %s", error.message)
    return 1


def _read_batching(flags: Flags) -> BatchingOptions | None:
    if not flags.enable_batching:
        return None
    parameters = config_pb2.BatchingParameters()
    if flags.batching_parameters_file:
        configs.read_text_proto(flags.batching_parameters_file, parameters)
    return read_options(parameters)


def _version() -> str:
    try:
        return version("image-classifiers")
    except PackageNotFoundError:  # run from a source tree
        return "(not installed)"


if __name__ == "__main__":  # the images run the module
    sys.exit(main())

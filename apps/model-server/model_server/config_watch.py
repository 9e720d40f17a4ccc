"""Read the model configuration file again and again, and serve what it says."""

import logging
from collections.abc import Callable

from model_server.config import read_text_proto
from model_server.errors import StatusError
from model_server.polling import Poller
from serving_api import config_pb2

LOG = logging.getLogger(__name__)


class ConfigWatch(Poller):
    """A thread that applies `--model_config_file` whenever it says something new.

    Args:
        path: the file.
        poll_wait_s: seconds between reads; 0: never.
        applied: the configuration that is served already.
        apply: serves a configuration, or raises StatusError and changes nothing.
    """

    def __init__(
        self,
        path: str,
        poll_wait_s: float,
        applied: config_pb2.ModelServerConfig,
        apply: Callable[[config_pb2.ModelServerConfig], None],
    ) -> None:
        super().__init__("config-watch", poll_wait_s)
        self._path = path
        self._applied = applied
        self._apply = apply
        self._said = ""

    def poll(self) -> None:
        """Read the file once; a file that is wrong is logged, and the models that serve go on.

        A configuration that was refused is tried at the next poll again: a label may have to wait for its version.
        """
        try:
            config = read_text_proto(self._path, config_pb2.ModelServerConfig())
            if config != self._applied:
                self._apply(config)
                self._applied = config
            self._said = ""
        except StatusError as error:
            if str(error) != self._said:
                LOG.error("%s is not applied: %s", self._path, error)  # noqa: TRY400 - one line; nothing is broken
            self._said = str(error)

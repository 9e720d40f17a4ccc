"""Find the versions of models on disk and say which of them shall serve.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import grpc

from model_server.errors import StatusError
from model_server.polling import Poller
from serving_api import config_pb2

LOG = logging.getLogger(__name__)

Versions = dict[int, Path]


def list_versions_of(model: config_pb2.ModelConfig) -> Versions:
    """List a model's version directories: number -> path, for every directory whose name is a whole number.

    Raises: StatusError INVALID_ARGUMENT with the original's sentence if the base path is not a directory that can be
        read: a volume that is away for a moment must not look like a model without versions.
    """
    versions: Versions = {}
    base_path = Path(model.base_path)
    try:
        for child in sorted(base_path.iterdir()):
            if child.name.isascii() and child.name.isdigit() and child.is_dir():
                if int(child.name) in versions:
                    LOG.warning("version directories %s and %s have one number", versions[int(child.name)], child)
                versions[int(child.name)] = child
    except OSError as error:
        raise StatusError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"Could not find base path {base_path} for servable {model.name}: {error.strerror}",
        ) from error
    return versions


def choose_versions(found: Versions, policy: config_pb2.ServableVersionPolicy) -> Versions:
    """Choose the versions that shall serve by a policy: latest N (the default, N = 1), all, or specific numbers."""
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return dict(found)
    if choice == "specific":
        return {number: found[number] for number in policy.specific.versions if number in found}
    newest = sorted(found, reverse=True)[: max(policy.latest.num_versions, 1)]
    return {number: found[number] for number in newest}


class Source(Poller):
    """A poller that tells which versions of which models shall serve.

    Args:
        aspire: called with a model's name and its versions at every poll, from any one thread at a time.
        poll_wait_s: seconds between polls; 0 polls only at `update`.
    """

    def __init__(self, aspire: Callable[[str, Versions], None], poll_wait_s: float) -> None:
        super().__init__("source", poll_wait_s)
        self._aspire = aspire
        self._models: dict[str, config_pb2.ModelConfig] = {}
        self._lock = threading.Lock()
        self._said: dict[str, str] = {}

    def update(self, models: Iterable[config_pb2.ModelConfig]) -> None:
        """Watch these models from now on and poll at once; a model that is no longer listed gets no versions."""
        with self._lock:
            gone = set(self._models)
            self._models = {model.name: model for model in models}
            for name in sorted(gone - set(self._models)):
                self._aspire(name, {})
            self._poll()

    def poll(self) -> None:
        """See Poller: look for versions of all models."""
        with self._lock:
            self._poll()

    def _poll(self) -> None:
        for name, model in self._models.items():
            try:
                versions = choose_versions(list_versions_of(model), model.model_version_policy)
            except StatusError as error:
                self._say(name, f"{error.message}; what is loaded goes on serving")
                continue
            if versions:
                self._said.pop(name, None)
            else:
                self._say(
                    name,
                    f"No versions of servable {name} found under base path {model.base_path}; "
                    "a version's directory is named by its number, such as 1",
                )
            self._aspire(name, versions)

    def _say(self, name: str, message: str) -> None:
        # Once, not at every poll: the default polls each second.
        if self._said.get(name) != message:
            self._said[name] = message
            LOG.warning("%s", message)

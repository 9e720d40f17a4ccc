r"""Load, serve and unload versions so that a model that has answered once goes on answering.

A version that shall serve is loaded beside the one that serves; only when it is AVAILABLE (loaded and warmed up) is a
version that shall no longer serve unloaded. A version that cannot be loaded ends, with its error, and changes nothing
else; it is tried again when its files change, so one that is still being copied serves once it is whole.

    START -> LOADING -> AVAILABLE -> UNLOADING -> END
                 \--- gave up, with an error ---------/

Source: tensorflow_serving/core/{aspired_versions_manager,availability_preserving_policy,servable_state}.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import grpc

from model_server.errors import StatusError, as_status_error
from model_server.servable import Servable
from model_server.source import Versions

LOG = logging.getLogger(__name__)


class State(IntEnum):
    """Where a version is in its life; the numbers are those of ModelVersionStatus.State."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class VersionStatus:
    """What GetModelStatus says of one version; `error` is None unless it could not be loaded."""

    version: int
    state: State
    error: StatusError | None


@dataclass(eq=False)
class _Version:
    name: str
    number: int
    path: Path
    state: State = State.START
    last_error: StatusError | None = None
    files: object = None
    files_changed: bool = False
    servable: Servable | None = None
    in_flight: int = 0

    @property
    def gave_up(self) -> bool:
        return self.state is State.END and self.last_error is not None


@dataclass(eq=False)
class _Model:
    aspired: Versions = field(default_factory=dict)
    versions: dict[int, _Version] = field(default_factory=dict)

    def available(self) -> list[_Version]:
        return [version for _, version in sorted(self.versions.items()) if version.state is State.AVAILABLE]


class Manager:
    """The versions of all models and their states.

    Args:
        load: makes a Servable of a model's name, a version's number and its directory, or raises.
        max_retries: tries after the first that failed.
        retry_wait_s: seconds between tries.
        load_threads: versions that may load at once.
    """

    def __init__(
        self,
        load: Callable[[str, int, Path], Servable],
        *,
        max_retries: int = 5,
        retry_wait_s: float = 60.0,
        load_threads: int = 1,
    ) -> None:
        self._load_servable = load
        self._max_retries = max_retries
        self._retry_wait_s = max(retry_wait_s, 0.0)
        self._load_slots = threading.Semaphore(max(load_threads, 1))
        self._changed = threading.Condition()
        self._models: dict[str, _Model] = {}
        self._stopping = False

    def aspire(self, name: str, versions: Versions) -> None:
        """Say which versions of a model shall serve; loading and unloading follow in the background.

        Args:
            name: the model's name.
            versions: number -> directory; empty unloads the model.
        """
        with self._changed:
            model = self._models.setdefault(name, _Model())
            model.aspired = dict(versions)
            for number, version in list(model.versions.items()):
                if version.last_error is None:
                    continue
                version.files_changed = number in versions and version.files != _stamp(versions[number])
                if version.state is State.END and (version.files_changed or number not in versions):
                    version.last_error = None  # loaded again by _reconcile, if it shall serve
            self._reconcile(model, name)

    @contextmanager
    def acquire(self, name: str, version: int | None = None) -> Iterator[Servable]:
        """Hold an AVAILABLE version, the newest if no number is given; it is not unloaded meanwhile.

        Raises: StatusError NOT_FOUND with the original's sentence.
        """
        with self._changed:
            held = self._find(name, version)
            held.in_flight += 1
        try:
            assert held.servable is not None
            yield held.servable
        finally:
            with self._changed:
                held.in_flight -= 1
                self._changed.notify_all()

    def status(self, name: str) -> list[VersionStatus]:
        """Give the states of all versions of a model that were ever known, newest first; none: an empty list."""
        with self._changed:
            model = self._models.get(name, _Model())
            return [
                VersionStatus(number, version.state, version.last_error if version.gave_up else None)
                for number, version in sorted(model.versions.items(), reverse=True)
            ]

    def wait_until_loaded(self, names: Iterable[str], is_cancelled: Callable[[], bool] = lambda: False) -> None:
        """Wait until each model answers and each of its versions has been tried once.

        Args:
            names: the models' names.
            is_cancelled: asked a few times a second; true ends the wait.
        Raises: StatusError UNKNOWN with the original's sentence, if all versions of a model have been given up.
        """
        with self._changed:
            while not (self._stopping or is_cancelled()):
                models = {name: self._models.get(name, _Model()) for name in names}
                lost = [name for name, model in models.items() if _is_lost(model)]
                if lost:
                    raise StatusError(grpc.StatusCode.UNKNOWN, self._describe_lost(lost))
                if all(_is_settled(model) for model in models.values()):
                    return
                self._changed.wait(0.2)

    def stop(self, timeout_s: float) -> bool:
        """Stop loading and unload all versions.

        Args:
            timeout_s: how long requests under way are waited for, seconds.
        Returns: whether all were answered; a version that is still in use then is left as it is.
        """
        with self._changed:
            self._stopping = True
            serving = [version for model in self._models.values() for version in model.available()]
            for version in serving:
                self._enter(version, State.UNLOADING)
            if not self._changed.wait_for(lambda: not any(version.in_flight for version in serving), timeout_s):
                return False
        for version in serving:
            self._unload(version)
        return True

    def _find(self, name: str, number: int | None) -> _Version:
        model = self._models.get(name, _Model())
        for version in reversed(model.available()):
            if number in {None, version.number}:
                return version
        wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
        raise StatusError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")

    def _reconcile(self, model: _Model, name: str) -> None:
        if self._stopping:
            return
        for number, path in sorted(model.aspired.items(), reverse=True):
            known = model.versions.get(number)
            if known is None or (known.state is State.END and not known.gave_up):
                version = model.versions[number] = _Version(name, number, path)
                self._start(self._load, version)
        available = model.available()
        if not model.aspired or any(version.number in model.aspired for version in available):
            for version in available:
                if version.number not in model.aspired:
                    self._enter(version, State.UNLOADING)
                    self._start(self._unload, version)
        self._changed.notify_all()

    def _load(self, version: _Version) -> None:
        for attempt in range(1 + self._max_retries):
            if attempt:
                self._wait_to_retry(version)
            with self._load_slots:
                if self._is_unwanted(version):
                    version.last_error = None
                    break
                self._enter(version, State.LOADING)
                version.files, version.files_changed = _stamp(version.path), False
                try:
                    version.servable = self._load_servable(version.name, version.number, version.path)
                except Exception as error:  # noqa: BLE001 - a version's files are not ours; any failure is its state
                    self._note_failure(version, attempt, as_status_error(error))
                    continue
            version.last_error = None
            self._finish(version, State.AVAILABLE)
            return
        self._finish(version, State.END)

    def _note_failure(self, version: _Version, attempt: int, error: StatusError) -> None:
        LOG.error(
            "load failed model=%s version=%d attempt=%d of %d: %s",
            version.name, version.number, attempt + 1, 1 + self._max_retries, error,
        )  # fmt: skip
        with self._changed:
            version.last_error = error
            self._changed.notify_all()

    def _unload(self, version: _Version) -> None:
        with self._changed:
            self._changed.wait_for(lambda: version.in_flight == 0)
        assert version.servable is not None
        version.servable.close()
        version.servable = None
        self._finish(version, State.END)

    def _is_unwanted(self, version: _Version) -> bool:
        with self._changed:
            return self._stopping or version.number not in self._models[version.name].aspired

    def _wait_to_retry(self, version: _Version) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_unwanted(version) or version.files_changed, timeout=self._retry_wait_s
            )

    def _finish(self, version: _Version, state: State) -> None:
        with self._changed:
            self._enter(version, state)
            self._reconcile(self._models[version.name], version.name)

    def _enter(self, version: _Version, state: State) -> None:
        with self._changed:
            if version.state is not state:
                LOG.info("state model=%s version=%d state=%s", version.name, version.number, state.name)
            version.state = state
            self._changed.notify_all()

    def _describe_lost(self, names: list[str]) -> str:
        versions = [version for name in names for version in self._models[name].versions.values() if version.gave_up]
        reasons = ", ".join(
            f"{{name: {version.name} version: {version.number}}} due to error: {version.last_error}"
            for version in versions
        )
        return f"{len(names)} model(s) did not become available: {{{reasons}}}"

    @staticmethod
    def _start(work: Callable[[_Version], None], version: _Version) -> None:
        threading.Thread(target=work, args=(version,), name=f"{version.name}-{version.number}", daemon=True).start()


def _is_lost(model: _Model) -> bool:
    aspired = [model.versions[number] for number in model.aspired]
    return bool(aspired) and not model.available() and all(version.gave_up for version in aspired)


def _is_settled(model: _Model) -> bool:
    aspired = [model.versions[number] for number in model.aspired]
    return bool(model.available()) and all(
        version.state is State.AVAILABLE or version.last_error is not None for version in aspired
    )


def _stamp(path: Path) -> object:
    # Names, sizes and times of all files: a directory that is still being copied differs from one poll to the next.
    try:
        stats = [(str(file), file.stat()) for file in sorted(path.rglob("*"))]
    except OSError:
        return None
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]

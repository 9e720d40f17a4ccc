"""Run the gateway in gunicorn: one worker with threads, configured from the settings."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from gateway.settings import Settings

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - not a temporary file but the heartbeat's place, below


def options(settings: Settings) -> Mapping[str, Any]:
    """Give gunicorn's settings by its own names."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        # Decoding and gRPC release Python's lock; a second process would cost its memory again.
        "workers": 1,
        "worker_class": "gthread",
        "threads": settings.threads,
        "timeout": 30,  # of the worker's heartbeat, not of a request
        "graceful_timeout": int(settings.timeout_s) + 2,
        "keepalive": 75,  # longer than the ingress keeps an idle connection, so it is never the gateway that closes
        "accesslog": None,  # /metrics counts; each failure is logged with its request id
        "loglevel": "info",
        # A disk that is busy must not stop the heartbeat, and the root file system is read-only.
        "worker_tmp_dir": str(_SHARED_MEMORY) if os.access(_SHARED_MEMORY, os.W_OK) else None,
        "control_socket_disable": True,
    }


class Application(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn with the gateway in it; `run` returns by SystemExit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """See gunicorn: take the options."""
        for name, value in options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """See gunicorn: make the application, in the worker and not before it is forked."""
        from gateway.app import create_app
        from gateway.predictor import open_predictor

        return create_app(self._settings, open_predictor(self._settings))

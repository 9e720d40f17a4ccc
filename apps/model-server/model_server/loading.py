"""Turn a version directory into something that answers: load its engine, then warm it up."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_server.batching import BatchScheduler
from model_server.engines import Engine, load_engine
from model_server.errors import StatusError, as_status_error
from model_server.metrics import Metrics
from model_server.servable import Servable
from model_server.warmup import warm_up

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loader:
    """How versions are loaded.

    Attributes:
        metrics: where loads, warm-ups and runs are recorded.
        scheduler: batches requests; None: no batching.
        engine_threads: CPU threads that one run may use.
        warm_up_iterations: how often recorded requests are replayed before a version serves; 0: never.
        as_content: answer with `tensor_content`.
        load_engine: makes the engine; tests put another one here.
    """

    metrics: Metrics
    scheduler: BatchScheduler | None = None
    engine_threads: int = 1
    warm_up_iterations: int = 1
    as_content: bool = False
    load_engine: Callable[[Path, int], Engine] = load_engine

    def __call__(self, name: str, version: int, path: Path) -> Servable:
        """Load one version.

        Args:
            name: the model's name.
            version: the version's number.
            path: its directory.
        Raises: StatusError, whatever failed; nothing of the version stays in memory.
        """
        start_s = time.perf_counter()
        try:
            engine = self.load_engine(path, self.engine_threads)
        except Exception as error:
            self.metrics.observe_load(str(path), "fail")
            raise as_status_error(error) from error
        self.metrics.observe_load(str(path), "success")
        servable = Servable(
            name,
            version,
            engine,
            scheduler=self.scheduler,
            as_content=self.as_content,
            observe_run_s=lambda duration_s: self.metrics.observe_run(name, duration_s),
        )
        loaded_s = time.perf_counter()
        try:
            requests = warm_up(servable, path, self.warm_up_iterations) if self.warm_up_iterations else 0
        except Exception as error:
            servable.close()
            status = as_status_error(error)
            self.metrics.observe_warmup(str(path), status.code.name, time.perf_counter() - loaded_s)
            raise StatusError(status.code, f"the warm-up failed: {status.message}") from error
        warm_s = time.perf_counter()
        if requests:
            self.metrics.observe_warmup(str(path), "OK", warm_s - loaded_s)
        LOG.info(
            "loaded model=%s version=%d load_s=%.3f warmup_requests=%d warmup_s=%.3f",
            name, version, loaded_s - start_s, requests, warm_s - loaded_s,
        )  # fmt: skip
        return servable

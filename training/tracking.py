"""Where a fit can be watched: TensorBoard in the run's folder, MLflow where the user asks for it."""

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import keras

from training.config import Config


def tensorboard(run: Path) -> keras.callbacks.Callback:
    """Write the curves to `run/tensorboard`: look with `tensorboard --logdir runs`."""
    return keras.callbacks.TensorBoard(str(run / "tensorboard"), write_graph=False)


class Tracker:
    """Report a run to MLflow, or to nobody.

    Args:
        client: the `mlflow` module with an open run; None reports to nobody.
    """

    def __init__(self, client: Any | None = None) -> None:
        self._client = client

    @classmethod
    @contextmanager
    def open(cls, uri: str | None, config: Config) -> Iterator[Self]:
        """Open an MLflow run for the time of a `with` block.

        Args:
            uri: a tracking server ("http://...") or database ("sqlite:///mlflow.db"); nobody if None.
            config: the experiment; its name is MLflow's experiment, its fields are the parameters.
        Raises: ConnectionError, ValueError for a server that does not answer or an address that is none.
        """
        if uri is None:
            yield cls()
            return
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # a run is reported to `uri` and to nobody else
        import mlflow
        from mlflow.exceptions import MlflowException

        try:
            mlflow.set_tracking_uri(uri)
            mlflow.set_experiment(config.name)
            run = mlflow.start_run(run_name=f"{config.name} {config.backbone}")
        except MlflowException as error:
            raise ConnectionError(f"MLflow at {uri}: {str(error).splitlines()[0]}") from error
        with run:
            fields = dataclasses.asdict(config)
            mlflow.log_params({name: json.dumps(value)[:500] for name, value in fields.items()})
            yield cls(mlflow)

    def callbacks(self, prefix: str = "") -> list[keras.callbacks.Callback]:
        """Report the figures of every epoch under `prefix`."""
        if self._client is None:
            return []
        client = self._client

        def report(epoch: int, logs: dict[str, float] | None) -> None:
            client.log_metrics({prefix + name: float(value) for name, value in (logs or {}).items()}, step=epoch)

        return [keras.callbacks.LambdaCallback(on_epoch_end=report)]

    def result(self, figures: dict[str, float], files: list[Path]) -> None:
        """Report the figures that a run ends with, and its files."""
        if self._client is None:
            return
        self._client.log_metrics(figures)
        for file in files:
            self._client.log_artifact(str(file))

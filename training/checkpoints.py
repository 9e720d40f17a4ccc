"""Go on after a kill, stop when validation gets no better, and show one bar for a whole fit."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

_WEIGHTS, _STATE, _BEST = "state.weights.h5", "state.json", "best.weights.h5"


class Checkpoints(keras.callbacks.Callback):
    """Keep the state after each epoch, and the best averaged weights where validation is watched.

    The state of an epoch is one folder, put in its place by one rename: a kill at any moment leaves the last whole
    epoch, never half of one. (`keras.callbacks.BackupAndRestore` writes weights and epoch number one after the other,
    so a kill between them repeats an epoch on weights that have had it.)

    Args:
        folder: where states are kept; made if it is not there.
        patience: epochs without a lower `val_loss` before the fit stops; only the state is kept if None.
    """

    def __init__(self, folder: Path, patience: int | None = None) -> None:
        super().__init__()
        self._folder, self._patience = folder, patience
        self.history: list[dict[str, float]] = []

    def restore(self, model: keras.Model) -> int:
        """Put the last whole epoch's state into a model whose optimizer is built; return how many epochs it has had."""
        for partial in self._folder.glob("*.partial"):
            shutil.rmtree(partial)
        done = sorted(self._folder.glob("epoch-*"))
        if not done:
            return 0
        model.load_weights(done[-1] / _WEIGHTS)
        self.history = json.loads((done[-1] / _STATE).read_text(encoding="utf-8"))
        return len(self.history)

    @property
    def done(self) -> bool:
        """Say whether patience has run out."""
        if not self._patience or not self.history:
            return False
        losses = [epoch.get("val_loss", math.inf) for epoch in self.history]
        return len(losses) - 1 - losses.index(min(losses)) >= self._patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the state of the epoch; stop the fit where patience has run out."""
        self.history.append({name: round(float(value), 5) for name, value in (logs or {}).items()})
        losses = [past.get("val_loss", math.inf) for past in self.history]
        name = f"epoch-{epoch + 1:04d}"
        partial = self._folder / f"{name}.partial"
        partial.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(partial / _WEIGHTS)
        if self._patience:
            if losses[-1] <= min(losses):
                self._save_averaged(partial / _BEST)
            else:
                shutil.copy(self._folder / f"epoch-{epoch:04d}" / _BEST, partial / _BEST)
        (partial / _STATE).write_text(json.dumps(self.history))
        partial.rename(self._folder / name)
        for old in self._folder.glob("epoch-*"):
            if old.name < name:
                shutil.rmtree(old)
        if self.done:
            self.model.stop_training = True

    def _save_averaged(self, path: Path) -> None:
        """Write the weights that are judged: the moving averages, for the time of writing put into the model."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        variables = self.model.trainable_variables
        kept = [variable.numpy() for variable in variables]
        optimizer.finalize_variable_values(variables)
        self.model.save_weights(path)
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)

    def load_best(self, model: keras.Model) -> None:
        """Put the best averaged weights into the model, where validation was watched."""
        best = sorted(self._folder.glob(f"epoch-*/{_BEST}"))
        if self._patience and best:
            model.load_weights(best[-1])


class Progress(keras.callbacks.Callback):
    """Show one bar for a whole fit, with the loss of the running epoch.

    Args:
        what: the bar's name.
        steps: of the whole fit.
    """

    def __init__(self, what: str, steps: int) -> None:
        super().__init__()
        self._what, self._steps = what, steps
        self._bar: tqdm[Any] | None = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start where an interrupted run stopped."""
        del logs
        done = int(self.model.optimizer.iterations.numpy())
        self._bar = tqdm(total=self._steps, initial=done, desc=self._what, unit="step", disable=None)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance by one step."""
        del batch
        if self._bar is not None:
            self._bar.update(1)
            self._bar.set_postfix({k: f"{v:.3f}" for k, v in (logs or {}).items()}, refresh=False)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Leave the full bar on the screen."""
        del logs
        if self._bar is not None:
            self._bar.close()

"""The search: Optuna's TPE sampler and a study in SQLite, which goes on after a kill where it was cut short."""

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

from training.config import Config, ConfigError
from training.data import content_hash
from training.data.locking import exclusive
from training.pictures import Pictures
from training.tuning.space import Space, check_whole, parse
from training.tuning.trials import Outcome, fit_frozen, fit_whole, pruned_if_poor

NAME = "tune"
DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_STARTUP = 6  # tries at random before the sampler believes what it has seen
_RESTARTS = 2  # a try that ends the program more often than this is given up


class TuneError(ValueError):
    """The study cannot be made or gone on with; the message says why."""


@dataclass(frozen=True)
class Search:
    """A study and what it is about.

    Args:
        study: in its database.
        space: what varies, around the experiment.
        pictures: all of them.
        folder: for the tries that are under way.
    """

    study: optuna.Study
    space: Space
    pictures: Pictures
    folder: Path

    @property
    def done(self) -> list[FrozenTrial]:
        """The tries that came to an end, pruned ones included."""
        return self.study.get_trials(deepcopy=False, states=DONE)

    @property
    def complete(self) -> list[FrozenTrial]:
        """The tries that were judged."""
        return self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    @property
    def own(self) -> FrozenTrial | None:
        """The try with the experiment's own values; None while there is none."""
        return next((trial for trial in self.complete if trial.params == self.space.own()), None)


Attempt = Callable[[Search, Config, optuna.Trial, Path], Outcome]


def judged_on_validation(config: Config, *, frozen: bool) -> Config:
    """Make the experiment that is tried: fitted on the train split alone, and with a head only if `frozen`."""
    return replace(
        config, estimate="test", fit_splits=("train",), temperature=None, epochs=0 if frozen else config.epochs
    )


def open_search(
    config: Config, pictures: Pictures, space: str, *, frozen: bool, folder: Path, database: Path
) -> Search:
    """Begin a study, or open the one that a database holds.

    Args:
        config: the experiment.
        pictures: all of them.
        space: what varies, as `space.parse` reads it.
        frozen: fit heads to frozen features only.
        folder: for the tries that are under way.
        database: SQLite file; made if it is not there.
    Raises: TuneError for a database that is none, or whose study is about something else; SpaceError, ConfigError.
    """
    tried = judged_on_validation(config, frozen=frozen)
    check_whole(tried)
    about = parse(space, tried, frozen=frozen)
    for split in ("train", "validation"):
        pictures.of_split(split)  # refuses where there is none
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    database.parent.mkdir(parents=True, exist_ok=True)
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{database}", study_name=NAME, direction="minimize", load_if_exists=True
        )
    except Exception as error:  # SQLAlchemy's and Optuna's have no common base
        raise TuneError(f"{database} is no database of a study: {str(error).splitlines()[0]}") from error
    _hold_to(study, _identity(about, pictures, config), database)
    # Another seed at every start: the same one would draw the same tries again.
    seed = config.seed + len(study.trials)
    study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, config.epochs // 4))
    return Search(study, about, pictures, folder)


def _identity(space: Space, pictures: Pictures, config: Config) -> dict[str, Any]:
    """Say what makes two studies comparable."""
    return {
        "config": json.loads(json.dumps(asdict(space.config))),
        "pictures": content_hash(pictures.everything, config.labels),
        "mode": "--fast" if space.frozen else "fine-tuning",
        "space": [str(dimension) for dimension in space.dimensions],
    }


def _hold_to(study: optuna.Study, identity: Mapping[str, Any], database: Path) -> None:
    for name, value in identity.items():
        kept = study.user_attrs.get(name)
        if kept is not None and kept != value:
            fields = [field for field in value if kept.get(field) != value[field]] if name == "config" else []
            what = f"another {', '.join(fields)}" if fields else f"other {name}"
            raise TuneError(
                f"{database} holds a study with {what}, whose results cannot be compared with these. Give --study "
                "another file, or remove this one."
            )
        study.set_user_attr(name, value)


def run(search: Search, trials: int, minutes: float | None = None, attempt: Attempt | None = None) -> None:
    """Go on until the study has so many tries, or the time is over.

    The first try has the experiment's own values. A try that a kill cut short is made again, from its last epoch.

    Args:
        search: what to go on with.
        trials: how many there shall be in all, those of earlier calls included.
        minutes: after which no further try is begun; no limit if None.
        attempt: how a try is made and judged; by fitting as the space says if None.
    """
    with exclusive(search.folder / "lock"):
        _take_up(search)
        end_s = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
        with tqdm(total=trials, initial=min(trials, len(search.done)), desc="tune", unit="try", disable=None) as bar:
            while len(search.done) < trials and time.monotonic() < end_s:
                _try_one(search, attempt or fit_as_told)
                bar.update()
                if search.complete:
                    bar.set_postfix(best=f"{search.study.best_value:.4f}")


def _take_up(search: Search) -> None:
    """Put tries that a kill left behind first in the queue; begin a new study with the experiment's own values."""
    study = search.study
    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        restarts = left.user_attrs.get("restarts", 0) + 1
        study.tell(left.number, state=TrialState.FAIL)
        if left.params and restarts <= _RESTARTS:
            study.enqueue_trial(left.params, user_attrs={"restarts": restarts})
    if not study.trials:
        study.enqueue_trial(search.space.own())


def _try_one(search: Search, attempt: Attempt) -> None:
    study = search.study
    trial = study.ask()
    values = search.space.suggest(trial)
    config = search.space.apply(values)
    run = search.folder / "tries" / hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
    twin = next((one for one in search.complete if one.params == trial.params), None)
    try:
        if twin is not None:
            for name, value in twin.user_attrs.items():
                trial.set_user_attr(name, value)
            study.tell(trial, twin.value)
            return
        check_whole(config)  # two values that are each possible may not be so together
        outcome = attempt(search, config, trial, run)
        if not math.isfinite(outcome.log_loss):
            raise optuna.TrialPruned("diverged")  # noqa: TRY301 - as a fit itself raises it
        _keep(trial, outcome)
        study.tell(trial, outcome.log_loss)
    except (optuna.TrialPruned, ConfigError) as reason:
        trial.set_user_attr("reason", str(reason))
        study.tell(trial, state=TrialState.PRUNED)
    shutil.rmtree(run, ignore_errors=True)


def fit_as_told(search: Search, config: Config, trial: optuna.Trial, run: Path) -> Outcome:
    """Make a try: a head on frozen features, or the whole network in the folder `run`."""
    if search.space.frozen:
        return fit_frozen(config, search.pictures)
    return fit_whole(config, search.pictures, run, pruned_if_poor(trial))


def _keep(trial: optuna.Trial, outcome: Outcome) -> None:
    figures = {
        "right": "".join("1" if one else "0" for one in outcome.right),
        "accuracy": round(float(outcome.right.mean()), 4),
        "temperature": outcome.temperature,
        "seconds": round(outcome.seconds, 1),
    }
    for name, value in figures.items():
        trial.set_user_attr(name, value)


def right(trial: FrozenTrial) -> np.ndarray:
    """bool[N], which validation pictures a try is right in."""
    return np.array([one == "1" for one in trial.user_attrs["right"]])

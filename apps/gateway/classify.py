"""From pictures to probabilities: fetch, decode, ask the model once for all of them."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from gateway.canary import Canaries
from gateway.fetch import Fetcher, FetchTimeout
from gateway.inputs import Instance, Link, Pixels
from gateway.metrics import Metrics
from gateway.model import Model
from gateway.pictures import to_tensor
from gateway.predictor import Predictor
from gateway.problems import BAD_REQUEST, OUT_OF_TIME, OVER_CAPACITY, TOO_LARGE, Problem, problem_of
from gateway.settings import Settings
from serving_api import errors
from serving_api.deadline import Deadline

_LOADERS = 4  # pictures of one gateway that are fetched or decoded at a time, when a request has several

Probabilities = Mapping[str, float]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Answer:
    """The model that answered, and for each instance its probabilities by label or its problem."""

    model: Model
    results: Sequence[Probabilities | Problem]


class Classifier:
    """Classifies pictures; safe to use from many threads.

    Args:
        settings: limits of size, number and time.
        predictor: the model server.
        canaries: which version answers.
        metrics: where to count.
    """

    def __init__(self, settings: Settings, predictor: Predictor, canaries: Canaries, metrics: Metrics) -> None:
        self._settings = settings
        self._predictor = predictor
        self._canaries = canaries
        self._metrics = metrics
        self._fetcher = Fetcher(
            settings.max_image_bytes,
            hosts=settings.url_hosts,
            contact=settings.contact,
            allow_loopback=settings.allow_loopback_urls,
        )
        self._loaders = ThreadPoolExecutor(_LOADERS, "loader")
        self._capacity = threading.BoundedSemaphore(settings.max_in_flight)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Take one of the places for predictions. Raises: Problem (429) at once where all are taken."""
        if not self._capacity.acquire(blocking=False):
            raise Problem(OVER_CAPACITY, "All places for predictions are taken; try again in a moment.")
        self._metrics.in_flight.inc()
        try:
            yield
        finally:
            self._metrics.in_flight.dec()
            self._capacity.release()

    def classify(
        self,
        name: str,
        instances: Sequence[Instance],
        deadline: Deadline,
        *,
        version: int | None = None,
        label: str | None = None,
    ) -> Answer:
        """Classify pictures with a model, in order.

        A picture's problem is its own: the others are answered.

        Args:
            name: of a model in the catalog.
            instances: pictures' bytes, links to pictures, pixels, or problems, which stay what they are.
            deadline: for everything, fetching included.
            version: this version of the model; at most one of `version` and `label`.
            label: the version that carries this label.
        Raises: Problem and ServingError, where no picture can be answered.
        """
        route = self._canaries.route(name, deadline, version=version, label=label)
        loaded = self._load_all(route.model, deadline, instances)
        while images := [image for image in loaded if not isinstance(image, Exception)]:
            try:
                rows = iter(self._ask(route.model, np.stack(images), deadline))
                break
            except errors.ServingError as error:
                before, instead = route.model, self._canaries.after_failure(route, error, deadline)
                if instead is None:
                    raise
                route = instead
                if (route.model.height, route.model.width) != (before.height, before.width):
                    loaded = self._load_all(route.model, deadline, instances)
        results = [
            problem_of(one) if isinstance(one, Exception) else dict(zip(route.model.labels, next(rows), strict=True))
            for one in loaded
        ]
        return Answer(route.model, results)

    def _ask(self, model: Model, images: Image, deadline: Deadline) -> list[list[float]]:
        with self._metrics.predict_seconds.labels(model.name, str(model.version)).time():
            rows: list[list[float]] = model.classify(self._predictor, images, deadline).tolist()
        return rows

    def _load_all(self, model: Model, deadline: Deadline, instances: Sequence[Instance]) -> list[Image | Exception]:
        load = partial(self._load, model, deadline)
        # A single picture needs no thread of its own. problem_of needs the request, which the loaders do not have.
        return [load(instances[0])] if len(instances) == 1 else list(self._loaders.map(load, instances))

    def _load(self, model: Model, deadline: Deadline, instance: Instance) -> Image | Exception:
        """Return an instance's pixels, or why there are none."""
        source = "url" if isinstance(instance, Link) else "body"
        try:
            image = self._pixels(model, deadline, instance)
        except Exception as error:  # noqa: BLE001 - translated by problem_of, which logs what it does not know
            self._metrics.pictures.labels(source, type(error).__name__).inc()
            return error
        self._metrics.pictures.labels(source, "ok").inc()
        return image

    def _pixels(self, model: Model, deadline: Deadline, instance: Instance) -> Image:
        if isinstance(instance, Problem):
            raise instance
        if isinstance(instance, np.ndarray):
            return _fitting(model, instance)
        if isinstance(instance, Link):
            with self._metrics.fetch_seconds.time():
                data = self._fetcher.fetch(instance.url, self._fetch_deadline(deadline))
        else:
            data = instance
        if len(data) > self._settings.max_image_bytes:
            raise Problem(TOO_LARGE, f"The picture has more than {self._settings.max_image_bytes} bytes.")
        if deadline.expired:
            raise Problem(OUT_OF_TIME, "No time was left to decode the picture.")
        with self._metrics.decode_seconds.time():
            return to_tensor(data, model.height, model.width, max_pixels=self._settings.max_pixels)

    def _fetch_deadline(self, deadline: Deadline) -> Deadline:
        remaining_s = deadline.remaining_s()
        if remaining_s <= 0.0:
            raise FetchTimeout("No time was left to fetch the picture.")
        return Deadline.after(min(self._settings.fetch_timeout_s, remaining_s))


def _fitting(model: Model, pixels: Pixels) -> Image:
    """Return pixels as they are; raise Problem where the model wants another size."""
    if pixels.shape != (wanted := (model.height, model.width, 3)):
        raise Problem(BAD_REQUEST, f"The image has the shape {list(pixels.shape)}, but the model takes {list(wanted)}.")
    return pixels

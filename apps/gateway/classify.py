"""From pictures to probabilities: fetch, decode, ask the model once for all of them."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from gateway.canary import Canaries
from gateway.capacity import ClientDeadline, Pool, Stage
from gateway.fetch import Fetcher
from gateway.inputs import Instance, Link, Pixels
from gateway.metrics import Metrics
from gateway.model import Model
from gateway.pictures import to_tensor
from gateway.places import Places, default_places
from gateway.predictor import Predictor
from gateway.problems import (
    BAD_REQUEST,
    DECODE_OVER_CAPACITY,
    FETCH_OVER_CAPACITY,
    PREDICT_OVER_CAPACITY,
    TOO_LARGE,
    Problem,
    problem_of,
)
from gateway.settings import Settings
from serving_api import errors

_DECODERS = 4  # threads for requests with several pictures

Probabilities = Mapping[str, float]
Image = npt.NDArray[np.uint8]
Picture = bytes | Pixels | Exception  # an instance that needs no fetching any more


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
            places=settings.max_fetches,
            allow_loopback=settings.allow_loopback_urls,
        )
        room = settings.max_waiting
        self._fetching = Pool("fetch", settings.max_fetches, room, FETCH_OVER_CAPACITY, metrics)
        self._decoding = Stage("decode", settings.max_decodes, room, DECODE_OVER_CAPACITY, metrics)
        self._predicting = Stage("predict", settings.max_in_flight, room, PREDICT_OVER_CAPACITY, metrics)
        self._decoders = ThreadPoolExecutor(_DECODERS, "decoder")
        self._places = Places(settings.decode_places or default_places())

    def classify(
        self,
        name: str,
        instances: Sequence[Instance],
        deadline: ClientDeadline,
        *,
        version: int | None = None,
        label: str | None = None,
    ) -> Answer:
        """Classify pictures with a model, in order.

        A picture's problem is its own: the others are answered.

        Args:
            name: of a model in the catalog.
            instances: pictures' bytes, links to pictures, pixels, or problems, which stay what they are.
            deadline: for everything, fetching included; the work is dropped where the client goes away before.
            version: this version of the model; at most one of `version` and `label`.
            label: the version that carries this label.
        Raises: Problem and ServingError, where no picture can be answered.
        """
        with self._metrics.in_flight.track_inprogress():
            route = self._canaries.route(name, deadline, version=version, label=label)
            pictures = self._fetch_all(instances, deadline)
            loaded = self._decode_all(route.model, deadline, pictures)
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
                        loaded = self._decode_all(route.model, deadline, pictures)
            self._count(instances, loaded)
            results = [
                problem_of(one)
                if isinstance(one, Exception)
                else dict(zip(route.model.labels, next(rows), strict=True))
                for one in loaded
            ]
            return Answer(route.model, results)

    def _ask(self, model: Model, images: Image, deadline: ClientDeadline) -> list[list[float]]:
        with (
            self._predicting.place(deadline),
            self._metrics.predict_seconds.labels(model.name, str(model.version)).time(),
        ):
            rows: list[list[float]] = model.classify(self._predictor, images, deadline).tolist()
        return rows

    def _fetch_all(self, instances: Sequence[Instance], deadline: ClientDeadline) -> list[Picture]:
        """Return the instances' bytes or pixels, or why there are none; links are fetched at the same time."""
        until = deadline.within(self._settings.fetch_timeout_s)
        begun = [self._begin_fetch(one, until) if isinstance(one, Link) else one for one in instances]
        return [self._end_fetch(one, until) if isinstance(one, Future) else one for one in begun]

    def _begin_fetch(self, link: Link, deadline: ClientDeadline) -> Future[bytes] | Exception:
        began_s = time.monotonic()
        try:
            begun = self._fetching.begin(lambda: self._fetcher.begin(link.url, deadline))
        except Exception as error:  # noqa: BLE001 - translated by problem_of, which logs what it does not know
            return error
        begun.add_done_callback(lambda _: self._metrics.fetch_seconds.observe(time.monotonic() - began_s))
        return begun

    def _end_fetch(self, begun: Future[bytes], deadline: ClientDeadline) -> bytes | Exception:
        try:
            return self._fetching.result(begun, deadline)
        except Exception as error:  # noqa: BLE001 - likewise
            return error

    def _decode_all(
        self, model: Model, deadline: ClientDeadline, pictures: Sequence[Picture]
    ) -> list[Image | Exception]:
        """Return the pictures' pixels, or why there are none."""
        decode = partial(self._decode, model, deadline)
        if not any(isinstance(one, bytes) for one in pictures):
            return list(map(decode, pictures))
        with self._decoding.place(deadline):
            # A single picture needs no thread of its own. problem_of needs the request, which the decoders do not have.
            return [decode(pictures[0])] if len(pictures) == 1 else list(self._decoders.map(decode, pictures))

    def _decode(self, model: Model, deadline: ClientDeadline, picture: Picture) -> Image | Exception:
        if isinstance(picture, Exception):
            return picture
        if isinstance(picture, np.ndarray):
            return _fitting(model, picture)
        if len(picture) > self._settings.max_image_bytes:
            return Problem(TOO_LARGE, f"The picture has more than {self._settings.max_image_bytes} bytes.")
        try:
            deadline.require_time("decode")
            with self._metrics.decode_seconds.time():
                limit = self._settings.max_pixels
                return to_tensor(picture, model.height, model.width, max_pixels=limit, places=self._places)
        except Exception as error:  # noqa: BLE001 - translated by problem_of, which logs what it does not know
            return error

    def _count(self, instances: Sequence[Instance], loaded: Sequence[Image | Exception]) -> None:
        for instance, one in zip(instances, loaded, strict=True):
            source = "url" if isinstance(instance, Link) else "body"
            outcome = type(one).__name__ if isinstance(one, Exception) else "ok"
            self._metrics.pictures.labels(source, outcome).inc()


def _fitting(model: Model, pixels: Pixels) -> Image | Problem:
    """Return pixels as they are, or a problem where the model wants another size."""
    if pixels.shape != (wanted := (model.height, model.width, 3)):
        return Problem(
            BAD_REQUEST, f"The image has the shape {list(pixels.shape)}, but the model takes {list(wanted)}."
        )
    return pixels

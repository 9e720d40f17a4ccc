"""Every error that a caller sees: RFC 9457 problem details with a stable type.

    Problem
    |-- 400 bad-request, bad-url       the request cannot be understood or is not allowed
    |-- 401 unauthorized               no API key that is known, where one is asked for; with WWW-Authenticate
    |-- 404 not-found, unknown-model   no such address; no such model, version or label
    |-- 405 method-not-allowed
    |-- 408 slow-request               its body did not arrive in time
    |-- 413 too-large                  body, picture, or number of instances
    |-- 415 not-a-picture              neither a picture that is accepted nor a body that can hold one
    |-- 422 undecodable-picture
    |-- 429 over-capacity, fetch-over-capacity, decode-over-capacity, predict-over-capacity   with Retry-After
    |-- 429 rate-limited               more than this caller may send; with Retry-After
    |-- 431 headers-too-large
    |-- 499 client-gone                for /metrics: there is nobody to answer
    |-- 500 internal                   a fault of ours
    |-- 502 picture-host-failed, model-mismatch   what answers us is at fault: picture's host; model or its server
    |-- 503 model-unavailable          with Retry-After
    `-- 504 out-of-time

What other modules raise is translated here, so that no route knows their errors.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response, g
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge

from gateway import fetch, messages, pictures, urls
from serving_api import errors

TYPE_PREFIX = "urn:image-classifiers:problem:"
_RETRY_AFTER_S = {429: 1, 503: 2}
_FIRST_SERVER_FAULT = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """One type of problem: `name` ends its URI, `title` is the same for all of the kind."""

    name: str
    status: int
    title: str
    retry_after_s: int | None = None  # where it is not what the status brings by itself


BAD_REQUEST = Kind("bad-request", 400, "The request cannot be understood")
BAD_URL = Kind("bad-url", 400, "The picture's URL is not accepted")
UNAUTHORIZED = Kind("unauthorized", 401, "An API key is needed")
NOT_FOUND = Kind("not-found", 404, "There is nothing here")
UNKNOWN_MODEL = Kind("unknown-model", 404, "There is no such model")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The method is not allowed here")
SLOW_REQUEST = Kind("slow-request", 408, "The request did not arrive in time")
TOO_LARGE = Kind("too-large", 413, "The request is too large")
NOT_A_PICTURE = Kind("not-a-picture", 415, "This is not a picture that is accepted")
UNDECODABLE = Kind("undecodable-picture", 422, "The picture cannot be decoded")
OVER_CAPACITY = Kind("over-capacity", 429, "There is too much to do")
FETCH_OVER_CAPACITY = Kind("fetch-over-capacity", 429, "Too many pictures wait to be fetched", retry_after_s=5)
DECODE_OVER_CAPACITY = Kind("decode-over-capacity", 429, "Too many pictures wait to be decoded")
PREDICT_OVER_CAPACITY = Kind("predict-over-capacity", 429, "Too many pictures wait for the model")
RATE_LIMITED = Kind("rate-limited", 429, "There are too many requests of yours")
HEADERS_TOO_LARGE = Kind("headers-too-large", 431, "The request's headers are too large")
CLIENT_GONE = Kind("client-gone", 499, "The client went away")
INTERNAL = Kind("internal", 500, "Something went wrong here")
HOST_FAILED = Kind("picture-host-failed", 502, "The picture's host failed")
MODEL_MISMATCH = Kind("model-mismatch", 502, "The model does not keep its contract")
MODEL_UNAVAILABLE = Kind("model-unavailable", 503, "The model is not there")
OUT_OF_TIME = Kind("out-of-time", 504, "The time is up")

# Subclasses before their bases. None as detail: the error's own message is for people.
_KIND_OF: tuple[tuple[type[Exception], Kind, str | None], ...] = (
    (pictures.NotAPicture, NOT_A_PICTURE, None),
    (pictures.UndecodablePicture, UNDECODABLE, None),
    (pictures.PictureTooLarge, TOO_LARGE, None),
    (urls.BadUrl, BAD_URL, None),
    (fetch.HostFailed, HOST_FAILED, None),
    (fetch.FetchTimeout, OUT_OF_TIME, None),
    (fetch.FetchTooLarge, TOO_LARGE, None),
    (fetch.FetchersBusy, FETCH_OVER_CAPACITY, None),
    (errors.OverCapacity, OVER_CAPACITY, "The model has too much to do; try again in a moment."),
    (errors.ModelUnavailable, MODEL_UNAVAILABLE, "The model server does not answer; try again in a moment."),
    (errors.ModelNotFound, MODEL_UNAVAILABLE, "The model is not ready yet; try again in a moment."),
    (errors.ModelTimeout, OUT_OF_TIME, "The model did not answer in time."),
    (errors.ServingError, MODEL_MISMATCH, "The model server and this gateway do not agree about the model."),
    (RequestEntityTooLarge, TOO_LARGE, "The request's body is larger than accepted."),
)


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """Carry a problem to the caller; `detail` is a sentence about this very occurrence.

    `headers` go with the answer, and before what the status brings by itself, such as its usual Retry-After.
    """

    def __init__(self, kind: Kind, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}

    def as_json(self) -> messages.Problem:
        """Give the problem's members, without the request's id."""
        return {
            "type": TYPE_PREFIX + self.kind.name,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        }


def problem_of(error: Exception) -> Problem:
    """Translate any error into what the caller may see of it; log those that are not the caller's doing."""
    if isinstance(error, Problem):
        return error
    for exception, kind, detail in _KIND_OF:
        if isinstance(error, exception):
            if kind.status >= _FIRST_SERVER_FAULT:
                log.warning("%s: %s", type(error).__name__, error)
            return Problem(kind, str(error) if detail is None else detail)
    if isinstance(error, HTTPException):
        return _of_http(error)
    log.error("the request failed", exc_info=error)
    return Problem(INTERNAL, "The fault is ours, and the log has it under the request's id.")


def _of_http(error: HTTPException) -> Problem:
    """Translate werkzeug's own refusals; those without a kind of their own are bad requests."""
    if isinstance(error, NotFound):
        return Problem(NOT_FOUND, "This address does not exist.")
    if error.code == METHOD_NOT_ALLOWED.status:
        return Problem(METHOD_NOT_ALLOWED, "This address exists, but not for this method.")
    return Problem(BAD_REQUEST, "The request is not proper HTTP for this address.")


def respond(error: Exception, *, with_error: bool = False) -> Response:
    """Answer with a problem: application/problem+json, the request's id, Retry-After where it helps.

    Args:
        error: what was raised.
        with_error: whether `detail` is there once more as `error`, where the Open Inference Protocol has it.
    """
    problem = problem_of(error)
    g.problem = problem.kind.name
    answer = dict(problem.as_json().items()) | {"request_id": request_id()}
    if with_error:
        answer["error"] = problem.detail
    body = json.dumps(answer, ensure_ascii=False)
    response = Response(body, problem.kind.status, content_type="application/problem+json")
    if problem.kind.status in _RETRY_AFTER_S:
        response.headers["Retry-After"] = str(problem.kind.retry_after_s or _RETRY_AFTER_S[problem.kind.status])
    response.headers.update(problem.headers)
    if isinstance(error, HTTPException) and (allow := getattr(error, "valid_methods", None)):
        response.headers["Allow"] = ", ".join(sorted(allow))
    return response


def request_id() -> str:
    """Give the id of the request being answered; `-` outside of one."""
    return str(g.get("request_id", "-")) if g else "-"

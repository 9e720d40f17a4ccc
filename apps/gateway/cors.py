"""Let pages of other sites ask, where their origins are listed; without a list a browser keeps them out (CORS).

An origin may send keys but no cookies, for the gateway knows none.
Source: the Fetch standard, https://fetch.spec.whatwg.org/#http-cors-protocol.
"""

from collections.abc import Sequence

from flask import Request, Response

from gateway.origins import ANY, is_origin

_METHODS = "GET, POST"
_REQUEST_HEADERS = "Authorization, Content-Type, X-API-Key, X-Request-ID, traceparent"
_ANSWER_HEADERS = "X-Request-ID, Retry-After, WWW-Authenticate"
_MAX_AGE_S = 600


def preflight(request: Request, origins: Sequence[str]) -> Response | None:
    """Answer a browser that asks whether a page may send what it wants to; None where that is not the question."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    if not _listed(request, origins):
        return None
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
    response.headers["Access-Control-Max-Age"] = str(_MAX_AGE_S)
    return response


def allow(request: Request, response: Response, origins: Sequence[str]) -> None:
    """Let the page that asked read the answer, if its origin is listed."""
    if not origins:
        return
    response.vary.add("Origin")  # a cache must not hand one origin's answer to another
    if _listed(request, origins):
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = _ANSWER_HEADERS


def _listed(request: Request, origins: Sequence[str]) -> bool:
    origin = request.headers.get("Origin", "")
    # Written back only if it is a proper one, whatever the list says.
    return origin in origins or (tuple(origins) == (ANY,) and is_origin(origin))

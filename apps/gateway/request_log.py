"""Log each request once, when its answer is known; and count it."""

import logging
import time

from flask import Request, Response, g

from gateway.access import CALLER
from gateway.metrics import Metrics
from gateway.problems import MODEL_MISMATCH

# Asked every few seconds by machines, which would drown everything else.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
_LONGEST_PATH = 200
_LONGEST_METHOD = 16
_TOO_MANY, _OUR_FAULT = 429, 500

log = logging.getLogger("gateway.requests")


def record(request: Request, response: Response, metrics: Metrics) -> None:
    """Count and log a request that was answered: the path without its query, and who asked."""
    route = request.url_rule.rule if request.url_rule else "none"  # a path would be unbounded
    took_s = time.monotonic() - g.began_s
    metrics.observe(route, request.method, response.status_code, took_s)
    if g.get("problem") == MODEL_MISMATCH.name:
        metrics.model_mismatches.inc()
    level = _level(route, response.status_code)
    if not log.isEnabledFor(level):
        return
    caller = request.environ.get(CALLER)
    fields = {
        "method": request.method[:_LONGEST_METHOD],
        "path": request.path[:_LONGEST_PATH],
        "status": response.status_code,
        "problem": g.get("problem", ""),
        "caller": caller.name if caller else "",
        "pictures": g.get("pictures", 0),
        "body_bytes": request.content_length or 0,
        "ms": round(took_s * 1000, 1),
    }
    log.log(level, "%s %s", route, response.status_code, extra={"fields": fields})


def _level(route: str, status: int) -> int:
    if route in _PROBES or status == _TOO_MANY:  # who floods the gateway shall not flood the log too
        return logging.DEBUG
    return logging.WARNING if status >= _OUR_FAULT else logging.INFO

"""Put the gateway together: `create_app(settings, predictor)`."""

import re
import time
import uuid

from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound

from gateway import cors, health, logs, models, open_inference, openapi, page, predict, request_log
from gateway.access import CALLER, Access
from gateway.canary import Canaries
from gateway.capacity import ClientDeadline
from gateway.catalog import Catalog
from gateway.classify import Classifier
from gateway.inputs import SPARE_FORM_PARTS, Request
from gateway.metrics import Metrics
from gateway.predictor import Predictor
from gateway.problems import respond
from gateway.routing import CONVERTERS
from gateway.settings import Settings

# Where the application keeps its Metrics and its Access, among its extensions.
METRICS, ACCESS = "gateway.metrics", "gateway.access"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # what may be echoed into a header and a log


class App(Flask):
    """Flask with requests that keep uploads in memory."""

    request_class = Request


def create_app(settings: Settings, predictor: Predictor) -> Flask:
    """Make the WSGI application.

    Asks nobody anything: it starts while the model server is down, and answers 503 until that is up.

    Raises: SettingsError, where the file of keys cannot be used.
    """
    app = App("gateway", static_folder="static", static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_instances + SPARE_FORM_PARTS
    app.json.sort_keys = False  # type: ignore[attr-defined]  # labels stay in the model's order
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.url_map.converters.update(CONVERTERS)
    metrics = app.extensions[METRICS] = Metrics()
    metrics.model_server_given_up.set_function(lambda: predictor.given_up)
    metrics.build.labels(settings.commit, settings.revision, settings.image).set(1)
    access = app.extensions[ACCESS] = Access(settings, metrics)
    catalog = Catalog(predictor, settings.models, settings.foreign_models or {}, settings.catalog_ttl_s)
    canaries = Canaries(settings.canaries or {}, catalog, metrics, settings.catalog_ttl_s)
    classifier = Classifier(settings, predictor, canaries, metrics)
    app.register_blueprint(predict.blueprint(classifier, catalog, settings))
    app.register_blueprint(models.blueprint(catalog, predictor, settings))
    app.register_blueprint(health.blueprint(settings, predictor, metrics))
    app.register_blueprint(open_inference.blueprint(classifier, catalog, predictor, settings))
    app.register_blueprint(openapi.blueprint(settings))
    app.register_blueprint(page.blueprint())
    app.register_error_handler(Exception, respond)

    @app.before_request
    def begin() -> Response | None:
        # gateway.front sets these; without it, in tests, the request's time begins here.
        g.began_s = request.environ.get("gateway.began_s", time.monotonic())
        g.deadline = request.environ.get("gateway.deadline") or ClientDeadline(time.monotonic() + settings.timeout_s)
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        logs.enter(g.request_id, logs.trace_id_of(request.headers.get("traceparent", "")))
        if refusal := request.environ.get("gateway.refusal"):
            raise refusal
        at_metrics_port = request.environ.get("SERVER_PORT") == str(settings.metrics_port)
        if settings.metrics_port and at_metrics_port != (request.path == "/metrics"):
            raise NotFound
        if (answer := cors.preflight(request, settings.cors_origins)) is not None:
            return answer
        if CALLER not in request.environ:
            access.admit(request.environ)
        return None

    @app.after_request
    def finish(response: Response) -> Response:
        access.charge(request.environ.get(CALLER), g.get("pictures", 0))
        request_log.record(request, response, metrics)
        response.headers["X-Request-ID"] = g.request_id
        page.harden(response, settings.hsts_s)
        cors.allow(request, response, settings.cors_origins)
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        logs.leave()

    return app

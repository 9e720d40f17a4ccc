"""GET /: the web page; its parts are below /static/."""

from flask import Blueprint, Response, current_app

from gateway.operations import operation

# No inline script and no foreign one. Pictures come from anywhere: a linked one is shown beside its answer.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: https: http:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def blueprint() -> Blueprint:
    """Make the page's route."""
    routes = Blueprint("page", __name__)

    @routes.get("/")
    @operation("text/html")
    def page() -> Response:
        """Give the page; browsers ask each time whether it changed."""
        return current_app.send_static_file("index.html")

    return routes


def harden(response: Response, hsts_s: int = 0) -> None:
    """Add the headers that keep a browser from doing more than the page needs.

    Args:
        response: any answer; what a route has set itself stays.
        hsts_s: for how long a browser shall come by HTTPS only, seconds; 0 says nothing.
    """
    if hsts_s:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={hsts_s}")
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Permissions-Policy", "camera=(self), geolocation=(), microphone=()")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")

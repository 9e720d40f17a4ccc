"""A real gateway on loopback, in a thread of this process, with a model server that is not there."""

import dataclasses
import hashlib
import json
import threading
from contextlib import contextmanager

import numpy as np
from PIL import Image
from werkzeug.serving import make_server

from gateway.app import create_app
from gateway.goldens import Golden
from gateway.settings import Settings
from gateway.verify.expected import Expected
from tests.unit.gateway.drawn import encode
from tests.unit.gateway.fakes import LABELS, FakePredictor

GOLDEN = Golden(
    model="colour",
    version=1,
    labels=LABELS,
    tolerance=0.01,
    pictures=[encode(Image.new("RGB", (20, 10), colour)) for colour in ("#ff0000", "#00ff00")],
    probabilities=np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
)
MODELS = [Expected("colour", [GOLDEN], {})]
SETTINGS = Settings(models=("colour",), commit="abc", revision="123", image="gateway:1")


@contextmanager
def served(application):
    """Serve a WSGI application; gives host:port."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def gateway(predictor=None, **settings):
    """Serve a gateway; gives host:port."""
    with served(create_app(dataclasses.replace(SETTINGS, **settings), predictor or FakePredictor())) as address:
        yield address


def but_at(application, path, status, body, kind="text/html"):
    """Wrap a WSGI application so that one path answers otherwise."""

    def wrapped(environ, start_response):
        if environ["PATH_INFO"] != path:
            return application(environ, start_response)
        start_response(status, [("Content-Type", kind)])
        return [body]

    return wrapped


def write_golden(folder, version, **changes):
    """Write a golden's folder NAME/VERSION the way that training does, with what is to be changed."""
    home = folder / "colour" / str(version)
    (home / "golden").mkdir(parents=True)
    entries = []
    for number, picture in enumerate(GOLDEN.pictures):
        (home / "golden" / f"{number}.png").write_bytes(picture)
        entries.append(
            {
                "file": f"golden/{number}.png",
                "sha256": hashlib.sha256(picture).hexdigest(),
                "probabilities": GOLDEN.probabilities[number].tolist(),
            }
        )
    record = {"model": "colour", "version": version, "labels": LABELS, "tolerance": 0.01, "pictures": entries}
    (home / "golden.json").write_text(json.dumps(record | changes))
    return home

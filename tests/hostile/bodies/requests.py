"""Requests made to harm, beside JSON that is no JSON: well-formed JSON of the wrong kind, forms, headers, tensors.

Each is (address, Content-Type, body, more headers) by name, for a gateway whose default model is `small`,
which takes pictures of SIZE.
"""

import base64
import gzip
import io
import json
from itertools import product

from PIL import Image

from tests.hostile.bodies.forms import all_forms
from tests.hostile.bodies.json_texts import BAD

SIZE = (28, 28)
_VALUES = SIZE[0] * SIZE[1] * 3
PREDICT, INSTANCES, INFER = "/predict", "/v1/models/small:predict", "/v2/models/small/infer"
JSON, BINARY = "application/json", "application/octet-stream"

Sent = tuple[str, str, bytes, dict[str, str]]


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "#c04020").save(buffer, "PNG")
    return buffer.getvalue()


PNG = _png()
TEXT = base64.b64encode(PNG).decode()


def _documents() -> dict[str, Sent]:
    """Well-formed JSON that is no request."""
    picture = {"b64": TEXT}
    singles = [
        None,
        True,
        0,
        "",
        [],
        {},
        [picture],
        {"b64": None},
        {"b64": 1},
        {"b64": []},
        {"b64": ""},
        {"b64": "!"},
        {"b64": "A"},
        {"b64": "AA="},
        {"b64": "===="},
        {"b64": TEXT + "="},
        {"b64": TEXT[:-1]},
        {"b64": TEXT + "\u0660"},
        {"b64": "data:"},
        {"b64": "data:image/png,x"},
        {"b64": "data:image/png;base64,"},
        {"b64": "data:;base64," + "!" * 9},
        {"b64": TEXT.replace("+", "-").replace("/", "_") + "-"},
        {"b64": "A" * 1_000_000},
        {"B64": TEXT},
        {"b64 ": TEXT},
        {"b64": TEXT, "url": "http://127.0.0.1/"},
        {"b64": TEXT, "extra": 1},
        {"": TEXT},
        {"url": None},
        {"url": 1},
        {"url": []},
        {"url": {}},
        {"url": ""},
        {"url": " "},
        {"url": "\u0000"},
        {"url": "http://\u0000/"},
        {"url": "//a/b"},
        {"url": "file:///etc/passwd"},
        {"url": "http://[::1/"},
        {"url": "http://" + "a" * 5000},
        {"url": "\ufeffhttp://x/"},
        {"url": "http://127.0.0.1:1/"},
        {"url": "data:image/png;base64," + TEXT},
        {"url": "javascript:0"},
        {"url": "\u202e"},
        {"url": "http://a,b/" + "," * 4000},
        {"__proto__": {"b64": TEXT}},
        {"b64": {"$ref": "#"}},
        {"url": ["http://a/"]},
    ]
    batches = [
        {"instances": None},
        {"instances": 1},
        {"instances": "x"},
        {"instances": {}},
        {"instances": picture},
        {"instances": []},
        {"instances": [[]]},
        {"instances": [None]},
        {"instances": [1]},
        {"instances": [[picture]]},
        {"instances": [picture] * 17},
        {"instances": [{}] * 10_000},
        {"instances": [picture], "inputs": [1]},
        {"instances": [picture], "signature_name": "describe"},
        {"instances": [picture], "signature_name": 1},
        {"instances": [picture], "signature_name": None},
        {"Instances": [picture]},
        {"inputs": [picture]},
        {"instances": [picture], "\u0000": 1},
        {"instances": [picture], "x" * 10_000: 1},
    ]
    bodies = [(PREDICT, one) for one in singles] + [(INSTANCES, one) for one in batches]
    bodies += [(INSTANCES, {"instances": [one]}) for one in singles]
    return {
        f"document {number} {address}": (address, JSON, json.dumps(one).encode(), {})
        for number, (address, one) in enumerate(bodies)
    }


def _headers() -> dict[str, Sent]:
    body = json.dumps({"b64": TEXT}).encode()
    kinds = [
        "",
        "application",
        "application/",
        "/json",
        "application/json;",
        "application/json; charset",
        "application/json;;;",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json; charset=nothing",
        'application/json; charset="utf-8',
        "application/json; charset=\xff",
        "application/json, text/html",
        "text/json",
        "APPLICATION/JSON",
        "application/problem+json",
        "+json",
        "text/plain",
        "text/html",
        "application/xml",
        "application/x-www-form-urlencoded",
        "image/*",
        "image/",
        "image/svg+xml",
        "image/png; charset=" + "a" * 5000,
        "*/*",
        "application/octet-stream",
        "video/mp4",
        "application/json\x0b",
        "a" * 8000,
        "application/json; " + "a=b; " * 1000,
    ]
    sent: dict[str, Sent] = {f"kind {kind[:50]!r}": (PREDICT, kind, body, {}) for kind in kinds}
    more = [
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "deflate, gzip"},
        {"Content-Encoding": "identity, br"},
        {"Content-Encoding": "\xff"},
        {"Content-Encoding": "x" * 5000},
        {"X-Request-ID": "a\x0bb"},
        {"X-Request-ID": "\xff" * 70},
        {"X-Request-ID": "x" * 8000},
        {"Range": "bytes=0-"},
        {"If-Match": "x"},
        {"Accept": "\xff"},
        {"Cookie": "a=" + "b" * 8000},
        {"Authorization": "Basic \xff"},
        {"X-Forwarded-For": "1.1.1.1, " * 500},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Forwarded": 'for="[::1"'},
        {"traceparent": "00-" + "f" * 500},
        {"Host": "a\\b"},
        {"Host": "\xff"},
        {"Host": "x" * 300},
        {"Transfer-Encoding": "identity"},
        {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings"},
        {"Date": "\xff"},
    ]
    for headers in more:
        name = next(iter(headers))
        coded = gzip.compress(body) if headers.get(name) == "gzip" else body
        sent[f"header {name}: {headers[name][:30]!r}"] = (PREDICT, JSON, coded, headers)
    return sent


def _tensors() -> dict[str, Sent]:
    image = {"name": "image", "datatype": "UINT8", "shape": [1, *SIZE, 3], "data": [0] * _VALUES}
    documents = [
        {"inputs": [image | {"shape": shape}]}
        for shape in (
            [2**63, *SIZE, 3],
            [1e3, *SIZE, 3],
            [-1, *SIZE, 3],
            ["1", *SIZE, 3],
            [1] * 1000,
            None,
            [10**30, *SIZE, 3],
        )
    ]
    documents += [
        {"inputs": [image | {"data": data}]}
        for data in (
            None,
            "x",
            {},
            [],
            [[]],
            [[[[]]]],
            [None] * _VALUES,
            ["0"] * _VALUES,
            [1e308] * _VALUES,
            [10**300] * _VALUES,
            [[0] * _VALUES],
        )
    ]
    documents += [{"inputs": [image], key: {"a": [1]}} for key in ("id", "outputs", "inputs")]
    documents += [
        {"inputs": [image], "outputs": [wish]} for wish in (None, 1, [], {}, {"name": None}, {"name": "x" * 9999})
    ]
    documents += [
        {"inputs": [image] * 1000},
        {"inputs": [image], "parameters": []},
        {"inputs": [image | {"parameters": 1}]},
    ]
    sent: dict[str, Sent] = {
        f"tensor {number}": (INFER, JSON, json.dumps(one).encode(), {}) for number, one in enumerate(documents)
    }
    head = json.dumps({"inputs": [{**image, "data": None, "parameters": {"binary_data_size": _VALUES}}]}).encode()
    lengths = [
        "",
        "0",
        "-1",
        "1",
        "+5",
        "0x10",
        "1e3",
        "9" * 5000,
        "\xb2",
        str(len(head)),
        str(len(head) + 1),
        "1, 1",
        " 5 ",
    ]
    for length in lengths:
        name = f"tensor behind {length[:20]!r}"
        sent[name] = (INFER, BINARY, head + bytes(_VALUES), {"Inference-Header-Content-Length": length})
    return sent


def all_requests() -> dict[str, Sent]:
    """Give every request, the texts that are no JSON among them, at each address that reads JSON."""
    texts: dict[str, Sent] = {
        f"{name} {address}": (address, JSON, text, {})
        for (name, text), address in product(BAD.items(), (PREDICT, INSTANCES, INFER))
    }
    raw: dict[str, Sent] = {
        f"raw {number}": (PREDICT, "image/png", body, {})
        for number, body in enumerate(
            (b"", b"\x00", b"\xff" * 1_000_000, PNG[:20], PNG + b"x", b"<svg/>", b"GIF89a", b"BM")
        )
    }
    return texts | _documents() | all_forms(PREDICT, INSTANCES, PNG) | _headers() | _tensors() | raw

"""Forms made to harm, and Content-Types that do not fit theirs."""

import base64
import gzip
from itertools import product

FORM = "multipart/form-data; boundary=x"

Sent = tuple[str, str, bytes, dict[str, str]]


def _part(name: str, data: bytes, more: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n{more}\r\n'.encode() + data + b"\r\n"


def all_forms(predict: str, instances: str, png: bytes) -> dict[str, Sent]:
    """Give every form, to either address; `png` is a picture."""
    whole = _part("file", png) + b"--x--\r\n"
    disposition = b"--x\r\nContent-Disposition: "
    bodies = [
        b"",
        b"x",
        b"--x",
        b"--x--",
        b"--x--\r\n",
        b"--x\r\n",
        b"--x\r\n\r\n",
        b"--x\r\n\r\n\r\n--x--",
        whole[:-6],
        whole[: len(whole) // 2],
        whole.replace(b"--x--", b"--y--"),
        whole.replace(b"\r\n", b"\n"),
        b"junk" + whole,
        whole + b"junk",
        whole.replace(b"--x", b"-x"),
        whole.replace(b"\r\n\r\n", b"\r\n"),
        _part("File", png) + b"--x--",
        _part("", png) + b"--x--",
        _part("file\x00", png) + b"--x--",
        disposition + b'form-data; name="file"\r\n\r\n' + png + b"\r\n--x--",
        disposition + b"form-data\r\n\r\nx\r\n--x--",
        disposition + b"attachment\r\n\r\nx\r\n--x--",
        disposition + b'form-data; name="file"; filename=\r\n\r\nx\r\n--x--',
        disposition + b'form-data; name="file; filename="a"\r\n\r\nx\r\n--x--',
        disposition + b"\r\n\r\nx\r\n--x--",
        disposition + b"form-data; name*=utf-8''file; filename*=utf-8''a\r\n\r\nx\r\n--x--",
        disposition + b"form-data; name*=nothing''file; filename*=\xff''a\r\n\r\nx\r\n--x--",
        disposition + b'form-data; name="file"; filename="' + b"a" * 100_000 + b'"\r\n\r\nx\r\n--x--',
        disposition + b'form-data; name="\xff\xfe"; filename="a"\r\n\r\nx\r\n--x--',
        b"--x\r\n: \r\n\r\nx\r\n--x--",
        b"--x\r\n" + b"A: b\r\n" * 20_000 + b"\r\nx\r\n--x--",
        b"--x\r\n" + b"A" * 1_000_000 + b"\r\n\r\nx\r\n--x--",
        b"--x\r\nno colon\r\n\r\nx\r\n--x--",
        b"--x\r\n folded\r\n\r\nx\r\n--x--",
        b"\r\n" * 500_000,
        b"\r" * 1_000_000,
        b"--x" * 300_000,
        b"--x\r\n" * 200_000,
        _part("a", b"") * 1_000 + b"--x--",
        _part("file", png) * 17 + b"--x--",
        _part("file", b"") * 33 + b"--x--",
        _part("file", b"") * 16 + b"--x--",
        _part("a", b"x" * 10_000) * 40 + b"--x--",
        _part("file", png, "Content-Transfer-Encoding: base64\r\n") + b"--x--" + b"\r\n--x" * 1_000,
        _part("file", base64.b64encode(png), "Content-Transfer-Encoding: base64\r\n") + b"--x--",
        _part("file", png, "Content-Type: multipart/mixed; boundary=x\r\n") + b"--x--",
        _part("file", png, "Content-Length: 1\r\n")[:-9] + b"--x--",
        _part("file", gzip.compress(png)) + b"--x--",
    ]
    forms: dict[str, Sent] = {
        f"form {number} {address}": (address, FORM, body, {})
        for number, (body, address) in enumerate(product(bodies, (predict, instances)))
    }
    kinds = [
        "multipart/form-data",
        "multipart/form-data;",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=y",
        "multipart/form-data; boundary=" + "x" * 5000,
        "multipart/form-data; boundary=\xff",
        'multipart/form-data; boundary="x',
        "multipart/form-data; boundary=x; boundary=y",
        "multipart/form-data; boundary*=utf-8''x",
        "multipart/form-data; boundary=(.*)+$",
        "multipart/mixed; boundary=x",
        "multipart/related; boundary=x",
        "multipart/form-data; charset=utf-7; boundary=x",
    ]
    return forms | {f"form kind {kind[:60]!r}": (predict, kind, whole, {}) for kind in kinds}

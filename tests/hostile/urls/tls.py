"""Hosts whose TLS is wrong, each at a public address and with a name of its own."""

import datetime as dt
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path

from tests.contract.certificates import Authority
from tests.hostile import zone


@dataclass(frozen=True)
class TlsHost:
    """A host: its address, the name that URLs have for it, and the statuses that a gateway may answer then."""

    way: str
    address: str
    name: str
    statuses: tuple[int, ...]


def _host(number: int, way: str, *statuses: int) -> TlsHost:
    address = f"93.184.215.{number}"
    return TlsHost(way, address, address if way == "good-address" else zone.name(address), statuses)


TLS_HOSTS = (
    _host(20, "good", 200),
    _host(21, "good-address", 200),
    _host(22, "other-name", 502),
    _host(23, "other-authority", 502),
    _host(24, "expired", 502),
    _host(25, "old-protocol", 502),
    _host(26, "no-tls", 502),
)


def context_of(host: TlsHost, authority: Authority, folder: Path) -> ssl.SSLContext | None:
    """Make the server's side; None speaks no TLS at all."""
    if host.way == "no-tls":
        return None
    signer = Authority(folder, "unknown") if host.way == "other-authority" else authority
    valid = dt.timedelta(days=-1 if host.way == "expired" else 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*signer.sign("other.example" if host.way == "other-name" else host.name, valid=valid))
    if host.way == "old-protocol":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old is what it is here for
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context

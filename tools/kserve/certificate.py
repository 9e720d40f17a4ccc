"""A certificate for a Service, with an authority of its own that signs nothing else and whose key is thrown away."""

import datetime as dt
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID = dt.timedelta(days=30)


class Certificate(NamedTuple):
    """PEM texts."""

    authority: bytes
    certificate: bytes
    key: bytes


def make(service: str, namespace: str) -> Certificate:
    """Make one that is valid for 30 days under the names by which an API server asks a Service."""
    above, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name(f"authority of {service}"), _name(service)
    names = [x509.DNSName(f"{service}.{namespace}.svc{end}") for end in ("", ".cluster.local")]
    authority = (
        _begin(issuer, issuer, above)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(above, hashes.SHA256())
    )
    leaf = (
        _begin(issuer, subject, own)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(above, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Certificate(authority.public_bytes(pem), leaf.public_bytes(pem), key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begin(issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _VALID)
    )

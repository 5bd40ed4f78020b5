"""Certificates for trying things out: an authority, a server's, a client's, made anew in a folder.

The acquirer's server and the link's tests use them. The keys lie in clear beside the certificates and are
worth nothing; nothing here may be used where money is real.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER_NAME = "acquirer.test"  # RFC 6761 keeps .test for this: no real host will ever have it.
VALID_DAYS = 30


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files. `server` and `client` hold one certificate each, their keys lie beside them."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    server_name: str = SERVER_NAME


def make_certificates(
    folder: Path,
    *,
    not_before: datetime.datetime | None = None,
    not_after: datetime.datetime | None = None,
) -> Certificates:
    """Write an authority, a server certificate (for SERVER_NAME, localhost and 127.0.0.1) and a client one.

    `not_before` and `not_after` (aware, UTC) bound the server's and the client's; by default an hour ago to
    VALID_DAYS from now. The authority itself is valid for ten years around that. Raises OSError.
    """
    now = datetime.datetime.now(datetime.UTC)
    start = not_before or now - datetime.timedelta(hours=1)
    end = not_after or now + datetime.timedelta(days=VALID_DAYS)
    folder.mkdir(parents=True, exist_ok=True)
    files = Certificates(
        folder / "ca.pem",
        folder / "server.pem",
        folder / "server.key",
        folder / "client.pem",
        folder / "client.key",
    )
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Zhanggui test authority")
    years = datetime.timedelta(days=3650)
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key(), min(start, now) - years, max(end, now) + years)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    files.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    names: list[x509.GeneralName] = [
        x509.DNSName(SERVER_NAME),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    server = (ExtendedKeyUsageOID.SERVER_AUTH, SERVER_NAME, names, files.server, files.server_key)
    client_names: list[x509.GeneralName] = [x509.DNSName("terminal.test")]
    client = (ExtendedKeyUsageOID.CLIENT_AUTH, "terminal.test", client_names, files.client, files.client_key)
    for use, common_name, subject_names, path, key_path in (server, client):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(common_name), ca_name, key.public_key(), start, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectAlternativeName(subject_names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
            )
            .sign(ca_key, hashes.SHA256())
        )
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.touch(mode=0o600)
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return files


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    start: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )

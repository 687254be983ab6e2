"""A certificate authority made for one test run, and the TLS contexts of servers that it vouches for."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """`pem` is its own certificate; what it issues goes into `folder`. A `plain` one has no key usage in it."""

    def __init__(self, folder: Path, *, plain: bool = False) -> None:
        self._folder = folder
        self._plain = plain
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Test authority")
        self._certificate = self._signed(self._name, self._key.public_key(), days=2, authority=True)
        self.pem = self._certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, *names: str, days: int = 1) -> tuple[Path, Path]:
        """Certificate and key files for these host names or addresses; negative `days` lie in the past."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(_name(names[0]), key.public_key(), days=days, names=names)
        return self._write(certificate, key)

    def server(self, *names: str, days: int = 1, asks_for_certificate: bool = False) -> ssl.SSLContext:
        """The context of a server with a certificate for `names` (127.0.0.1 and localhost when left out)."""
        context = _server(*self.issue(*(names or ("127.0.0.1", "localhost")), days=days))
        if asks_for_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.pem)
        return context

    def self_signed(self) -> ssl.SSLContext:
        """The context of a server whose certificate nobody vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name("127.0.0.1"), _name("127.0.0.1"), key.public_key(), 1)
        certificate = builder.add_extension(_alternatives(("127.0.0.1",)), critical=False)
        return _server(*self._write(certificate.sign(key, hashes.SHA256()), key))

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        days: int,
        names: tuple[str, ...] = (),
        authority: bool = False,
    ) -> x509.Certificate:
        ours = self._key.public_key()
        builder = (
            _builder(subject, self._name, key, days)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ours), critical=False)
        )
        if authority and not self._plain:
            builder = builder.add_extension(_signs_certificates(), critical=True)
        if names:
            builder = builder.add_extension(_alternatives(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
        stem = self._folder / f"{certificate.serial_number:x}"
        files = stem.with_suffix(".pem"), stem.with_suffix(".key")
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _alternatives(names: tuple[str, ...]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_alternative(name) for name in names])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    until = now + dt.timedelta(days=days)
    return (
        x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, until) - dt.timedelta(days=1))
        .not_valid_after(until)
    )


def _server(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context

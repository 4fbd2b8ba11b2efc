"""Whom TLS trusts and who we are to it: the one place for every client, by the rules of Go's crypto/x509, as kubectl has them.

A bundle is any file with certificates in it, whatever stands between them; each of them is trusted by itself, so that
an intermediate without its root will do. No credential is ever asked for on the terminal, and loading one ends well or in
a UsageError.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime import redact

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name a bundle in place of the system's, for all but the API server of Kubernetes: kubectl knows none of them."""

FILES = (
    *("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"),
    *("/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"),
)
"""Where systems have their authorities, in Go's order; the first one that is there counts."""

_BLOCK = re.compile(rb"^-----BEGIN ([^\n\r]*?)-----[ \t]*\r?$((?:(?!-----BEGIN).)*?)^-----END \1-----", re.MULTILINE | re.DOTALL)


_TRUSTED_FOR_SERVERS = bytes.fromhex("300c300a06082b06010505070301")
"""X509_CERT_AUX of openssl/x509.h: a list of purposes, which is serverAuth (1.3.6.1.5.5.7.3.1) alone."""


@dataclass(frozen=True, kw_only=True)
class Tls:
    """Which authorities a server's certificate is checked against, and what we show it.

    `authorities`: a bundle, empty for the system's; `beside`: trust the system's too. `what`: where the bundle is from, for
    messages. `insecure`: nothing is checked.
    """

    authorities: bytes = b""
    beside: bool = False
    what: str = "the bundle of CA certificates"
    insecure: bool = False
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)

    def context(self) -> ssl.SSLContext:
        """For connections of a client; UsageError where a part of it cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.authorities:
            _add(context, self.authorities, self.what)
        if not self.insecure and (self.beside or not self.authorities):
            _add_system(context)
        if self.certificate:
            _add_pair(context, self.certificate, self.key)
        return context


def read_bundle(path: str, *, what: str) -> bytes:
    """A file with certificates; `what` is the flag or the variable that names it. UsageError where it has none."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{what} {path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise UsageError(f"{what} {path}: cannot be read: {reason}") from None
    _add(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), data, f"{what} {path}")
    return data


def anchors(data: bytes) -> bytes:
    """The bundle for a library that takes a file and has no way to let a chain end at an intermediate, as `context` does.

    Each certificate is written with OpenSSL's mark that servers may be trusted by it, which is what ends a chain.
    """
    encoded = (base64.encodebytes(der + _TRUSTED_FOR_SERVERS) for der in certificates(data))
    return b"".join(b"-----BEGIN TRUSTED CERTIFICATE-----\n%b-----END TRUSTED CERTIFICATE-----\n" % each for each in encoded)


@contextmanager
def anchors_file(path: str, *, what: str) -> Iterator[str]:
    """A file with `anchors` of the one that is named, while the block lasts. UsageError where that one is no bundle."""
    with _as_file(anchors(read_bundle(path, what=what))) as made:
        yield made


def from_files(ca_file: str, environment: Mapping[str, str], *, flag: str, beside: bool = False) -> Tls:
    """For anything but Kubernetes: the file of a flag, else the bundle that the environment names, else the system's."""
    if ca_file:
        return Tls(authorities=read_bundle(ca_file, what=flag), beside=beside, what=f"{flag} {ca_file}")
    for name in BUNDLES:
        if path := environment.get(name, ""):
            return Tls(authorities=read_bundle(path, what=name), what=f"{name} {path}")
    return Tls()


def system_file() -> str:
    """The file with the authorities that are trusted where none is named; empty where there is none."""
    return os.environ.get("SSL_CERT_FILE") or next((each for each in FILES if Path(each).is_file()), "")


def is_the_systems(path: str) -> bool:
    """Whether a bundle is that very file."""
    trusted = system_file()
    return bool(trusted) and os.path.realpath(path) == os.path.realpath(trusted)


def require_pair(path: str, password: str | None, *, what: str) -> None:
    """UsageError where a PEM file of certificate and key is none that can be used, or wants a password that is not given."""
    _load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path, f"{what} {path}", password)


def read_pair(files: str | tuple[str, str], *, what: str) -> tuple[bytes, bytes]:
    """Certificate and key, out of one PEM file or two."""
    certificate, key = (files, files) if isinstance(files, str) else files
    try:
        return Path(certificate).read_bytes(), Path(key).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{what} {certificate}: cannot be read: {getattr(error, 'strerror', None) or 'not a path'}") from None


def certificates(data: bytes) -> Iterator[bytes]:
    """The certificates of a bundle (DER). As Go reads it: what is between the blocks, and blocks of other kinds, do not count."""
    for kind, text in _BLOCK.findall(data):
        if kind != b"CERTIFICATE" or b":" in text:  # a block with headers is none of Go's
            continue
        try:
            yield base64.b64decode(b"".join(text.split()), validate=True)
        except binascii.Error:
            continue


def _add(context: ssl.SSLContext, data: bytes, what: str) -> None:
    count = 0
    for der in certificates(data):
        try:
            context.load_verify_locations(cadata=der)
        except (ssl.SSLError, ValueError, TypeError):  # Go passes over one that it cannot read
            continue
        count += 1
    if not count:
        raise UsageError(f"{what}: no certificate that can be used is in it", hint="it must hold certificates as PEM")


def _add_system(context: ssl.SSLContext) -> None:
    """The system's authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR; where there are none at all, Mozilla's."""
    context.load_default_certs()
    for name in os.environ.get("SSL_CERT_DIR", "").split(os.pathsep):
        _add_folder(context, name)  # OpenSSL wants names made of hashes, Go takes every file
    if context.cert_store_stats()["x509"] or any(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")):
        return
    for path in FILES:  # a Python that was built elsewhere looks for them elsewhere
        if _add_file(context, path):
            return
    with suppress(ImportError):
        import certifi

        _add_file(context, certifi.where())


def _add_folder(context: ssl.SSLContext, folder: str) -> None:
    try:
        files = sorted(Path(folder).iterdir()) if folder else []
    except OSError:
        return
    for file in files:
        _add_file(context, str(file))


def _add_file(context: ssl.SSLContext, path: str) -> bool:
    """Whether there was a certificate in it."""
    try:
        _add(context, Path(path).read_bytes(), path)
    except (OSError, UsageError):
        return False
    return True


# ---- who we are


def _add_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    with _as_file(certificate + b"\n" + key) as path:
        _load_pair(context, path, "client certificate and key", None)


def _load_pair(context: ssl.SSLContext, path: str, what: str, password: str | None) -> None:
    asked = []

    def give() -> str:
        asked.append(1)
        return password or ""  # without a function here OpenSSL would ask on the terminal

    try:
        context.load_cert_chain(path, password=give)
    except (OSError, ValueError, TypeError) as error:
        if asked:
            reason = "the password for its key is wrong" if password else "its key is encrypted"
            raise UsageError(f"{what}: {reason}", hint="give a key without a password") from None
        said = getattr(error, "strerror", None) or error
        reason = _WORDS.get(getattr(error, "reason", "") or "", redact.text(said))
        raise UsageError(f"{what}: not usable: {reason}") from None


_WORDS = {
    "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
    "NO_START_LINE": "it is not PEM",
    "PEM_LIB": "it is not a PEM of certificate and key",
}


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """What is read from a file only, as a client key is by `ssl`; this one, of mode 0600, is gone when the block ends."""
    import tempfile  # for those with a client certificate

    try:
        descriptor, path = tempfile.mkstemp(prefix="kubectl-lrs-")
    except OSError as error:
        raise UsageError(f"certificates: no temporary file can be made: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        yield path
    finally:
        os.unlink(path)  # noqa: PTH108

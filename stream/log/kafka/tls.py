"""TLS as the client does it, with words for what is wrong with files, certificates and names."""

from __future__ import annotations

import ssl
from pathlib import Path

from stream.config.log import KafkaSecurity
from stream.errors import LogAccessError

_HOST_NAME_CODES = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH
_EXPIRED_CODES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED


def make_context(security: KafkaSecurity) -> ssl.SSLContext:
    """Read the files of authorities, certificate and key.

    Raises
    ------
    LogAccessError
        A file cannot be read, or is something else.
    """
    for name in ("ca_file", "certificate_file", "key_file"):
        _check_readable(name, getattr(security, name))
    try:
        context = ssl.create_default_context(cafile=security.ca_file)
    except ssl.SSLError as error:
        raise LogAccessError(
            f"log.security.ca_file: must be a PEM file of certificates; got "
            f"`{security.ca_file}`: {_reason(error)}."
        ) from None
    context.check_hostname = security.check_hostname
    if security.certificate_file:
        # An empty password: without any, OpenSSL would ask for one on the terminal.
        password = security.key_password.get_secret_value() if security.key_password else ""
        try:
            context.load_cert_chain(security.certificate_file, security.key_file, password)
        except ssl.SSLError as error:
            raise LogAccessError(
                f"log.security.certificate_file: `{security.certificate_file}` and its key in "
                f"`{security.key_file or security.certificate_file}` must be PEM files that "
                f"belong together; got: {_reason(error)}. Check them, and the key's password "
                f"(DRIFTGATE_KEY_PASSWORD)."
            ) from None
    return context


def untrusted(address: str, error: ssl.SSLCertVerificationError) -> str:
    """Say why the broker's certificate was refused here, and what to do."""
    said = error.verify_message.rstrip(".")
    if error.verify_code in _HOST_NAME_CODES:
        return (
            f"the TLS certificate of {address} is another host's: {said}. Use the name that "
            f"it carries, in log.bootstrap and in the broker's advertised.listeners."
        )
    if error.verify_code in _EXPIRED_CODES:
        return (
            f"the TLS certificate of {address} is not valid now: {said}. Renew it on the broker, "
            f"and check this machine's clock."
        )
    return (
        f"the TLS certificate of {address} is not trusted: {said}. Set log.security.ca_file to "
        f"the authority that signed it."
    )


def handshake_failed(address: str, error: ssl.SSLError, security: KafkaSecurity) -> str:
    """Say why the broker ended a TLS handshake, and what to do."""
    reason = _reason(error)
    if "ALERT" in reason and not security.certificate_file:
        # Java answers an absent certificate with the alert bad_certificate.
        return (
            f"{address} ended the TLS handshake ({reason}): it asks for a client certificate. Set "
            f"log.security.certificate_file and key_file."
        )
    if "ALERT" in reason:
        return (
            f"{address} refused the client certificate `{security.certificate_file}`: {reason}. "
            f"Use one that has not expired, signed by an authority that the broker trusts."
        )
    return (
        f"the TLS handshake with {address} failed: {reason}. Check log.security.protocol against "
        f"the listener, and the certificates."
    )


def _check_readable(name: str, path: str | None) -> None:
    if path is None:
        return
    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise LogAccessError(
            f"log.security.{name}: must be a readable file; got `{path}`: {error.strerror}."
        ) from None


def _reason(error: ssl.SSLError) -> str:
    return error.reason or str(error)

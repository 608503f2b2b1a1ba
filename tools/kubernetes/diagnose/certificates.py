"""What a certificate says about itself: until when, for which names, of which key."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


class Certificate(NamedTuple):
    """The first certificate of a chain."""

    begins: datetime
    ends: datetime
    names: tuple[str, ...]
    key: bytes  # its public key

    def covers(self, host: str) -> bool:
        """Whether it is valid for a host; a star stands for one label."""
        wild = "*." + host.partition(".")[2]
        return not host or host.lower() in self.names or (host.count(".") > 0 and wild.lower() in self.names)


def parse(pem: bytes) -> Certificate | None:
    """The first certificate in PEM text; None when there is none that can be read."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        return None
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        known = tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        subject = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        known = tuple(str(item.value).lower() for item in subject)
    return Certificate(found.not_valid_before_utc, found.not_valid_after_utc, known, _public(found.public_key()))


def public_of(pem: bytes) -> bytes | None:
    """The public key of the private key in PEM text; None when there is none that can be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return _public(load_pem_private_key(pem, None).public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        return None


def _public(key: PublicKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

"""What is derived from an API key's secret: what the database keeps of it, and the key that signs requests.

A secret is 32 random bytes in base64url behind a prefix. Nobody guesses 256 bits, so one SHA-256 keeps it as safe as a
slow password hash would, and a request that carries it costs microseconds (a slow hash is for what people choose).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

SECRET_BYTES = 32
CLIENT_ID_BYTES = 10
CLIENT_PREFIX = "fmi_"
SECRET_PREFIX = "fms_"  # noqa: S105 (a prefix, which secret scanners look for)
REFRESH_PREFIX = "fmr_"
CLIENT_ID_PATTERN = r"^fmi_[a-z2-7]{16}$"
CLIENT_ID = re.compile(CLIENT_ID_PATTERN)
SIGNING_LABEL = b"fmi request signing v1"


def client_id_from(*, random: bytes) -> str:
    """Return a key's public id from 10 random bytes."""
    return CLIENT_PREFIX + base64.b32encode(random).decode().lower()


def secret_from(*, random: bytes, prefix: str) -> str:
    """Return a secret as its holder keeps it, from 32 random bytes."""
    return prefix + base64.urlsafe_b64encode(random).decode().rstrip("=")


def hash_secret(*, secret: str) -> bytes:
    """Return what the database keeps of a secret: 32 bytes of SHA-256."""
    return hashlib.sha256(secret.encode()).digest()


def derive_signing_key(*, secret: str) -> bytes:
    """Return the 32 bytes by which the secret's holder signs requests: HMAC-SHA256(secret, SIGNING_LABEL).

    One call in every language, and a pseudo-random function of a uniformly random secret (NIST SP 800-108, RFC 5869's
    expand step), so who learns the signing key does not learn the secret, by which tokens are had.
    """
    return hmac.new(secret.encode(), SIGNING_LABEL, hashlib.sha256).digest()

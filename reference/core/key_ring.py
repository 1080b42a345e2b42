"""Rings of secrets from the environment: the first makes what is new, all of them read what stands."""

from __future__ import annotations

import base64
import binascii
import re

# RFC 7518, section 3.2: a key of HS256 is at least as long as the hash.
SHORTEST_SIGNING_SECRET_BYTES = 32
FERNET_KEY_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")


def parse_signing_keys(*, text: str) -> dict[str, str]:
    """Return the secrets of `kid:secret,kid:secret`, by key id and in their order; the first one signs.

    Raises ValueError, which names the place and never a secret.
    """
    ring: dict[str, str] = {}
    for place, part in enumerate(_parts(text), start=1):
        name, colon, secret = part.partition(":")
        if not colon or not KEY_ID.fullmatch(name):
            raise ValueError(f"entry {place} is not kid:secret")
        if len(secret.encode()) < SHORTEST_SIGNING_SECRET_BYTES:
            raise ValueError(f"the secret of {name!r} is shorter than {SHORTEST_SIGNING_SECRET_BYTES} bytes")
        if name in ring:
            raise ValueError(f"{name!r} is there twice")
        ring[name] = secret
    return ring


def parse_encryption_keys(*, text: str) -> tuple[str, ...]:
    """Return the Fernet keys of `key,key`; the first one encrypts. Raises ValueError, which never holds a key."""
    ring = tuple(_parts(text))
    for place, part in enumerate(ring, start=1):
        try:
            length = len(base64.b64decode(part.encode(), altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            length = 0
        if length != FERNET_KEY_BYTES:
            raise ValueError(f"entry {place} is not 32 bytes in base64url, as cryptography.fernet makes them")
    return ring


def _parts(text: str) -> list[str]:
    """Return the entries between the commas. Raises ValueError where there is none."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ValueError("there is no key in it")
    return parts

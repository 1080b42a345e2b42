"""What a signature of a request is made of: HMAC-SHA256 (RFC 2104) over what the request asks, when, and once."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

# How far a request's time may be from ours, both ways.
WINDOW_SECONDS = 300
TIMESTAMP = re.compile(r"[0-9]{1,12}")
NONCE_PATTERN = r"^[A-Za-z0-9_-]{16,64}$"
NONCE = re.compile(NONCE_PATTERN)
SIGNATURE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SignedParts:
    """What is signed. timestamp: seconds since 1970, as sent; path: with its query, as sent; body: the raw bytes."""

    timestamp: str
    nonce: str
    method: str
    path: str
    body: bytes

    def text(self) -> bytes:
        """Return the five lines that are signed, the last one the SHA-256 of the body in hex."""
        digest = hashlib.sha256(self.body).hexdigest()
        return "\n".join((self.timestamp, self.nonce, self.method, self.path, digest)).encode()


def sign_request(*, key: bytes, parts: SignedParts) -> str:
    """Return the signature: 64 hexadecimal digits."""
    return hmac.new(key, parts.text(), hashlib.sha256).hexdigest()


def is_signed_by_any(*, keys: Iterable[bytes], parts: SignedParts, signature: str) -> bool:
    """Say whether one of the keys made the signature; each is compared, in constant time."""
    fits = [hmac.compare_digest(sign_request(key=key, parts=parts), signature) for key in keys]
    return any(fits)


def is_in_time(*, timestamp: str, now_seconds: float) -> bool:
    """Say whether a request's time is near enough to ours."""
    return abs(int(timestamp) - now_seconds) <= WINDOW_SECONDS

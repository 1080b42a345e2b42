"""Secrets that must be readable again, encrypted under the settings' ENCRYPTION_KEYS (Fernet: AES-128-CBC and HMAC).

The first key encrypts, all of them decrypt, so that keys rotate without a stop: put a new one first, encrypt again what
stands (`manage.py reencrypt_secrets`), take the old one away.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypt_secret(*, secret: bytes) -> bytes:
    """Return the secret encrypted by the first key."""
    return _ring(settings.ENCRYPTION_KEYS).encrypt(secret)


def decrypt_secret(*, encrypted: bytes) -> bytes:
    """Return the secret. Raises cryptography.fernet.InvalidToken where no key of the ring fits, or it was changed."""
    return _ring(settings.ENCRYPTION_KEYS).decrypt(bytes(encrypted))


def reencrypt_secret(*, encrypted: bytes) -> bytes:
    """Return the same secret encrypted by the first key. Raises cryptography.fernet.InvalidToken."""
    return _ring(settings.ENCRYPTION_KEYS).rotate(bytes(encrypted))


@lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    """Return the ring of these keys."""
    return MultiFernet([Fernet(key) for key in keys])

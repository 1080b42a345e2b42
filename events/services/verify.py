"""Verify the audit log and keep what was found; the keys that are trusted for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from events.core.seals import key_id_of, read_public_key, read_signing_key
from events.models import AuditVerification
from events.queries.audit_faults import Verified, verify_log
from events.services.heads import HeadsUnreadable, read_heads


def signing_key() -> Ed25519PrivateKey:
    """Return the key that signs heads, of the environment."""
    return read_signing_key(text=settings.AUDIT_SIGNING_KEY)


def trusted_keys(*, texts: Sequence[str] = ()) -> dict[str, Ed25519PublicKey]:
    """Return the public keys that are trusted, by key id: those given, else this machine's own and its former ones.

    texts: base64 of 32 bytes each. Raises ValueError for one that is no key.
    """
    keys = [read_public_key(text=text) for text in texts or settings.AUDIT_PUBLIC_KEYS]
    if not texts:
        keys.append(signing_key().public_key())
    return {key_id_of(key=key): key for key in keys}


def verify_and_keep(*, keys: Mapping[str, Ed25519PublicKey], heads: Path, first: int = 1) -> AuditVerification:
    """Verify the log from a seal on and write down what was found, which the pages show."""
    started = time.monotonic()
    try:
        verified = verify_log(keys=keys, read_outside=partial(read_heads, path=heads), first=first)
    except HeadsUnreadable as error:
        verified = Verified(0, 0, str(error))
    seconds = Decimal(f"{time.monotonic() - started:.3f}")
    return AuditVerification.objects.create(
        batches=verified.batches, records=verified.records, seconds=seconds, fault=verified.fault
    )

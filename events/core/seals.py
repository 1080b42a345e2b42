"""The sealed head of a batch of audit records: what it covers, how it is signed, how it is written. Pure.

A head is SHA-256 over the batch's number, positions, time and root and over the head before it, so each one vouches
for the whole log up to it. It is signed with Ed25519 (RFC 8032). Whoever holds one head that he trusts, on paper or on
another machine, finds every later change of what it covers.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from struct import pack
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

HEAD_MARK = b"\x02"
SIGNED_PREFIX = b"mini-fmi audit head\n"
GENESIS = bytes(32)
MOST_RECORDS = 4_096


@dataclass(frozen=True, slots=True)
class Seal:
    """A batch of consecutive positions, sealed.

    number: from 1, without a gap. first_position, last_position: of its records, both included. root: of the Merkle
    tree over their leaves. previous_head: of the batch before, 32 zero bytes before the first. sealed_at_us: wall time
    in microseconds since 1970 (UTC).
    """

    number: int
    first_position: int
    last_position: int
    root: bytes
    previous_head: bytes
    sealed_at_us: int

    @property
    def count(self) -> int:
        """Return how many records it covers."""
        return self.last_position - self.first_position + 1

    @property
    def head(self) -> bytes:
        """Return SHA-256(0x02 || number || first || last || sealed_at_us, 8 bytes each || root || previous head)."""
        numbers = pack(">QQQQ", self.number, self.first_position, self.last_position, self.sealed_at_us)
        return sha256(HEAD_MARK + numbers + self.root + self.previous_head).digest()


@dataclass(frozen=True, slots=True)
class SignedSeal:
    """A seal with the signature over its head, and which key made it."""

    seal: Seal
    key_id: str
    signature: bytes


def read_signing_key(*, text: str) -> Ed25519PrivateKey:
    """Return the private key from base64 of its 32 bytes. Raises ValueError."""
    try:
        return Ed25519PrivateKey.from_private_bytes(b64decode(text, validate=True))
    except (Base64Error, ValueError) as error:
        raise ValueError("a signing key is base64 of 32 bytes; `manage.py audit_key --new` makes one") from error


def write_signing_key(*, key: Ed25519PrivateKey) -> str:
    """Return a private key as base64 of its 32 bytes."""
    return b64encode(key.private_bytes_raw()).decode()


def read_public_key(*, text: str) -> Ed25519PublicKey:
    """Return a public key from base64 of its 32 bytes. Raises ValueError."""
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(text.strip(), validate=True))
    except (Base64Error, ValueError) as error:
        raise ValueError("a public key is base64 of 32 bytes; `manage.py audit_key` writes it") from error


def write_public_key(*, key: Ed25519PublicKey) -> str:
    """Return a public key as base64 of its 32 bytes."""
    return b64encode(key.public_bytes_raw()).decode()


def key_id_of(*, key: Ed25519PublicKey) -> str:
    """Return the name of a key: the first sixteen digits of its SHA-256."""
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign_seal(*, seal: Seal, key: Ed25519PrivateKey) -> SignedSeal:
    """Sign the head of a seal."""
    return SignedSeal(seal, key_id_of(key=key.public_key()), key.sign(SIGNED_PREFIX + seal.head))


def find_signature_fault(*, signed: SignedSeal, keys: Mapping[str, Ed25519PublicKey]) -> str:
    """Say what is wrong with a signature, "" where one of the trusted keys (by key id) made it."""
    key = keys.get(signed.key_id)
    if key is None:
        return f"is signed with the key {signed.key_id}, which is none of the trusted ones"
    try:
        key.verify(signed.signature, SIGNED_PREFIX + signed.seal.head)
    except InvalidSignature:
        return "carries a signature that does not fit it"
    return ""


def write_seal(*, signed: SignedSeal) -> dict[str, Any]:
    """Return a signed seal as JSON values: a line of the file of heads, a part of a proof."""
    seal = signed.seal
    return {
        "number": seal.number,
        "first_position": seal.first_position,
        "last_position": seal.last_position,
        "root": seal.root.hex(),
        "previous_head": seal.previous_head.hex(),
        "sealed_at_us": seal.sealed_at_us,
        "head": seal.head.hex(),
        "key_id": signed.key_id,
        "signature": b64encode(signed.signature).decode(),
    }


def read_seal(*, values: Mapping[str, Any]) -> SignedSeal:
    """Return a signed seal from its JSON values. Raises ValueError where they are none, or their head is another's."""
    try:
        seal = Seal(
            number=int(values["number"]),
            first_position=int(values["first_position"]),
            last_position=int(values["last_position"]),
            root=bytes.fromhex(values["root"]),
            previous_head=bytes.fromhex(values["previous_head"]),
            sealed_at_us=int(values["sealed_at_us"]),
        )
        signed = SignedSeal(seal, str(values["key_id"]), b64decode(values["signature"], validate=True))
        told = bytes.fromhex(values["head"])
    except (KeyError, TypeError, Base64Error) as error:
        raise ValueError(f"no seal: {error!r}") from error
    if told != seal.head:
        raise ValueError(f"the head of seal {seal.number} is not over its own values")
    return signed


def read_head_line(*, line: str) -> SignedSeal:
    """Return the signed seal of one line of the file of heads. Raises ValueError."""
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("no seal: the line holds no object")
    return read_seal(values=values)

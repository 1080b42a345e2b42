"""The proof that one record is in the sealed audit log: from a batch, verified with only a public key. Pure.

A proof is JSON: the record's canonical text, its place in the batch's Merkle tree, the neighbours on the way to the
root, and the signed seal. Whoever trusts the key, or holds the seal's head from outside, needs no database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from events.core.merkle import hash_leaf, make_path, root_from_path
from events.core.seals import SignedSeal, find_signature_fault, read_seal, write_seal

PROOF_FORMAT = "mini-fmi audit proof 1"


def write_proof(*, record: str, position: int, leaves: Sequence[bytes], signed: SignedSeal) -> dict[str, Any]:
    """Return the proof of a record. record: its canonical text. leaves: of its whole batch, in order."""
    index = position - signed.seal.first_position
    return {
        "format": PROOF_FORMAT,
        "record": record,
        "position": position,
        "leaf": leaves[index].hex(),
        "path": [neighbour.hex() for neighbour in make_path(leaves=leaves, index=index)],
        "seal": write_seal(signed=signed),
    }


def find_proof_fault(*, proof: Mapping[str, Any], keys: Mapping[str, Ed25519PublicKey]) -> str:
    """Say why a proof does not hold, "" where it does. keys: the trusted ones by key id."""
    try:
        if proof["format"] != PROOF_FORMAT:
            return f"the format {proof['format']!r} is not {PROOF_FORMAT!r}"
        signed = read_seal(values=proof["seal"])
        seal, position = signed.seal, int(proof["position"])
        record = str(proof["record"])
        json.loads(record)
        path = [bytes.fromhex(neighbour) for neighbour in proof["path"]]
    except (KeyError, TypeError, ValueError) as error:
        return f"it cannot be read: {error}"
    root = root_from_path(
        leaf=hash_leaf(record=record.encode()), index=position - seal.first_position, count=seal.count, path=path
    )
    if root != seal.root:
        return "the record does not lead to the sealed root"
    fault = find_signature_fault(signed=signed, keys=keys)
    return f"the seal {fault}" if fault else ""

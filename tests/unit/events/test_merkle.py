"""Merkle trees, seals and proofs of the audit log, against RFC 6962's own definition and its known values."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from events.core.merkle import compute_root, hash_leaf, make_path, root_from_path
from events.core.proof import find_proof_fault, write_proof
from events.core.seals import (
    GENESIS,
    Seal,
    find_signature_fault,
    key_id_of,
    read_head_line,
    read_public_key,
    read_signing_key,
    sign_seal,
    write_public_key,
    write_seal,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {key_id_of(key=KEY.public_key()): KEY.public_key()}
# The inputs and roots of certificate-transparency's own tests.
CT_INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def root_of_rfc_6962(records: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if len(records) == 1:
        return sha256(b"\x00" + records[0]).digest()
    split = 1
    while split * 2 < len(records):
        split *= 2
    return sha256(b"\x01" + root_of_rfc_6962(records[:split]) + root_of_rfc_6962(records[split:])).digest()


def test_roots_are_those_of_certificate_transparency() -> None:
    leaves = [hash_leaf(record=bytes.fromhex(text)) for text in CT_INPUTS]
    assert {count: compute_root(leaves=leaves[:count]).hex() for count in CT_ROOTS} == CT_ROOTS
    with pytest.raises(ValueError, match="at least one"):
        compute_root(leaves=[])
    with pytest.raises(IndexError):
        make_path(leaves=leaves, index=8)


@given(count=st.integers(1, 70), data=st.data())
def test_every_record_has_a_path_and_no_other_fits(count: int, data: st.DataObject) -> None:
    records = [bytes([number]) for number in range(count)]
    leaves = [hash_leaf(record=record) for record in records]
    root = root_of_rfc_6962(records)
    assert compute_root(leaves=leaves) == root
    index = data.draw(st.integers(0, count - 1))
    path = make_path(leaves=leaves, index=index)
    assert root_from_path(leaf=leaves[index], index=index, count=count, path=path) == root
    other = data.draw(st.integers(0, count - 1).filter(lambda number: number != index)) if count > 1 else count
    assert root_from_path(leaf=leaves[index], index=other, count=count, path=path) != root
    assert root_from_path(leaf=hash_leaf(record=b"another"), index=index, count=count, path=path) != root
    assert root_from_path(leaf=leaves[index], index=index, count=count, path=[*path, root]) is None
    if path:
        assert root_from_path(leaf=leaves[index], index=index, count=count, path=path[:-1]) is None


def test_a_proof_holds_only_for_its_record_its_place_and_its_key() -> None:
    records = [json.dumps([number, "done"]) for number in range(5)]
    leaves = [hash_leaf(record=record.encode()) for record in records]
    seal = Seal(2, 11, 15, compute_root(leaves=leaves), GENESIS, 1_700_000_000_000_000)
    signed = sign_seal(seal=seal, key=KEY)
    proof = write_proof(record=records[3], position=14, leaves=leaves, signed=signed)
    assert find_proof_fault(proof=json.loads(json.dumps(proof)), keys=KEYS) == ""
    assert "sealed root" in find_proof_fault(proof=proof | {"record": records[2]}, keys=KEYS)
    assert "sealed root" in find_proof_fault(proof=proof | {"position": 13}, keys=KEYS)
    assert "not over its own values" in find_proof_fault(
        proof=proof | {"seal": proof["seal"] | {"number": 3}}, keys=KEYS
    )
    assert "none of the trusted" in find_proof_fault(proof=proof, keys={})
    assert "cannot be read" in find_proof_fault(proof={"format": proof["format"]}, keys=KEYS)
    forged = write_seal(signed=replace(signed, signature=bytes(64)))
    assert "does not fit" in find_proof_fault(proof=proof | {"seal": forged}, keys=KEYS)


def test_a_seal_is_written_and_read_back_and_each_value_is_under_its_head() -> None:
    signed = sign_seal(seal=Seal(1, 1, 9, bytes(32), GENESIS, 5), key=KEY)
    assert read_head_line(line=json.dumps(write_seal(signed=signed))) == signed
    assert find_signature_fault(signed=signed, keys=KEYS) == ""
    for changed in ({"number": 2}, {"last_position": 8}, {"root": b"\x01" * 32}, {"sealed_at_us": 6}):
        other = replace(signed.seal, **changed)
        assert other.head != signed.seal.head
        assert find_signature_fault(signed=replace(signed, seal=other), keys=KEYS)
    assert read_public_key(text=write_public_key(key=KEY.public_key())) == KEY.public_key()
    for text in ("", "not base64", "AAAA"):
        with pytest.raises(ValueError, match="base64 of 32 bytes"):
            read_signing_key(text=text)

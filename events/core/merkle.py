"""Merkle trees over the audit log's records, as Certificate Transparency builds them (RFC 6962, section 2.1). Pure.

A leaf is SHA-256(0x00 || record), a node SHA-256(0x01 || left || right): with different first bytes no node can be
passed off as a record. A level with an odd number of nodes hands its last one up as it is, so a tree over n leaves is
the one that RFC 6962 splits at the largest power of two below n.
"""

from collections.abc import Sequence
from hashlib import sha256

LEAF_MARK = b"\x00"
NODE_MARK = b"\x01"
HASH_BYTES = 32


def hash_leaf(*, record: bytes) -> bytes:
    """Return the leaf of a record's canonical bytes."""
    return sha256(LEAF_MARK + record).digest()


def cut_hashes(*, packed: bytes) -> list[bytes]:
    """Return the hashes of 32 bytes each that stand one after the other in `packed`."""
    return [packed[start : start + HASH_BYTES] for start in range(0, len(packed), HASH_BYTES)]


def compute_root(*, leaves: Sequence[bytes]) -> bytes:
    """Return the root over the leaves in their order. Raises ValueError where there is none."""
    if not leaves:
        raise ValueError("a tree has at least one leaf")
    level = list(leaves)
    while len(level) > 1:
        level = _raise_level(level)
    return level[0]


def make_path(*, leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return what proves that the leaf at `index` is in the tree: its neighbours, from the bottom up.

    Raises IndexError where there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError("no such leaf")
    path, level = [], list(leaves)
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            path.append(level[neighbour])
        level = _raise_level(level)
        index //= 2
    return path


def root_from_path(*, leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to (RFC 9162, section 2.1.3.2); None where the path fits no such tree.

    index: of the leaf, from 0. count: of the tree's leaves.
    """
    if not 0 <= index < count:
        return None
    found, width, neighbours = leaf, count, iter(path)
    while width > 1:
        # The last node of an odd level goes up without a neighbour.
        if index % 2 or index + 1 < width:
            neighbour = next(neighbours, None)
            if neighbour is None:
                return None
            left, right = (neighbour, found) if index % 2 else (found, neighbour)
            found = sha256(NODE_MARK + left + right).digest()
        index, width = index // 2, (width + 1) // 2
    return found if next(neighbours, None) is None else None


def _raise_level(level: list[bytes]) -> list[bytes]:
    """Return the nodes above a level."""
    raised = [sha256(NODE_MARK + left + right).digest() for left, right in zip(level[0::2], level[1::2], strict=False)]
    if len(level) % 2:
        raised.append(level[-1])
    return raised

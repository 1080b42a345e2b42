"""Put the links that parties asked for in effect, once both instructions are matched."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet

from settlement.core.lifecycle import InstructionStatus
from settlement.core.link_rules import Edge, find_contradiction, read_link
from settlement.models import InstructionLink, LinkKind, PartyInstruction, PartyLink

PARTY_LOCK = "settlement.party"

# What a party holds, and what waits for a link whose other end is not matched yet.
REFRESH_HOLDS_SQL = """
    WITH side AS (
        SELECT p.instruction_id AS id, p.movement, p.held
            OR EXISTS (SELECT 1 FROM settlement_partylink l WHERE l.party_instruction_id = p.id
                       AND l.kind IN ('WITH', 'AFTER') AND l.resolved_at IS NULL AND l.removed_at IS NULL)
            OR EXISTS (SELECT 1 FROM settlement_partylink l WHERE l.other_id = p.id
                       AND l.kind IN ('WITH', 'BEFORE') AND l.resolved_at IS NULL AND l.removed_at IS NULL) AS held
        FROM settlement_partyinstruction p WHERE p.instruction_id = ANY(%s)
    ), wanted AS (
        SELECT id, bool_or(held) FILTER (WHERE movement = 'DELI') AS by_deliverer,
               bool_or(held) FILTER (WHERE movement = 'RECE') AS by_receiver
        FROM side GROUP BY id
    )
    UPDATE settlement_instruction i SET
        held_by_deliverer = coalesce(w.by_deliverer, i.held_by_deliverer),
        held_by_receiver = coalesce(w.by_receiver, i.held_by_receiver)
    FROM wanted w
    WHERE w.id = i.id AND i.status = 'PENDING'
      AND (i.held_by_deliverer, i.held_by_receiver) IS DISTINCT FROM
          (coalesce(w.by_deliverer, i.held_by_deliverer), coalesce(w.by_receiver, i.held_by_receiver))
"""

RESOLVABLE_SQL = """
    SELECT l.id, l.kind, p.instruction_id, o.instruction_id, a.status, b.status
    FROM settlement_partylink l
    JOIN settlement_partyinstruction p ON p.id = l.party_instruction_id
    JOIN settlement_partyinstruction o ON o.id = l.other_id
    JOIN settlement_instruction a ON a.id = p.instruction_id
    JOIN settlement_instruction b ON b.id = o.instruction_id
    WHERE l.resolved_at IS NULL AND l.removed_at IS NULL
    ORDER BY l.id
"""


def write_links(*, edges: Iterable[Edge], at: datetime) -> None:
    """Write links that were found to stand together."""
    InstructionLink.objects.bulk_create(
        [
            InstructionLink(
                kind=LinkKind.WITH if edge.together else LinkKind.AFTER,
                instruction_id=edge.first,
                other_id=edge.second,
                created_at=at,
            )
            for edge in edges
        ]
    )


def live_links_between(*, first: int, second: int) -> QuerySet[InstructionLink]:
    """Return the links in effect between two instructions."""
    either = Q(instruction_id=first, other_id=second) | Q(instruction_id=second, other_id=first)
    return InstructionLink.objects.filter(either, removed_at=None)


def resolve_links(*, at: datetime) -> int:
    """Put in effect the links whose instructions are both matched; return how many. Inside the caller's locks.

    A link that contradicts what the other parties have linked stays without effect, and its instruction on
    hold, until one of them takes its link away.
    """
    with connection.cursor() as cursor:
        cursor.execute(RESOLVABLE_SQL)
        rows = cursor.fetchall()
    if not rows:
        return 0
    effective = standing_links(nodes={end for row in rows for end in row[2:4]}, waiting=False)
    resolved: list[int] = []
    new: list[Edge] = []
    for pk, kind, instruction, other, status, other_status in rows:
        if instruction == other:
            resolved.append(pk)
            continue
        edge = read_link(kind=kind, first=instruction, second=other)
        first_status, second_status = (status, other_status) if edge.first == instruction else (other_status, status)
        if not edge.together and second_status == InstructionStatus.SETTLED:
            resolved.append(pk)
            continue
        if {first_status, second_status} != {InstructionStatus.PENDING}:
            continue
        problem = find_contradiction(edge=edge, standing=[*effective, *new])
        if problem == "":
            new.append(edge)
        if problem in ("", "TWICE"):
            resolved.append(pk)
    write_links(edges=new, at=at)
    PartyLink.objects.filter(pk__in=resolved).update(resolved_at=at)
    touched = {end for row in rows if row[0] in set(resolved) for end in row[2:4]}
    refresh_holds(instruction_ids=sorted(touched))
    return len(resolved)


def refresh_holds(*, instruction_ids: Sequence[int]) -> None:
    """Let instructions of parties be on hold exactly where a party wants it or a link waits. Inside CYCLE_LOCK."""
    if instruction_ids:
        with connection.cursor() as cursor:
            cursor.execute(REFRESH_HOLDS_SQL, [list(instruction_ids)])


def node_of(party: PartyInstruction) -> int:
    """Return the number that names an instruction among links: the pair's, below zero while it is unmatched."""
    return party.instruction_id if party.instruction_id is not None else -party.pk


def standing_links(*, nodes: Iterable[int], waiting: bool = True) -> list[Edge]:
    """Return all links that hang together with these instructions; numbers as node_of's.

    waiting: those not in effect yet, too.
    """
    found: set[Edge] = set()
    seen: set[int] = set()
    frontier = set(nodes)
    while frontier:
        seen |= frontier
        matched, unmatched = [node for node in frontier if node > 0], [-node for node in frontier if node < 0]
        live = InstructionLink.objects.filter(Q(instruction_id__in=matched) | Q(other_id__in=matched), removed_at=None)
        edges = {
            Edge(kind == LinkKind.WITH, first, second)
            for kind, first, second in live.values_list("kind", "instruction_id", "other_id")
        }
        if waiting:
            edges |= _waiting_links(matched=matched, unmatched=unmatched)
        found |= edges
        frontier = {end for edge in edges for end in (edge.first, edge.second)} - seen
    return sorted(found)


def _waiting_links(*, matched: Sequence[int], unmatched: Sequence[int]) -> set[Edge]:
    """Return the links that wait for an end to be matched and touch one of these instructions."""
    links = PartyLink.objects.filter(
        Q(party_instruction_id__in=unmatched)
        | Q(other_id__in=unmatched)
        | Q(party_instruction__instruction_id__in=matched)
        | Q(other__instruction_id__in=matched),
        removed_at=None,
        resolved_at=None,
    )
    rows = links.values_list(
        "kind", "party_instruction_id", "party_instruction__instruction_id", "other_id", "other__instruction_id"
    )
    edges = {
        read_link(kind=kind, first=instruction or -party, second=other_instruction or -other)
        for kind, party, instruction, other, other_instruction in rows
    }
    return {edge for edge in edges if edge.first != edge.second}

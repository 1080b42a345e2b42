"""Change static data: names at once, what decides where money and securities go by a proposal to a second person.

One builder makes the kind of proposal of every table; who writes is the table's own service, at once and at approval.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Model

from reference.core.actor import Actor
from reference.four_eyes import Decision, Difference, ProposalKind, propose_change
from reference.models import Proposal
from reference.refusals import Refusal

SPOKEN = {"lei": "LEI", "bic": "BIC"}

Named = Callable[[Collection[int]], Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class StaticKind:
    """Which fields of a table take two persons, and who writes them.

    name: of the kind of proposal, and what the audit log calls a row. plural: its part of the pages' addresses. model:
    has a code. by_two: attributes of the model. unknown: raised where there is no such row. write: (key, changes, who
    and when). spoken: what an attribute is called, where that is not its name. named: codes of what an attribute
    refers to, by its keys.
    """

    name: str
    plural: str
    model: type[Model]
    by_two: tuple[str, ...]
    unknown: type[Refusal]
    write: Callable[[int, Mapping[str, Any], Mapping[str, Any]], object]
    spoken: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, Named] = field(default_factory=dict)


class _Undo(Exception):
    """Ends a trial."""


def change_or_propose(
    *, kind: StaticKind, subject_id: int, changes: Mapping[str, Any], actor: Actor, at: datetime, business_date: date
) -> Proposal | None:
    """Change a row: what one person may at once, the rest as a proposal, which is returned; all of it or nothing.

    What stands already proposes nothing. Whatever the service refuses is refused at once, and again at the approval.
    Raises what it and propose_change refuse.
    """
    when = {"actor": actor, "at": at, "business_date": business_date}
    with transaction.atomic():
        row = _lock_row(kind=kind, subject_id=subject_id)
        waits = {name: value for name, value in changes.items() if name in kind.by_two and getattr(row, name) != value}
        if waits:
            _try_out(kind=kind, subject_id=subject_id, changes=changes, when=when)
        at_once = {name: value for name, value in changes.items() if name not in kind.by_two}
        if at_once:
            kind.write(subject_id, at_once, when)
        if not waits:
            return None
        return propose_change(
            kind=kind.name, subject_id=subject_id, subject=row.code, participant_id=None,
            after={name: _to_json(value) for name, value in waits.items()},
            summary=f"Change of {kind.name} {row.code}", actor=actor, at=at, business_date=business_date,
        )  # fmt: skip


def proposal_kind_of(kind: StaticKind) -> ProposalKind:
    """Make the kind of proposal of a table."""

    def read(subject_id: int) -> dict[str, Any]:
        row = _lock_row(kind=kind, subject_id=subject_id)
        return {name: _to_json(getattr(row, name)) for name in kind.by_two}

    def carry_out(proposal: Proposal, decision: Decision) -> None:
        columns: Any = kind.model._meta  # noqa: SLF001 (Django documents it)
        changes = {name: columns.get_field(name).to_python(value) for name, value in proposal.after.items()}
        when = {"actor": decision.actor, "at": decision.at, "business_date": decision.business_date}
        kind.write(proposal.subject_id, changes, when)

    def describe(proposals: Sequence[Proposal]) -> list[list[Difference]]:
        return _describe(kind=kind, proposals=proposals)

    return ProposalKind(
        subject_type=kind.name, title=kind.name.capitalize(), page="static-detail", read=read, carry_out=carry_out,
        describe=describe, page_takes=lambda subject: (kind.plural, subject),
    )  # fmt: skip


def _lock_row(*, kind: StaticKind, subject_id: int) -> Any:
    """Return a row, locked until the transaction ends. Raises what the kind calls unknown."""
    rows = kind.model._default_manager.select_for_update(of=("self",))  # noqa: SLF001 (Django documents it)
    row = rows.filter(pk=subject_id).first()
    if row is None:
        raise kind.unknown
    return row


def _try_out(
    *, kind: StaticKind, subject_id: int, changes: Mapping[str, Any], when: Mapping[str, Any]
) -> None:  # fmt: skip
    """Write all changes and take them back, so that what could never be approved is refused where it is asked for."""
    try:
        with transaction.atomic():
            kind.write(subject_id, changes, when)
            raise _Undo
    except _Undo:
        pass


def _describe(*, kind: StaticKind, proposals: Sequence[Proposal]) -> list[list[Difference]]:
    """Say what each would change."""
    codes = {
        name: named({key for row in proposals for key in (row.before.get(name), row.after.get(name)) if key})
        for name, named in kind.named.items()
    }

    def words(name: str, value: Any) -> str:
        if value is None:
            return "none"
        if name in codes:
            return codes[name].get(value, "?")
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:,}" if isinstance(value, int) else str(value)

    def label(name: str) -> str:
        plain = name.replace("_minor", ", minor units").replace("_", " ").capitalize()
        return kind.spoken.get(name) or SPOKEN.get(name) or plain

    return [
        [Difference(label(name), words(name, row.before[name]), words(name, row.after[name])) for name in row.after]
        for row in proposals
    ]


def _to_json(value: Any) -> Any:
    """Return a value as a proposal holds it."""
    return value.isoformat() if isinstance(value, date) else value

"""Set and retire position limits: what is closer holds at once, what allows more takes a second person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from events.services.audit import record_action
from ledger.models import Account
from reference.core.actor import Actor
from reference.core.limits import LARGEST_AMOUNT
from reference.four_eyes import Decision, Difference, ProposalKind, by_nothing, propose_change
from reference.locks import take_lock
from reference.models import Proposal
from trades.models import PositionLimit
from trades.refusals.positions import PositionLimitInvalid, PositionLimitRetired, UnknownPositionLimit

LIMIT_KIND = "position-limit"
LIMITS_LOCK = "trades.position_limits"
LARGEST_PERCENT = Decimal(1_000_000)
NONE_OF_ITS_OWN = "none of its own"


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """A limit that was set or is to go, and the proposal that it waits in, if any."""

    limit: PositionLimit
    proposal: Proposal | None


def set_limit(
    *, participant_id: int | None, account: Account | None, security_id: int | None, largest_units: int | None,
    volume_percent: Decimal | None, actor: Actor, at: datetime, business_date: date,
) -> LimitChanged:  # fmt: skip
    """Set a limit for an account, a participant or everybody, in one security or in each; the one before retires.

    What allows no more than what counts now holds at once. Anything else, and what cannot be compared (units with a
    share of the volume), is proposed to a second person and does not hold until then. Raises PositionLimitInvalid, and
    what propose_change refuses.
    """
    told = largest_units if volume_percent is None else volume_percent
    largest = LARGEST_AMOUNT if volume_percent is None else LARGEST_PERCENT
    if (largest_units is None) == (volume_percent is None) or told is None or not 0 <= told <= largest:
        raise PositionLimitInvalid
    if account is not None and participant_id is not None:
        raise PositionLimitInvalid("A limit is an account's or a participant's, not both.")
    with transaction.atomic():
        take_lock(name=LIMITS_LOCK)
        limit = PositionLimit(
            participant_id=participant_id, account=account, security_id=security_id, largest_units=largest_units,
            volume_percent=volume_percent, active=False, set_by=actor.name, set_at=at,
        )  # fmt: skip
        closer = all(_is_no_more(limit, before) for before in _counted_so_far(limit))
        limit.save(force_insert=True)
        if closer:
            _let_hold(limit=limit, decision=Decision(actor, at, business_date))
            return LimitChanged(limit, None)
        return LimitChanged(limit, _propose(limit, limit.pk, actor=actor, at=at, business_date=business_date))


def retire_limit(*, limit_id: int, actor: Actor, at: datetime, business_date: date) -> LimitChanged:
    """Propose that a limit hold no longer; a second person approves.

    Raises UnknownPositionLimit, PositionLimitRetired, and what propose_change refuses.
    """
    with transaction.atomic():
        limit = _lock_limit(limit_id=limit_id)
        if not limit.active:
            raise PositionLimitRetired
        return LimitChanged(limit, _propose(limit, None, actor=actor, at=at, business_date=business_date))


def _lock_limit(*, limit_id: int) -> PositionLimit:
    """Return a limit, with no other written until the transaction ends. Raises UnknownPositionLimit."""
    take_lock(name=LIMITS_LOCK)
    limit = PositionLimit.objects.select_related("participant", "account", "security").filter(pk=limit_id).first()
    if limit is None:
        raise UnknownPositionLimit
    return limit


def _standing(limit: PositionLimit) -> QuerySet[PositionLimit]:
    """Return the limit that holds for the same holder and security, if any."""
    return PositionLimit.objects.filter(
        active=True, **_scope(limit.participant_id, limit.account_id, limit.security_id)
    )


def _scope(participant_id: int | None, account_id: int | None, security_id: int | None) -> dict[str, Any]:
    named = {"participant": participant_id, "account": account_id, "security": security_id}
    return {
        f"{name}__isnull" if value is None else f"{name}_id": True if value is None else value
        for name, value in named.items()
    }


def _counted_so_far(limit: PositionLimit) -> list[PositionLimit]:
    """Return what the limit would count before: its predecessor, else the farther ones (trades/models/position.py).

    A participant's own in each security also comes before everybody's in any one.
    """
    standing = list(_standing(limit))
    if standing:
        return standing
    participant_id, account_id, security_id = limit.participant_id, limit.account_id, limit.security_id
    farther = Q(pk=None)
    if security_id is not None:
        farther |= Q(**_scope(participant_id, account_id, None))
    if participant_id is not None:
        everybodys = Q(participant__isnull=True, account__isnull=True)
        if security_id is not None:
            everybodys &= Q(security_id=security_id) | Q(security__isnull=True)
        farther |= everybodys
    return list(PositionLimit.objects.filter(farther, active=True))


def _is_no_more(limit: PositionLimit, before: PositionLimit) -> bool:
    """Tell whether a limit allows no more than another, which is measured in the same."""
    if limit.largest_units is not None and before.largest_units is not None:
        return limit.largest_units <= before.largest_units
    if limit.volume_percent is not None and before.volume_percent is not None:
        return limit.volume_percent <= before.volume_percent
    return False


def _propose(
    limit: PositionLimit, stands: int | None, *, actor: Actor, at: datetime, business_date: date
) -> Proposal:  # fmt: skip
    """Propose which limit is to stand for the holder and security of one: itself, or none."""
    holder = _holder(limit)
    verb = "Position limit" if stands else "No more position limit"
    return propose_change(
        kind=LIMIT_KIND, subject_id=limit.pk, subject=holder[:40], participant_id=None, after={"stands": stands},
        summary=f"{verb} of {holder}, {_security(limit)}", actor=actor, at=at, business_date=business_date,
    )  # fmt: skip


def _let_hold(*, limit: PositionLimit, decision: Decision) -> None:
    """Let a limit hold from now on, in place of the one that stands for the same."""
    standing = _standing(limit)
    before = standing.first()
    standing.update(active=False)
    limit.active = True
    limit.save(update_fields=["active"])
    _record(limit=limit, verb="set", summary=f"At most {_largest(limit)}", decision=decision,
            detail={"before": None if before is None else _told(before), "after": _told(limit)})  # fmt: skip


def _record(
    *, limit: PositionLimit, verb: str, summary: str, decision: Decision, detail: dict[str, Any]
) -> None:  # fmt: skip
    """Write what was done with a limit into the audit log."""
    record_action(
        actor=decision.actor, action=f"position-limit.{verb}", at=decision.at, business_date=decision.business_date,
        object_type="positionlimit", object_id=limit.pk, summary=summary, detail=detail,
    )  # fmt: skip


def _told(limit: PositionLimit) -> dict[str, Any]:
    """Return what the audit log tells of a limit: whose, in what, how much."""
    return {
        "id": limit.pk, "participant": limit.participant_id, "account": limit.account_id,
        "security": limit.security_id, "units": limit.largest_units,
        "volume_percent": None if limit.volume_percent is None else f"{limit.volume_percent:f}",
    }  # fmt: skip


def _read(subject_id: int) -> dict[str, int | None]:
    """Return which limit stands for the holder and security of one. Raises UnknownPositionLimit."""
    return {"stands": _standing(_lock_limit(limit_id=subject_id)).values_list("pk", flat=True).first()}


def _carry_out(proposal: Proposal, decision: Decision) -> None:
    """Let the approved limit hold, or the one that is to go hold no longer."""
    limit = _lock_limit(limit_id=proposal.subject_id)
    if proposal.after["stands"] is not None:
        _let_hold(limit=limit, decision=decision)
        return
    limit.active = False
    limit.save(update_fields=["active"])
    _record(limit=limit, verb="retired", summary="No longer holds", decision=decision,
            detail={"before": _told(limit), "after": None})  # fmt: skip


def _describe(proposals: Sequence[Proposal]) -> list[list[Difference]]:
    """Say of each whose limit in what would be how much, and is."""
    ids = [key for row in proposals for key in (row.subject_id, row.before["stands"], row.after["stands"]) if key]
    limits = PositionLimit.objects.select_related("participant", "account", "security").in_bulk(ids)
    return [
        [
            Difference(
                f"{_holder(limits[row.subject_id])}, {_security(limits[row.subject_id])}",
                *(NONE_OF_ITS_OWN if key is None else _largest(limits[key])
                  for key in (row.before["stands"], row.after["stands"])),
            )
        ]
        for row in proposals
    ]  # fmt: skip


def _holder(limit: PositionLimit) -> str:
    """Return whose limit it is."""
    if limit.account is not None:
        return limit.account.code
    return limit.participant.code if limit.participant is not None else "everybody"


def _security(limit: PositionLimit) -> str:
    """Return in what."""
    return "each security" if limit.security is None else limit.security.symbol


def _largest(limit: PositionLimit) -> str:
    """Return how much it allows."""
    if limit.volume_percent is None:
        return f"{limit.largest_units:,} units"
    return f"{limit.volume_percent:f} % of the daily volume"


LIMITS = ProposalKind(
    subject_type="positionlimit", title="Position limit", page="position-limits", page_takes=by_nothing, read=_read,
    carry_out=_carry_out, describe=_describe,
)  # fmt: skip

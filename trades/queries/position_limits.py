"""Which positions are above which limit, and how much of its limit each uses."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from django.db import connection
from django.db.models import Q, QuerySet

from ledger.models import Account, AccountKind
from reference.core.actor import Actor
from trades.models import PositionAlert, PositionLimit
from trades.queries.position_moves import read_moves
from trades.queries.positions import find_base, read_held

VOLUME_DAYS = 20

VOLUMES_SQL = """
    SELECT s.id, v.volume::bigint FROM unnest(%s::bigint[]) AS s (id) CROSS JOIN LATERAL (
        SELECT avg(volume) AS volume FROM (
            SELECT volume FROM reference_dailyprice WHERE security_id = s.id AND date < %s
            ORDER BY date DESC LIMIT %s) last) v
    WHERE v.volume IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A position against the limit that counts for it. account_id: None where it is all of the participant's."""

    limit_id: int
    participant_id: int
    account_id: int | None
    security_id: int
    quantity_units: int
    limit_units: int

    @property
    def used_percent(self) -> float:
        """Return how much of the limit is used; a limit of nothing is used whole by anything."""
        return 100 * abs(self.quantity_units) / self.limit_units if self.limit_units else 100.0

    @property
    def is_breached(self) -> bool:
        """Tell whether the position is above its limit."""
        return abs(self.quantity_units) > self.limit_units


def alerts_visible_to(*, actor: Actor) -> QuerySet[PositionAlert]:
    """Return the alerts an actor sees: those of its own positions, or all."""
    rows = PositionAlert.objects.select_related("participant", "account", "security", "limit")
    return rows if actor.participant_id is None else rows.filter(participant_id=actor.participant_id)


def limits_visible_to(*, actor: Actor) -> QuerySet[PositionLimit]:
    """Return the limits an actor sees: its own and everybody's, or all."""
    rows = PositionLimit.objects.select_related("participant", "account__participant", "security")
    if actor.sees_all:
        return rows
    own = actor.participant_id
    everybodys = Q(participant__isnull=True, account__isnull=True)
    return rows.filter(Q(participant_id=own) | Q(account__participant_id=own) | everybodys)


def find_breaches(*, business_date: date) -> list[LimitUse]:
    """Return the positions that are above their limits now."""
    return [use for use in use_of_limits(business_date=business_date) if use.is_breached]


def use_of_limits(*, business_date: date, actor: Actor | None = None) -> list[LimitUse]:
    """Return every open position against the limit that counts for it, the fullest first. A few queries."""
    limits = {
        (limit.participant_id, limit.account_id, limit.security_id): limit
        for limit in PositionLimit.objects.filter(active=True)
    }
    accounts = Account.objects.filter(kind=AccountKind.SECURITIES)
    if actor is not None and actor.participant_id is not None:
        accounts = accounts.filter(participant_id=actor.participant_id)
    owners = dict(accounts.values_list("pk", "participant_id"))
    units = _units_now(business_date=business_date, accounts=None if actor is None else list(owners))
    volumes = _volumes(securities=sorted({security for _, security in units}), on=business_date)
    whole: defaultdict[tuple[int, int], int] = defaultdict(int)
    found: list[tuple[PositionLimit, int, int | None, int, int]] = []
    for (account, security), quantity in units.items():
        whole[owners[account], security] += quantity
        limit = limits.get((None, account, security)) or limits.get((None, account, None))
        if limit is not None:
            found.append((limit, owners[account], account, security, quantity))
    for (participant, security), quantity in whole.items():
        for scope in ((participant, None, security), (participant, None, None), (None, None, security), (None,) * 3):
            if scope in limits:
                found.append((limits[scope], participant, None, security, quantity))
                break
    uses = [
        LimitUse(limit.pk, participant, account, security, quantity, largest)
        for limit, participant, account, security, quantity in found
        if quantity and (largest := _largest(limit, volumes.get(security))) is not None
    ]
    return sorted(uses, key=lambda use: (-use.used_percent, use.participant_id, use.account_id or 0, use.security_id))


def _largest(limit: PositionLimit, volume: int | None) -> int | None:
    """Return the limit in units; None where there is no volume to take a share of."""
    if limit.largest_units is not None:
        return limit.largest_units
    return None if volume is None else int(Decimal(limit.volume_percent or 0) * volume / 100)


def _units_now(*, business_date: date, accounts: list[int] | None) -> dict[tuple[int, int], int]:
    """Return the units of every position as of now, by account and security."""
    base = find_base(before=business_date)
    units: defaultdict[tuple[int, int], int] = defaultdict(int)
    for (account, security, _), held in read_held(base=base, accounts=accounts).items():
        units[account, security] += held.quantity_units
    moves = read_moves(after=base.business_date, until=business_date, accounts=accounts)
    bounds = moves.bounds
    for begin, end in pairwise(bounds):
        units[int(moves.account[begin]), int(moves.security[begin])] += int(moves.units[begin:end].sum())
    return dict(units)


def _volumes(*, securities: list[int], on: date) -> dict[int, int]:
    """Return the average daily volume of the last trading days before a date, by security."""
    with connection.cursor() as cursor:
        cursor.execute(VOLUMES_SQL, [securities, on, VOLUME_DAYS])
        return dict(cursor.fetchall())

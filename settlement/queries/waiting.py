"""What waits for what: the chain behind an instruction that did not settle, and the shortages of a cycle by weight."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from django.db.models.functions import Abs
from numpy.typing import NDArray

from ledger.models import Account
from reference.bulk import fetch_arrays
from reference.core.actor import Actor
from reference.models import Asset
from reference.queries import directory
from settlement.core.explain import NOTHING, Attempts, Shortage, rank_shortages
from settlement.models import Attempt, Cycle, Instruction
from settlement.queries.life import SHOWN, describe_instruction, describe_shortage
from settlement.queries.visible import instructions_visible_to

MOST_LINKS = 12
"""A chain is drawn up to so many instructions."""

CHAIN_SQL = """
    WITH RECURSIVE chain AS (
        SELECT id, instruction_id, waits_for_id, cycle_id, 1 AS step FROM settlement_attempt WHERE id = %s
        UNION ALL
        SELECT a.id, a.instruction_id, a.waits_for_id, a.cycle_id, c.step + 1
        FROM chain c JOIN settlement_attempt a ON a.instruction_id = c.waits_for_id AND a.cycle_id = c.cycle_id
        WHERE c.step <= %s
    ) CYCLE instruction_id SET again USING path
    SELECT id, instruction_id, waits_for_id, again FROM chain ORDER BY step
"""

# What remained of each instruction when the cycle was over; debit is what it would take where it is short.
ATTEMPTS_SQL = """
    SELECT a.instruction_id, coalesce(a.short_account_id, 0) AS account_id, coalesce(a.short_asset_id, 0) AS asset_id,
           a.shortfall, coalesce(a.waits_for_id, 0) AS waits_for_id, i.currency_id,
           abs(i.cash_minor - coalesce(t.minor, 0)) AS value,
           CASE WHEN a.short_asset_id = i.security_id THEN i.quantity_units - coalesce(t.units, 0)
                ELSE abs(i.cash_minor - coalesce(t.minor, 0)) END AS debit
    FROM settlement_attempt a
    JOIN settlement_instruction i ON i.id = a.instruction_id
    LEFT JOIN (
        SELECT instruction_id, sum(settled_units)::bigint AS units, sum(settled_minor)::bigint AS minor
        FROM settlement_partialsettlement WHERE cycle_id <= {cycle} GROUP BY 1
    ) t ON t.instruction_id = a.instruction_id
    WHERE a.cycle_id = {cycle} AND a.reason IN ('LACK', 'MONY', 'MINO', 'LINK') {own}
    ORDER BY a.instruction_id
"""
OWN_SQL = "AND ARRAY[i.deliverer_account_id, i.receiver_account_id] && '{{{accounts}}}'::bigint[]"


@dataclass(frozen=True)
class WaitingStep:
    """An instruction on a chain of waiting, and what it lacks; the instruction is None where it is not to be seen."""

    instruction: Instruction | None
    description: str
    state: str
    missing: str


@dataclass(frozen=True)
class WaitingChain:
    """Who waits for whom, the first waiting for the second and so on.

    circle: the number of steps that wait for each other in a circle, the last for the first of them; 0 for
    none. more: it goes on beyond what is drawn, or may be seen.
    """

    steps: tuple[WaitingStep, ...]
    circle: int
    more: bool

    @property
    def circle_slice(self) -> str:
        """Return the steps of the circle as a template's slice."""
        return f"-{self.circle}:"

    @property
    def circle_begins(self) -> int:
        """Return the number of the first step of the circle, counted from 1; 0 for no circle."""
        return len(self.steps) - self.circle + 1 if self.circle else 0


def last_attempt_at(*, instruction: Instruction) -> Attempt | None:
    """Return the last attempt at an instruction that waits; None where it does not wait, or was not tried yet."""
    if instruction.status != "PENDING":
        return None
    return Attempt.objects.filter(instruction=instruction).order_by("-id").first()


def largest_attempt(*, cycle: Cycle) -> Attempt | None:
    """Return the attempt at the most valuable instruction that waits for another one after a cycle."""
    return (
        Attempt.objects.filter(cycle=cycle, waits_for__isnull=False)
        .order_by(Abs("instruction__cash_minor").desc(), "id")
        .first()
    )


def waiting_chain(*, attempt: Attempt, actor: Actor) -> WaitingChain:
    """Follow what an attempt waits for, within its cycle. Three queries, whatever the length.

    An instruction of others is not named to a participant; the chain ends there.
    """
    with connection.cursor() as cursor:
        cursor.execute(CHAIN_SQL, [attempt.pk, MOST_LINKS])
        found: list[tuple[int, int, int | None, bool]] = cursor.fetchall()
    circle = 0
    if found[-1][3]:
        places = [row[1] for row in found]
        circle = len(found) - 1 - places.index(found[-1][1])
        found = found[:-1]
    more = not circle and len(found) > MOST_LINKS
    found = found[:MOST_LINKS] if more else found
    ids = [row[1] for row in found]
    # What the last one waits for was not tried itself: held, not due yet, cancelled.
    beyond = found[-1][2] if not circle and not more else None
    shown = ids + ([beyond] if beyond is not None else [])
    rows = {row.pk: row for row in instructions_visible_to(actor=actor).select_related(*SHOWN).filter(pk__in=shown)}
    attempts = {
        row.pk: row
        for row in Attempt.objects.filter(pk__in=[row[0] for row in found]).select_related(
            "short_account__participant", "short_asset"
        )
    }
    steps = [_step(instruction=rows.get(row[1]), attempt=attempts[row[0]], actor=actor) for row in found]
    if beyond is not None:
        steps.append(_step(instruction=rows.get(beyond), attempt=None, actor=actor))
    hidden = next((place for place, step in enumerate(steps) if step.instruction is None), None)
    if hidden is not None:
        return WaitingChain(tuple(steps[: hidden + 1]), 0, more=hidden + 1 < len(steps) or circle > 0)
    return WaitingChain(tuple(steps), circle, more)


def _step(*, instruction: Instruction | None, attempt: Attempt | None, actor: Actor) -> WaitingStep:
    """Say in words where one instruction of a chain stands."""
    if instruction is None:
        return WaitingStep(None, "an instruction of other participants", "PENDING", "")
    if attempt is not None:
        missing = describe_shortage(attempt=attempt, actor=actor)
        return WaitingStep(instruction, describe_instruction(instruction), attempt.reason, missing)
    return WaitingStep(instruction, describe_instruction(instruction), instruction.reason or instruction.status, "")


@dataclass(frozen=True)
class ShortageView:
    """What one account lacks after a cycle, and how much value waits behind it."""

    account: Account
    asset: Asset
    missing: int
    first: int
    behind: int
    value_minor: int
    currency: str
    below_limit: bool


def top_shortages(*, cycle: Cycle, actor: Actor, most: int) -> list[ShortageView]:
    """Return what is missing most after a cycle, by the value that waits for it; a participant's on its own accounts.

    An account below its limit takes credits only; that is told as it stands now.
    """
    own: list[int] | None = None
    if actor.participant_id is not None:
        own = list(Account.objects.filter(participant_id=actor.participant_id).values_list("pk", flat=True))
    columns = _load_attempts(cycle=cycle, own=own)
    ids = columns["instruction_id"]
    if not len(ids):
        return []
    place = np.minimum(np.searchsorted(ids, columns["waits_for_id"]), len(ids) - 1)
    waits_for = np.where(ids[place] == columns["waits_for_id"], place, NOTHING)
    # Each currency by itself, and a shortage once: in the currency in which most waits for it.
    largest: dict[tuple[int, int], tuple[int, Shortage]] = {}
    for currency in np.unique(columns["currency_id"]).tolist():
        attempts = Attempts(
            account=columns["account_id"],
            asset=columns["asset_id"],
            debit=columns["debit"],
            shortfall=columns["shortfall"],
            value=np.where(columns["currency_id"] == currency, columns["value"], 0),
            waits_for=waits_for,
        )
        for row in rank_shortages(attempts=attempts, most=most if own is None else len(ids)):
            key = (row.account, row.asset)
            if (own is None or row.account in own) and (key not in largest or row.value > largest[key][1].value):
                largest[key] = (currency, row)
    chosen = sorted(largest.values(), key=lambda pair: (-pair[1].value, -pair[1].behind))[:most]
    accounts = Account.objects.select_related("participant").in_bulk([row.account for _, row in chosen])
    assets = Asset.objects.in_bulk([row.asset for _, row in chosen])
    below = _below_limit(accounts=list(accounts))
    return [
        ShortageView(
            account=accounts[row.account], asset=assets[row.asset], missing=row.missing, first=row.first,
            behind=row.behind, value_minor=row.value, currency=directory().currencies[currency].code,
            below_limit=(row.account, row.asset) in below,
        )
        for currency, row in chosen
    ]  # fmt: skip


def _load_attempts(*, cycle: Cycle, own: list[int] | None) -> dict[str, NDArray[Any]]:
    """Load a cycle's attempts as arrays, all or those at instructions on these accounts."""
    visible = "" if own is None else OWN_SQL.format(accounts=",".join(str(int(each)) for each in own))
    with connection.cursor() as cursor:
        return fetch_arrays(cursor, ATTEMPTS_SQL.format(cycle=int(cycle.pk), own=visible))


def _below_limit(*, accounts: list[int]) -> set[tuple[int, int]]:
    """Return which (account, asset) of these accounts stand below their limit now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, asset_id FROM ledger_balance WHERE balance < floor AND account_id = ANY(%s)", [accounts]
        )
        return set(cursor.fetchall())

"""Charge the cash penalties of a business day: one run a day, computed anew where the day is corrected."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from events.services.audit import record_action
from reference.core.actor import Actor
from reference.core.calendar import business_days_between, previous_business_day
from reference.core.directory import Directory
from reference.locks import take_lock
from reference.queries import directory
from settlement.core.lifecycle import Reason
from settlement.core.penalties import (
    DailyRate,
    PenaltyCategory,
    PenaltyKind,
    Side,
    classify_security,
    failing_sides,
    payment_date,
    penalty_minor,
    rate_on,
)
from settlement.models import Penalty, PenaltyPayment, PenaltyRate, PenaltyRun
from settlement.queries.day import was_outage_day
from settlement.queries.prices import reference_prices
from settlement.refusals import PenaltiesAlreadyPaid, PenaltiesNotCharged
from settlement.services.business_day import CSD_CALENDAR

PENALTIES_LOCK = "settlement.penalties"

# What a cycle of the day tried last and in vain, and nothing of the day settled after all. So the same query tells
# of today and of a day long past. A payment alone is no transaction in a financial instrument, and a penalty for
# an unpaid penalty would never end.
FAILS_SQL = """
    SELECT DISTINCT ON (i.id) i.id, d.participant_id AS deliverer_id, r.participant_id AS receiver_id,
           i.security_id, i.currency_id, i.cash_minor, a.reason, i.held_by_deliverer, i.held_by_receiver,
           i.quantity_units - coalesce(
               (SELECT sum(p.settled_units) FROM settlement_partialsettlement p
                JOIN settlement_cycle s ON s.id = p.cycle_id
                WHERE p.instruction_id = i.id AND s.business_date <= %(day)s), 0)::bigint AS quantity_units
    FROM settlement_cycle c
    JOIN settlement_attempt a ON a.cycle_id = c.id
    JOIN settlement_instruction i ON i.id = a.instruction_id
    JOIN ledger_account d ON d.id = i.deliverer_account_id
    JOIN ledger_account r ON r.id = i.receiver_account_id
    LEFT JOIN settlement_cycle settling ON settling.id = i.cycle_id
    WHERE c.business_date = %(day)s AND a.reason <> 'CYCL'
      AND (settling.id IS NULL OR settling.business_date > %(day)s)
      AND i.quantity_units > 0 AND i.source IN ('OBLIGATION', 'DIRECT') AND d.participant_id <> r.participant_id
      AND (i.status <> 'CANCELLED' OR EXISTS (
          SELECT 1 FROM settlement_penalty p WHERE p.instruction_id = i.id AND p.run_id = %(last_run)s))
    ORDER BY i.id, c.id DESC
"""

# Matched after its intended date, on this day: the party whose instruction came last answers for the days before.
LATE_MATCHES_SQL = """
    SELECT i.id, d.participant_id AS deliverer_id, r.participant_id AS receiver_id, i.security_id, i.currency_id,
           i.quantity_units, i.intended_date, last.participant_id AS late_id
    FROM settlement_instruction i
    JOIN ledger_account d ON d.id = i.deliverer_account_id
    JOIN ledger_account r ON r.id = i.receiver_account_id
    JOIN LATERAL (
        SELECT p.participant_id FROM settlement_partyinstruction p WHERE p.instruction_id = i.id
        ORDER BY p.created_at DESC, p.id DESC LIMIT 1
    ) last ON true
    WHERE i.source = 'DIRECT' AND i.status <> 'CANCELLED' AND i.quantity_units > 0
      AND d.participant_id <> r.participant_id
      AND (i.created_at AT TIME ZONE 'Europe/Brussels')::date > %(previous)s
      AND (i.created_at AT TIME ZONE 'Europe/Brussels')::date <= %(day)s
      AND i.intended_date < %(day)s
    ORDER BY i.id
"""


def charge_penalties(*, business_date: date, at: datetime) -> PenaltyRun | None:
    """Charge a business day's penalties at its end, once; return the run, or None where it stands already.

    SEFP for each instruction due and unsettled, on whoever lacks, or holds; LMFP for each matched late today, for
    the business days before. Nothing on an outage day. What has no price or rate is named in the run and not
    charged: the day is corrected once it has.
    """
    with transaction.atomic():
        take_lock(name=PENALTIES_LOCK)
        if PenaltyRun.objects.filter(business_date=business_date).exists():
            return None
        return _charge(business_date=business_date, at=at)


def correct_penalties(*, business_date: date, why: str, actor: Actor, at: datetime, today: date) -> PenaltyRun:
    """Compute a day's penalties anew, for what failed then; the new run takes the old one's place.

    What failed and why is told by the day's cycles; prices, rates and the outage switch are those of now.
    Raises PenaltiesNotCharged for a day without a run, PenaltiesAlreadyPaid once its month is paid.
    """
    with transaction.atomic():
        take_lock(name=PENALTIES_LOCK)
        last = PenaltyRun.objects.filter(business_date=business_date).order_by("-version").first()
        if last is None:
            raise PenaltiesNotCharged(f"{business_date} has no penalties yet.")
        month = business_date.replace(day=1)
        calendar = directory().calendars_by_code[CSD_CALENDAR].business_days
        if today >= payment_date(month=month, calendar=calendar) or PenaltyPayment.objects.filter(month=month).exists():
            raise PenaltiesAlreadyPaid(f"The penalties of {month:%B %Y} are paid.")
        run = _charge(business_date=business_date, at=at, last=last, why=why)
        record_action(
            actor=actor,
            action="penalties.corrected",
            at=at,
            business_date=today,
            object_type="penaltyrun",
            object_id=run.pk,
            summary=f"Penalties of {business_date} computed anew, version {run.version}: {why}",
            detail={"before": last.pk, "after": run.pk},
        )
    return run


def _charge(*, business_date: date, at: datetime, last: PenaltyRun | None = None, why: str = "") -> PenaltyRun:
    """Write a run, in place of the last one where there is one, and its penalties."""
    book = _Book(day=business_date, source=directory(), rates=_rates(), missing=set())
    switched_off = was_outage_day(business_date=business_date)
    penalties = [] if switched_off else [*_settlement_fails(book=book, last=last), *_late_matches(book=book)]
    run = PenaltyRun.objects.create(
        business_date=business_date,
        version=last.version + 1 if last else 1,
        switched_off=switched_off,
        missing=sorted(book.missing),
        why=why,
        at=at,
    )
    for penalty in penalties:
        penalty.run = run
    Penalty.objects.bulk_create(penalties, batch_size=5_000)
    return run


@dataclass(frozen=True)
class _Book:
    """What every penalty of a day is computed from; `missing` gathers what has no price or no rate."""

    day: date
    source: Directory
    rates: list[DailyRate]
    missing: set[str]


def _settlement_fails(*, book: _Book, last: PenaltyRun | None) -> list[Penalty]:
    """Return the penalties for what was due and did not settle."""
    day = book.day
    fails = _read(FAILS_SQL, day=day, last_run=last.pk if last else 0)
    prices = reference_prices(security_ids=[fail["security_id"] for fail in fails], day=day)
    # Who held it then, where the day was charged before: a hold may have been released since.
    held: dict[int, tuple[Side, ...]] = {}
    if last is not None:
        for row in Penalty.objects.filter(run=last, reason=Reason.HOLD).order_by("side"):
            held[row.instruction_id] = (*held.get(row.instruction_id, ()), Side(row.side))
    penalties: list[Penalty | None] = []
    for fail in fails:
        sides = held.get(fail["id"]) if fail["reason"] == Reason.HOLD else None
        sides = sides or failing_sides(
            reason=fail["reason"],
            held_by_deliverer=fail["held_by_deliverer"],
            held_by_receiver=fail["held_by_receiver"],
            cash_minor=fail["cash_minor"],
        )
        penalties += [
            _penalty(
                book=book,
                kind=PenaltyKind.SETTLEMENT_FAIL,
                fail=fail,
                side=side,
                day=day,
                reason=fail["reason"],
                prices=prices,
            )
            for side in sides
        ]
    return [penalty for penalty in penalties if penalty is not None]


def _late_matches(*, book: _Book) -> list[Penalty]:
    """Return the penalties for what was matched today and was due before, one for each business day between."""
    calendar = book.source.calendars_by_code[CSD_CALENDAR].business_days
    previous = previous_business_day(day=book.day, calendar=calendar)
    found: dict[date, list[dict[str, Any]]] = {}
    for late in _read(LATE_MATCHES_SQL, day=book.day, previous=previous):
        for day in business_days_between(first=late["intended_date"], last=previous, calendar=calendar):
            found.setdefault(day, []).append(late)
    penalties: list[Penalty | None] = []
    for day, matched in sorted(found.items()):
        prices = reference_prices(security_ids=[late["security_id"] for late in matched], day=day)
        for late in matched:
            side = Side.DELIVERER if late["late_id"] == late["deliverer_id"] else Side.RECEIVER
            penalties.append(
                _penalty(
                    book=book, kind=PenaltyKind.LATE_MATCHING, fail=late, side=side, day=day, reason="", prices=prices
                )
            )
    return [penalty for penalty in penalties if penalty is not None]


def _penalty(
    *,
    book: _Book,
    kind: PenaltyKind,
    fail: dict[str, Any],
    side: Side,
    day: date,
    reason: str,
    prices: dict[int, Decimal],
) -> Penalty | None:
    """Return one penalty; None where the price or the rate is missing, which is noted."""
    security, currency = book.source.securities[fail["security_id"]], book.source.currencies[fail["currency_id"]]
    price = prices.get(security.id)
    if price is None:
        book.missing.add(f"{security.isin} has no price on or before {day}")
        return None
    category = PenaltyCategory.CASH
    if reason != Reason.MONY:
        category = classify_security(
            security_type=security.security_type,
            issuer_sector=security.issuer_sector,
            liquid=security.liquid,
            sme_growth_market=security.sme_growth_market,
        )
    rate = rate_on(rates=book.rates, category=category, currency=currency.code, day=day)
    if rate is None:
        book.missing.add(f"there is no {category} rate for {currency.code} on {day}")
        return None
    parties = (fail["deliverer_id"], fail["receiver_id"])
    failing, suffering = parties if side == Side.DELIVERER else parties[::-1]
    return Penalty(
        kind=kind,
        fail_date=day,
        instruction_id=fail["id"],
        side=side,
        failing_id=failing,
        suffering_id=suffering,
        reason=reason,
        category=category,
        quantity_units=fail["quantity_units"],
        price=price,
        bp_per_day=rate.bp_per_day,
        currency_id=currency.id,
        amount_minor=penalty_minor(
            quantity_units=fail["quantity_units"],
            price=price,
            amount_per_price=security.amount_per_price(),
            digits=currency.digits,
            bp_per_day=rate.bp_per_day,
        ),
    )


def _read(sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the rows of a query by column name."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _rates() -> list[DailyRate]:
    """Return every penalty rate."""
    rows = PenaltyRate.objects.select_related("currency").order_by("pk")
    return [
        DailyRate(
            PenaltyCategory(row.category), row.currency.code if row.currency else None, row.valid_from, row.bp_per_day
        )
        for row in rows
    ]

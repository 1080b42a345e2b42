"""Disclosure items 4.1 to 4.4: what stands behind a default, and the stress and actual losses it must cover."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from clearing.models import FundSizing
from clearing.queries.disclosure.item import Sheet
from clearing.queries.stress import cover_by_evening

BALANCES_SQL = """
    SELECT b.asset_id, CASE WHEN a.name LIKE 'DF-%%' THEN 'FUND' ELSE a.name END, sum(b.balance)::bigint
    FROM ledger_account a
    JOIN reference_participant p ON p.id = a.participant_id AND p.role = 'CCP'
    JOIN ledger_balance b ON b.account_id = a.id
    WHERE a.kind = 'CASH' AND (a.name IN ('SKIN', 'EQUITY') OR a.name LIKE 'DF-%%')
    GROUP BY 1, 2
"""

# What members actually lost beyond margin in a day: each day's largest, and its two largest together.
ACTUAL_SQL = """
    WITH daily AS (
        SELECT currency_id, business_date, sum(greatest(-pnl_minor - margin_minor, 0))::bigint AS lost,
               row_number() OVER (PARTITION BY currency_id, business_date
                                  ORDER BY sum(greatest(-pnl_minor - margin_minor, 0)) DESC) AS place
        FROM clearing_backtestday
        WHERE horizon_days = 1 AND business_date BETWEEN %(since)s AND %(until)s
        GROUP BY currency_id, business_date, member_id
    )
    SELECT currency_id, max(lost)::bigint, sum(lost)::bigint
    FROM daily WHERE place <= 2 GROUP BY currency_id, business_date
"""

HELD_AS = (
    ("4.3.2", "cash at other central banks"), ("4.3.3", "secured cash at commercial banks"),
    ("4.3.4", "unsecured cash at commercial banks"), ("4.3.5", "domestic government bonds"),
    ("4.3.6", "other government bonds"), ("4.3.7", "agency bonds"), ("4.3.8", "state and municipal bonds"),
    ("4.3.9", "corporate bonds"), ("4.3.10", "shares"), ("4.3.11", "gold"), ("4.3.12", "other commodities"),
    ("4.3.13", "mutual funds"), ("4.3.14", "other"),
)  # fmt: skip


@dataclass(frozen=True)
class LossDays:
    """One currency's evenings: of each the largest loss, the two largest, and the resources; None where unknown."""

    largest: list[int]
    two: list[int]
    resources: list[int | None]


def write_resources(*, sheet: Sheet) -> None:
    """Write items 4.1 to 4.4 for each currency that has a fund."""
    balances: dict[tuple[int, str], int] = {}
    with connection.cursor() as cursor:
        cursor.execute(BALANCES_SQL)
        for currency_id, name, balance in cursor.fetchall():
            balances[currency_id, name] = balance
    stress, actual = _stress_days(sheet), _actual_days(sheet)
    last = {row.currency_id: row for row in FundSizing.objects.order_by("id")}
    sheet.missing("4.2.1", "Hypothetical capital of the CCP (KCCP)", "Not computed: no capital rules apply here.")
    sheet.figure("4.4.1", "Which credit standard the default resources are held to", "Cover 2", "text")
    days = sheet.parameters.mpor_days
    sheet.figure("4.4.2", "Business days assumed to close out a defaulter", days, "business days")
    for currency_id, sizing in sorted(last.items()):
        held = {name: balances.get((currency_id, name), 0) for name in ("FUND", "SKIN", "EQUITY")}
        _write_layers(sheet, currency_id, sizing, held)
        _write_losses(sheet, currency_id, stress.get(currency_id), ("4.4.3", "4.4.4", "4.4.5"), "one group")
        _write_actual(sheet, currency_id, actual.get(currency_id), two=False)
        _write_losses(sheet, currency_id, stress.get(currency_id), ("4.4.7", "4.4.8", "4.4.9"), "two groups")
        _write_actual(sheet, currency_id, actual.get(currency_id), two=True)


def _stress_days(sheet: Sheet) -> dict[int, LossDays]:
    """Return the stress losses of all evenings, by currency."""
    found: dict[int, LossDays] = {}
    for evening in cover_by_evening(since=sheet.since, until=sheet.as_of):
        days = found.setdefault(evening.currency_id, LossDays([], [], []))
        days.largest.append(evening.largest_minor)
        days.two.append(evening.cover_two_minor)
        days.resources.append(evening.resources_minor)
    return found


def _actual_days(sheet: Sheet) -> dict[int, LossDays]:
    """Return what was actually lost beyond margin on all evenings, by currency."""
    found: dict[int, LossDays] = {}
    with connection.cursor() as cursor:
        cursor.execute(ACTUAL_SQL, {"since": sheet.since, "until": sheet.as_of})
        for currency_id, largest, two in cursor.fetchall():
            days = found.setdefault(currency_id, LossDays([], [], []))
            days.largest.append(largest)
            days.two.append(two)
    return found


def _write_layers(sheet: Sheet, currency_id: int, sizing: FundSizing, held: dict[str, int]) -> None:
    """Write 4.1, 4.2 and 4.3: who has put up what, and what it is held in."""
    sheet.amount("4.1.1", "Prefunded own capital used before members' contributions", currency_id, held["SKIN"])
    sheet.amount("4.1.2", "Prefunded own capital used alongside them", currency_id, 0, "All of it is used before.")
    sheet.amount("4.1.3", "Prefunded own capital used after them", currency_id, held["EQUITY"])
    sheet.amount("4.1.4", "Members' prefunded contributions, required", currency_id, sizing.size_minor)
    sheet.amount("4.1.5", "Members' prefunded contributions, posted", currency_id, held["FUND"])
    sheet.amount("4.1.6", "Other prefunded resources", currency_id, 0)
    sheet.amount("4.1.7", "Committed own or parent funds", currency_id, 0)
    multiple = sheet.parameters.assessment_multiple
    sheet.amount(
        "4.1.8", "Members' commitments in a default (assessments)", currency_id, int(sizing.size_minor * multiple),
        f"At most {multiple.normalize():f} times the contribution.",
    )  # fmt: skip
    sheet.missing("4.1.9", "Members' commitments to replenish the fund", "Within the cap of 4.1.8.", _code(sheet))
    sheet.amount("4.1.10", "Other committed resources", currency_id, 0)
    total = held["FUND"] + held["SKIN"]
    sheet.amount("4.3.1", "Default resources held as cash at the central bank of issue", currency_id, total)
    for number, what in HELD_AS:
        sheet.amount(number, f"Default resources held as {what}", currency_id, 0, "Only cash is accepted.")
    sheet.amount("4.3.15", "Default resources, total", currency_id, total)


def _write_losses(
    sheet: Sheet, currency_id: int, days: LossDays | None, numbers: tuple[str, str, str], of: str
) -> None:
    """Write the peak and mean stress loss beyond margin, and on how many evenings and by how much it was too large."""
    loss, count, excess = numbers
    what = f"Largest stress loss beyond margin by default of {of}"
    if days is None:
        sheet.missing(loss, what, "No evening was stressed yet.")
        return
    lost = days.largest if of == "one group" else days.two
    sheet.amount(loss, f"{what}, peak of 12 months", currency_id, max(lost))
    sheet.amount(loss, f"{what}, mean of 12 months", currency_id, sum(lost) // len(lost))
    over = [one - held for one, held in zip(lost, days.resources, strict=True) if held is not None and one > held]
    segment = sheet.items[-1].segment
    sheet.figure(count, f"Evenings on which {loss} exceeded the default resources", len(over), "days", segment)
    sheet.amount(excess, f"Amount by which {loss} exceeded them, peak", currency_id, max(over, default=0))


def _write_actual(sheet: Sheet, currency_id: int, days: LossDays | None, *, two: bool) -> None:
    """Write what members actually lost beyond margin in a day."""
    number = "4.4.10" if two else "4.4.6"
    what = f"Largest actual exposure beyond margin to {'two members' if two else 'one member'}"
    if days is None:
        sheet.missing(number, what, "No evening was backtested yet.")
        return
    lost = days.two if two else days.largest
    sheet.amount(number, f"{what}, peak of 12 months", currency_id, max(lost))
    sheet.amount(number, f"{what}, mean of 12 months", currency_id, sum(lost) // len(lost))


def _code(sheet: Sheet) -> str:
    return sheet.items[-1].segment

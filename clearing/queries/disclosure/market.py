"""Disclosure items 15, 18 and 23: the CCP's own means, its members and how concentrated they are, and volumes."""

from __future__ import annotations

from collections import Counter, defaultdict

from django.db import connection

from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import FundContribution, FundSizing, Membership
from clearing.queries.disclosure.item import Sheet
from reference.models import ParticipantRole
from reference.queries import directory

# The standard asks for the largest five from ten members on, and for the largest ten from 25 members on.
LEAST_MEMBERS, MANY_MEMBERS = 10, 25

EQUITY_SQL = """
    SELECT b.asset_id, sum(b.balance)::bigint FROM ledger_account a
    JOIN reference_participant p ON p.id = a.participant_id AND p.role = 'CCP'
    JOIN ledger_balance b ON b.account_id = a.id
    WHERE a.kind = 'CASH' AND a.name IN ('SKIN', 'EQUITY') GROUP BY 1 ORDER BY 1
"""

POSITIONS_SQL = """
    SELECT currency_id, member_id, sum(gross_minor)::bigint, sum(requirement_minor)::bigint
    FROM clearing_portfoliomargin WHERE run_id = %s GROUP BY 1, 2
"""

VOLUMES_SQL = """
    SELECT m.currency_id, s.security_type, count(*), sum(m.amount_minor)::bigint
    FROM trades_match m JOIN reference_security s ON s.asset_ptr_id = m.security_id
    WHERE m.cleared AND m.business_date BETWEEN %(since)s AND %(until)s GROUP BY 1, 2 ORDER BY 1, 2
"""

VENUES_SQL = """
    SELECT coalesce(nullif(t.trading_venue, ''), 'over the counter'), m.currency_id, count(*),
           sum(m.amount_minor)::bigint
    FROM trades_match m JOIN trades_trade t ON t.id = m.buy_trade_id
    WHERE m.cleared AND m.business_date BETWEEN %(since)s AND %(until)s GROUP BY 1, 2 ORDER BY 1, 2
"""

DAYS_SQL = """
    SELECT count(DISTINCT business_date) FROM trades_match WHERE business_date BETWEEN %(since)s AND %(until)s
"""


def write_business(*, sheet: Sheet) -> None:
    """Write item 15, as far as the ledger knows it."""
    with connection.cursor() as cursor:
        cursor.execute(EQUITY_SQL)
        for currency_id, balance in cursor.fetchall():
            sheet.amount("15.1.1", "Liquid net assets funded by equity", currency_id, balance)
    why = "The CCP charges no fees here and keeps no profit and loss account."
    for number, what in (
        ("15.1.2", "Six months of operating expenses"), ("15.2.1", "Revenue"), ("15.2.2", "Expenditure"),
        ("15.2.3", "Profit"), ("15.2.4", "Total assets"), ("15.2.5", "Total liabilities"),
        ("15.3.1", "Share of income from fees"), ("15.3.2", "Share of income from reinvesting collateral"),
    ):  # fmt: skip
        sheet.missing(number, what, why)
    held = "On accounts of the CCP in the ledger, one set a member; never reinvested"
    sheet.figure("15.2.6", "Where members' collateral is held", held, "text")


def write_members(*, sheet: Sheet) -> None:
    """Write item 18: who the members are, and how much of positions, margin and fund the largest have."""
    source = directory()
    members = list(Membership.objects.filter(status=MembershipStatus.ACTIVE.value).select_related("member"))
    clients = {entry.clearing_member_id for entry in source.participants.values()
               if entry.clearing_member_id not in (None, entry.id)}  # fmt: skip
    general = sum(row.member_id in clients for row in members)
    sheet.figure("18.1.1", "Clearing members", len(members), "members")
    sheet.figure("18.1.1.1", "General clearing members: they clear for others", general, "members")
    sheet.figure("18.1.1.2", "Direct clearing members: they clear for themselves", len(members) - general, "members")
    roles = Counter(str(source.participants[row.member_id].role) for row in members)
    for number, what, role in (
        ("18.1.2.1", "Members that are central banks", ParticipantRole.CENTRAL_BANK),
        ("18.1.2.2", "Members that are CCPs", ParticipantRole.CCP),
    ):
        sheet.figure(number, what, roles.get(str(role), 0), "members")
    sheet.figure("18.1.2.3", "Members that are banks or investment firms", len(members), "members")
    home = source.ccp.bic[4:6] if source.ccp is not None else ""
    domestic = sum(source.participants[row.member_id].bic[4:6] == home for row in members)
    sheet.figure("18.1.3.1", "Domestic members", domestic, "members")
    sheet.figure("18.1.3.2", "Foreign members", len(members) - domestic, "members")
    _write_concentration(sheet, count=len(members))


def _write_concentration(sheet: Sheet, *, count: int) -> None:
    """Write 18.2 to 18.4: the share of the largest; below ten members the standard asks for none."""
    asked = (
        ("18.2", "open positions"), ("18.3", "initial margin"), ("18.4", "contributions to the default fund"),
    )  # fmt: skip
    if count < LEAST_MEMBERS:
        why = f"There are {count} members; the standard asks from {LEAST_MEMBERS} on."
        for number, what in asked:
            sheet.missing(f"{number}.1", f"Share of the largest five members in {what}", why)
        return
    gross: defaultdict[int, list[int]] = defaultdict(list)
    margin: defaultdict[int, list[int]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(POSITIONS_SQL, [sheet.run.pk])
        for currency_id, _, positions, required in cursor.fetchall():
            gross[currency_id].append(positions)
            margin[currency_id].append(required)
    fund: defaultdict[int, list[int]] = defaultdict(list)
    last = {row.currency_id: row.pk for row in FundSizing.objects.order_by("id")}
    for part in FundContribution.objects.filter(sizing_id__in=last.values()).select_related("sizing"):
        fund[part.sizing.currency_id].append(part.contribution_minor)
    tops = (5, 10) if count >= MANY_MEMBERS else (5,)
    for (number, what), amounts in zip(asked, (gross, margin, fund), strict=True):
        for currency_id, each in sorted(amounts.items()):
            for place, top in enumerate(tops, start=1):
                segment = directory().currencies[currency_id].code
                ratio = top_share(amounts=each, top=top)
                sheet.share(f"{number}.{place}", f"Share of the largest {top} members in {what}", ratio, segment)


def top_share(*, amounts: list[int], top: int) -> float:
    """Return what share the largest have of a sum; zero of nothing."""
    total = sum(amounts)
    return sum(sorted(amounts, reverse=True)[:top]) / total if total else 0.0


def write_volumes(*, sheet: Sheet, days_back: int) -> None:
    """Write item 23: cleared trades a day over the last quarter, and what is not yet settled."""
    since = sheet.as_of.fromordinal(sheet.as_of.toordinal() - days_back)
    bounds = {"since": since, "until": sheet.as_of}
    with connection.cursor() as cursor:
        cursor.execute(DAYS_SQL, bounds)
        days = max(int(cursor.fetchone()[0]), 1)
        cursor.execute(VOLUMES_SQL, bounds)
        for currency_id, kind, count, value in cursor.fetchall():
            code = directory().currencies[currency_id].code
            what = f"{kind.lower()}, cash market"
            sheet.figure("23.1.1", f"Trades cleared a day, {what}", f"{count / days:.1f}", "trades", code)
            sheet.amount("23.1.2", f"Value cleared a day, {what}", currency_id, value // days)
        cursor.execute(POSITIONS_SQL, [sheet.run.pk])
        open_minor: Counter[int] = Counter()
        for currency_id, _, positions, _ in cursor.fetchall():
            open_minor[currency_id] += positions
        for currency_id, minor in sorted(open_minor.items()):
            what = "Market value of cleared and not yet settled positions, both sides"
            sheet.amount("23.2.1", what, currency_id, minor)
        cursor.execute(VENUES_SQL, bounds)
        for venue, currency_id, count, value in cursor.fetchall():
            code = directory().currencies[currency_id].code
            sheet.figure("23.3.1", f"Trades cleared a day from {venue}", f"{count / days:.1f}", "trades", code)
            sheet.amount("23.3.2", f"Value cleared a day from {venue}", currency_id, value // days)

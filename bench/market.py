"""A market of the bench's own: 200 participants and 500 securities, and files of their reports.

Who trades what follows a power law, everything is seeded, and each trade is reported by both sides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from ledger.models import Account, AccountKind
from ledger.services import open_accounts, post_entries
from reference.core.calendar import BUSINESS_ZONE
from reference.core.identifiers import isin_check_digit, lei_check_digits
from reference.models import Currency, Participant, ParticipantRole, Quotation, Security, SecurityType
from reference.queries import business_clock, directory, forget_directory
from reference.services import load_reference, set_business_clock
from settlement.services.load_schedule import load_schedule

PARTICIPANTS = 200
CLEARING_MEMBERS = 50
SECURITIES = 500
CURRENCIES = ("USD", "EUR")
TRADE_DATE = date(2008, 9, 8)
SETTLEMENT_DATES = (date(2008, 9, 11), date(2008, 9, 12), date(2008, 9, 15))

# Plenty: the bench measures the machine's work, not the market's scarcity (the tests and the demo do that).
OPENING_UNITS = 1_000_000_000
OPENING_CASH_MINOR = 10**14

ACTIVITY_EXPONENT = 0.9
SECURITY_EXPONENT = 1.0
LOT_UNITS = 10
ODD_SHARE = 0.01
ROWS_PER_WRITE = 50_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COLUMNS = (
    "trade_id", "reporter", "buyer", "seller", "security", "quantity", "price", "currency", "trade_date",
    "settlement_date", "transaction_type", "trading_venue", "amount",
)  # fmt: skip


def load_market() -> None:
    """Load the product's reference data, the bench's market beside it, its accounts and opening balances."""
    load_reference()
    with transaction.atomic():
        _load_participants()
        _load_securities()
    load_schedule()
    forget_directory()
    source = directory()
    everyone = [(entry.id, entry.code) for entry in source.participants.values()]
    open_accounts(participants=everyone)
    forget_directory()
    set_business_clock(business_date=TRADE_DATE, at=noon_of(day=TRADE_DATE), running=False, anew=True)
    _post_opening_balances()


def noon_of(*, day: date) -> datetime:
    """Return noon of a day in business time."""
    return datetime.combine(day, time(12), tzinfo=BUSINESS_ZONE)


@cache
def participant_codes() -> tuple[str, ...]:
    """Return the codes of the bench's participants, the most active first."""
    return tuple(f"BENCH{number:03d}" for number in range(PARTICIPANTS))


@cache
def security_codes() -> tuple[str, ...]:
    """Return the ISINs of the bench's securities, the most traded first."""
    bodies = [f"US9{number:08d}" for number in range(SECURITIES)]
    return tuple(body + isin_check_digit(body=body) for body in bodies)


def currency_of(*, security: int) -> str:
    """Return the currency of a security by its number: every fifth is in euro."""
    return CURRENCIES[security % 5 == 4]


def _load_participants() -> None:
    """Create the participants: clearing members, and those who clear through them."""
    rows = []
    for number, code in enumerate(participant_codes()):
        lei = f"5299BENCH{number:09d}"
        letters = ALPHABET[number // 26] + ALPHABET[number % 26]
        rows.append(
            Participant(
                code=code,
                name=f"Bench participant {number}",
                lei=lei + lei_check_digits(body=lei),
                bic=f"BN{letters}BEBB",
                role=ParticipantRole.CLEARING_MEMBER if number < CLEARING_MEMBERS else ParticipantRole.BANK,
            )
        )
    members = Participant.objects.bulk_create(rows[:CLEARING_MEMBERS])
    for number, row in enumerate(rows[CLEARING_MEMBERS:]):
        row.clearing_member = members[number % CLEARING_MEMBERS]
    Participant.objects.bulk_create(rows[CLEARING_MEMBERS:])


def _load_securities() -> None:
    """Create the securities."""
    currencies = {currency.code: currency for currency in Currency.objects.all()}
    for number, isin in enumerate(security_codes()):
        security = Security(
            code=isin,
            name=f"Bench share {number}",
            symbol=f"BENCH{number:03d}",
            security_type=SecurityType.EQUITY,
            quotation=Quotation.UNIT,
            currency=currencies[currency_of(security=number)],
            settlement_lag_days=3,
            lot_size_units=LOT_UNITS,
            price_digits=2,
            issuer_name=f"Bench issuer {number}",
        )
        security.clean()
        security.save()


def _post_opening_balances() -> None:
    """Give every participant securities out of the issuance account, and cash out of the central bank's."""
    source = directory()
    assert source.csd is not None
    assert source.central_bank is not None
    infrastructures = [(source.csd.id, source.csd.code), (source.central_bank.id, source.central_bank.code)]
    issuance = open_accounts(participants=infrastructures, name="ISSUANCE", limit_minor=None)
    wanted = [source.participant_ids[code] for code in participant_codes()]
    accounts = Account.objects.filter(participant_id__in=wanted, kind=AccountKind.SECURITIES, name="HOUSE").order_by(
        "id"
    )
    securities = [source.securities_by_isin[isin].id for isin in security_codes()]
    currencies = [source.currencies_by_code[code].id for code in CURRENCIES]
    rows = []
    for account in accounts:
        rows += [(account.pk, asset, OPENING_UNITS) for asset in securities]
        rows += [(account.linked_cash_id or 0, asset, OPENING_CASH_MINOR) for asset in currencies]
    received = np.array(rows, dtype=np.int64)
    issued = received.copy()
    cash_issue, securities_issue = issuance[source.central_bank.id].linked_cash_id or 0, issuance[source.csd.id].pk
    issued[:, 0] = np.where(np.isin(received[:, 1], currencies), cash_issue, securities_issue)
    issued[:, 2] *= -1
    both = np.concatenate([received, issued])
    source_ids = received[:, 0] * 1_000_000 + received[:, 1]
    post_entries(
        source="OPENING",
        business_date=TRADE_DATE,
        at=business_clock().at,
        source_ids=np.concatenate([source_ids, source_ids]),
        accounts=both[:, 0].copy(),
        assets=both[:, 1].copy(),
        amounts=both[:, 2].copy(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Trades as drawn, a column each, all of shape (n,): numbers of participants and securities, cents."""

    buyer: NDArray[np.int64]
    seller: NDArray[np.int64]
    security: NDArray[np.int64]
    quantity: NDArray[np.int64]
    price_cents: NDArray[np.int64]
    settlement: NDArray[np.int64]
    off_by_one: NDArray[np.bool_]
    typed: NDArray[np.bool_]


def draw_trades(*, count: int, settlement_dates: int, seed: int) -> Trades:
    """Draw trades: parties and securities by a power law, lot sizes log-normal, prices near a base price.

    One in a hundred differs between its two reports by 1.00 of cash, within the tolerance, and one in a
    hundred fills an optional field on one side only, so that matching's second pass has work too.
    """
    random = np.random.default_rng(seed)
    activity = _power_law(PARTICIPANTS, ACTIVITY_EXPONENT)
    buyer = random.choice(PARTICIPANTS, count, p=activity)
    seller = random.choice(PARTICIPANTS, count, p=activity)
    same = buyer == seller
    seller[same] = (seller[same] + random.integers(1, PARTICIPANTS, int(same.sum()))) % PARTICIPANTS
    security = random.choice(SECURITIES, count, p=_power_law(SECURITIES, SECURITY_EXPONENT))
    base = random.integers(500, 50_000, SECURITIES)
    odd = random.random(count)
    return Trades(
        buyer=buyer,
        seller=seller,
        security=security,
        quantity=LOT_UNITS * (1 + random.lognormal(2.0, 1.0, count).astype(np.int64)),
        price_cents=np.maximum(1, (base[security] * random.normal(1.0, 0.01, count)).astype(np.int64)),
        settlement=random.integers(0, settlement_dates, count),
        off_by_one=odd < ODD_SHARE,
        typed=odd > 1 - ODD_SHARE,
    )


def _power_law(count: int, exponent: float) -> NDArray[np.float64]:
    """Return probabilities that fall with the rank to the power of the exponent."""
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


def write_reports(
    *, path: Path, reports: int, settlement_dates: Sequence[date] = SETTLEMENT_DATES[:1], seed: int = 1
) -> None:
    """Write a CSV file of one-sided reports, two a trade, in the order in which a market would send them.

    Each reporter numbers its own reports; the two sides of a trade lie anywhere in the file.
    """
    trades = draw_trades(count=reports // 2, settlement_dates=len(settlement_dates), seed=seed)
    count = len(trades.buyer)
    order = np.random.default_rng(seed + 1).permutation(2 * count)
    with path.open("w", encoding="ascii") as file:
        file.write(",".join(COLUMNS) + "\n")
        sent = np.zeros(PARTICIPANTS, dtype=np.int64)
        for start in range(0, len(order), ROWS_PER_WRITE):
            place = order[start : start + ROWS_PER_WRITE]
            file.writelines(
                _lines(trades=trades, trade=place % count, is_sell=place >= count, sent=sent, dates=settlement_dates)
            )


def _lines(
    *,
    trades: Trades,
    trade: NDArray[np.int64],
    is_sell: NDArray[np.bool_],
    sent: NDArray[np.int64],
    dates: Sequence[date],
) -> Iterator[str]:
    """Write some reports as CSV lines. sent: how many each participant has sent before; it is moved on."""
    codes, isins = participant_codes(), security_codes()
    reporter = np.where(is_sell, trades.seller[trade], trades.buyer[trade])
    columns = (
        _own_numbers(reporter=reporter, sent=sent),
        reporter,
        trades.buyer[trade],
        trades.seller[trade],
        trades.security[trade],
        trades.quantity[trade],
        trades.price_cents[trade],
        trades.settlement[trade],
        trades.off_by_one[trade] & ~is_sell,
        trades.typed[trade] & is_sell,
    )
    for number, who, buyer, seller, security, quantity, cents, settlement, off_by_one, typed in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        kind = "TRAD" if typed else ""
        amount = f"{(quantity * cents + 100) / 100:.2f}" if off_by_one else ""
        yield (
            f"{codes[who]}-{number:07d},{codes[who]},{codes[buyer]},{codes[seller]},{isins[security]},{quantity},"
            f"{cents / 100:.2f},{currency_of(security=security)},{TRADE_DATE},{dates[settlement]},{kind},XNYS,"
            f"{amount}\n"
        )


def _own_numbers(*, reporter: NDArray[np.int64], sent: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number each reporter's reports from what it has sent before; move that on."""
    by_reporter = np.argsort(reporter, kind="stable")
    counts = np.bincount(reporter, minlength=PARTICIPANTS)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    numbers = np.empty(len(reporter), dtype=np.int64)
    numbers[by_reporter] = np.arange(len(reporter)) - first + sent[reporter[by_reporter]]
    sent += counts
    return numbers

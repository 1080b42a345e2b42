"""Resolution of a trade report against reference data: codes to ids, amounts to minor units. Pure.

One report, one thousand or a million go through the same function; it is written to be cheap: about
three microseconds a report.
"""

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from reference.core.calendar import DateOutsideCalendar
from reference.core.identifiers import IsinCheckDigitWrong, IsinMalformed, check_isin
from reference.core.limits import LARGEST_AMOUNT
from trades.core.report import (
    PRICE_DIGITS,
    PRICE_SCALE,
    CaptureContext,
    Parties,
    Problem,
    ResolvedReport,
    SecurityTerms,
    TradeReport,
)

# Netting and settlement look a hundred days back; what is older could never be reached.
OLDEST_SETTLEMENT = timedelta(days=90)
MAXIMUM_PRICE = Decimal(10) ** 12
ZERO = Decimal(0)
MOST_KNOWN = 100_000


def price_millionths(*, price: Decimal) -> int:
    """Return a price in millionths. Raises ValueError when it is not a positive number below 10^12 with six digits."""
    try:
        if not ZERO < price < MAXIMUM_PRICE:
            raise ValueError("must be above zero and below 1,000,000,000,000")
    except InvalidOperation:
        raise ValueError("is not a number") from None
    whole = int(price * PRICE_SCALE)
    # Compared this way round, since multiplying rounds away what lies beyond 28 digits.
    if Decimal(whole).scaleb(-PRICE_DIGITS) != price:
        raise ValueError("has more than six decimal digits")
    return whole


def amount_minor(*, amount: Decimal, digits: int) -> int:
    """Return an amount in minor units. Raises ValueError when it is absurd or finer than the currency."""
    try:
        if not ZERO < amount < LARGEST_AMOUNT:
            raise ValueError("must be above zero and below 1,000,000,000,000,000 minor units")
    except InvalidOperation:
        raise ValueError("is not a number") from None
    whole = int(amount.scaleb(digits))
    if Decimal(whole).scaleb(-digits) != amount:
        raise ValueError(f"has more than {digits} decimal digits")
    if whole > LARGEST_AMOUNT:
        raise ValueError("is above 1,000,000,000,000,000 minor units")
    return whole


def settlement_amount_minor(*, quantity_units: int, price_in_millionths: int, divisor: int) -> int:
    """Return quantity times price in minor units, half to even."""
    whole, rest = divmod(quantity_units * price_in_millionths, divisor)
    doubled = 2 * rest
    if doubled > divisor or (doubled == divisor and whole % 2):
        whole += 1
    return whole


def resolve_report(*, report: TradeReport, context: CaptureContext) -> ResolvedReport | list[Problem]:
    """Resolve codes to ids and amounts to minor units, or say everything that is wrong with the report."""
    parties = context.known_parties.get(_parties_key(report))
    known = context.known_terms.get(_terms_key(report))
    if parties is None or known is None or report.quantity % known[0].lot_size_units:
        return _resolve_anew(report=report, context=context)
    terms, settlement_date = known
    problems: list[Problem] = []
    millionths, amount = _resolve_amount(
        report=report, terms=terms, digits=context.digits[terms.currency], problems=problems
    )
    return problems or _put_together(report, parties, terms, settlement_date, millionths, amount)


def _parties_key(report: TradeReport) -> tuple[str | None, ...]:
    """Return all that the parties of a report follow from."""
    return (report.reporter, report.buyer, report.seller, report.account, report.counterparty_account)


def _terms_key(report: TradeReport) -> tuple[str, str, date, date | None]:
    """Return all that a report's terms and settlement date follow from."""
    return (report.security, report.currency, report.trade_date, report.settlement_date)


def _put_together(
    report: TradeReport, parties: Parties, terms: SecurityTerms, settlement_date: date, millionths: int, amount: int
) -> ResolvedReport:
    """Return the resolved report."""
    return ResolvedReport(
        report.trade_id,
        *parties,
        terms.id,
        terms.currency_id,
        report.quantity,
        Decimal(millionths).scaleb(-PRICE_DIGITS),
        amount,
        report.trade_date,
        settlement_date,
        report.cleared,
        report.transaction_type,
        report.trading_venue,
    )


def _resolve_anew(*, report: TradeReport, context: CaptureContext) -> ResolvedReport | list[Problem]:
    """Resolve a report of which parties or terms were not met before, or are wrong; remember what is right."""
    problems: list[Problem] = []
    buyer_id = context.participants.get(report.buyer)
    seller_id = context.participants.get(report.seller)
    terms = context.securities.get(report.security)
    if buyer_id is None:
        problems.append(Problem("unknown-participant", "/buyer", f"There is no participant {report.buyer!r}."))
    if seller_id is None:
        problems.append(Problem("unknown-participant", "/seller", f"There is no participant {report.seller!r}."))
    if terms is None:
        problems.append(_unknown_security(report.security))
    if buyer_id is None or seller_id is None or terms is None:
        return problems
    if buyer_id == seller_id:
        problems.append(Problem("buyer-is-seller", "/seller", f"{report.buyer} cannot trade with itself."))
    for pointer, party_id in (("/buyer", buyer_id), ("/seller", seller_id)):
        problems += _party_problems(party_id=party_id, pointer=pointer, context=context)
    if not terms.active:
        problems.append(Problem("inactive-security", "/security", f"{report.security} is not active."))
    if report.currency != terms.currency:
        problems.append(
            Problem(
                "wrong-currency",
                "/currency",
                f"{report.security} settles in {terms.currency}, not {report.currency!r}.",
            )
        )
    if report.quantity % terms.lot_size_units:
        problems.append(
            Problem(
                "quantity-not-in-lots",
                "/quantity",
                f"The quantity must be a multiple of {terms.lot_size_units}.",
            )
        )
    settlement_date = _resolve_dates(report=report, terms=terms, context=context, problems=problems)
    millionths, amount = _resolve_amount(
        report=report, terms=terms, digits=context.digits[terms.currency], problems=problems
    )
    speaker = _resolve_side(report=report, buyer_id=buyer_id, seller_id=seller_id, context=context, problems=problems)
    if problems or speaker is None:
        return problems
    reporter_id, side, buyer_account_id, seller_account_id = speaker
    parties = Parties(reporter_id, side, buyer_id, seller_id, buyer_account_id, seller_account_id)
    if len(context.known_parties) < MOST_KNOWN and len(context.known_terms) < MOST_KNOWN:
        context.known_parties[_parties_key(report)] = parties
        context.known_terms[_terms_key(report)] = (terms, settlement_date)
    return _put_together(report, parties, terms, settlement_date, millionths, amount)


def _party_problems(*, party_id: int, pointer: str, context: CaptureContext) -> list[Problem]:
    """Return why a participant cannot be a party to a trade."""
    if party_id in context.infrastructures:
        return [Problem("infrastructure-party", pointer, "CCP, CSD, central bank and trading venues do not trade.")]
    if party_id in context.inactive:
        return [Problem("inactive-participant", pointer, "The participant is not active.")]
    return []


def _unknown_security(code: str) -> Problem:
    """Say why a security is not known: what looks like an ISIN may have a wrong check digit."""
    try:
        check_isin(value=code, pointer="/security")
    except IsinCheckDigitWrong:
        return Problem("isin-check-digit-wrong", "/security", f"The check digit of the ISIN {code} is wrong.")
    except IsinMalformed:
        pass
    return Problem("unknown-security", "/security", f"There is no security with ISIN or symbol {code!r}.")


def _resolve_dates(
    *, report: TradeReport, terms: SecurityTerms, context: CaptureContext, problems: list[Problem]
) -> date:
    """Return the settlement date, by the market's rule where none is given."""
    if report.trade_date > context.business_date:
        problems.append(
            Problem("trade-date-in-future", "/trade_date", f"The business date is {context.business_date}.")
        )
        return report.trade_date
    settlement_date = report.settlement_date
    settles = True
    try:
        if settlement_date is None:
            settlement_date = context.settlement_day(terms.currency, report.trade_date, terms.settlement_lag_days)
        else:
            settles = context.settles(terms.currency, settlement_date)
    except DateOutsideCalendar as refusal:
        problems.append(Problem(refusal.code, refusal.pointer or "", refusal.message))
        return report.trade_date
    if settlement_date < report.trade_date:
        problems.append(
            Problem("settlement-before-trade-date", "/settlement_date", f"The trade date is {report.trade_date}.")
        )
    elif settlement_date < context.business_date - OLDEST_SETTLEMENT:
        problems.append(
            Problem(
                "settlement-date-too-old",
                "/settlement_date",
                f"{settlement_date} lies more than {OLDEST_SETTLEMENT.days} days back.",
            )
        )
    elif not settles:
        problems.append(
            Problem(
                "settlement-date-is-holiday",
                "/settlement_date",
                f"{settlement_date} is not a business day for payments in {terms.currency}.",
            )
        )
    return settlement_date


def _resolve_amount(
    *, report: TradeReport, terms: SecurityTerms, digits: int, problems: list[Problem]
) -> tuple[int, int]:
    """Return the price in millionths and the settlement amount in minor units: as reported, or quantity times price."""
    try:
        millionths = price_millionths(price=report.price)
    except ValueError as error:
        problems.append(Problem("price-out-of-range", "/price", f"The price {error}."))
        return 0, 0
    if report.amount is not None:
        try:
            return millionths, amount_minor(amount=report.amount, digits=digits)
        except ValueError as error:
            problems.append(Problem("amount-out-of-range", "/amount", f"The amount {error}."))
            return millionths, 0
    amount = settlement_amount_minor(
        quantity_units=report.quantity, price_in_millionths=millionths, divisor=terms.amount_divisor
    )
    if not 0 < amount <= LARGEST_AMOUNT:
        problems.append(
            Problem(
                "amount-out-of-range",
                "/quantity",
                "Quantity times price is not an amount that can be booked.",
            )
        )
    return millionths, amount


def _resolve_side(
    *, report: TradeReport, buyer_id: int, seller_id: int, context: CaptureContext, problems: list[Problem]
) -> tuple[int, str, int | None, int | None] | None:
    """Return reporter, side and the accounts the report speaks for."""
    reporter_id = context.reporter_id
    if report.reporter is not None:
        named = context.participants.get(report.reporter)
        if named is None:
            problems.append(
                Problem("unknown-participant", "/reporter", f"There is no participant {report.reporter!r}.")
            )
            return None
        if not context.names_reporter and named != reporter_id:
            problems.append(Problem("not-your-report", "/reporter", "You can report for yourself only."))
            return None
        reporter_id = named
    if reporter_id is None:
        buyer_account = context.accounts.get((buyer_id, report.account))
        seller_account = context.accounts.get((seller_id, report.counterparty_account))
        if buyer_account is None:
            problems.append(
                Problem("unknown-account", "/account", f"{report.buyer} has no account {report.account!r}.")
            )
        if seller_account is None:
            message = f"{report.seller} has no account {report.counterparty_account!r}."
            problems.append(Problem("unknown-account", "/counterparty_account", message))
        return context.venue_id, "BOTH", buyer_account, seller_account
    if reporter_id not in (buyer_id, seller_id):
        problems.append(Problem("not-a-party", "/buyer", "The reporter is neither the buyer nor the seller."))
        return None
    account = context.accounts.get((reporter_id, report.account))
    if account is None:
        problems.append(Problem("unknown-account", "/account", f"The reporter has no account {report.account!r}."))
    if reporter_id == buyer_id:
        return reporter_id, "BUY", account, None
    return reporter_id, "SELL", None, account

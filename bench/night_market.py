"""The market of a settlement night: the participants, securities, balances and open instructions of one batch."""

from datetime import date

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from bench.market import ALPHABET, noon_of
from bench.settlement.generate import generate_instance
from ledger.models import Account, AccountKind
from ledger.services import open_accounts, post_entries
from reference.core.identifiers import isin_check_digit, lei_check_digits
from reference.models import Participant, ParticipantRole
from reference.queries import directory, forget_directory
from reference.services import load_reference, set_business_clock
from settlement.core.submission import NOTHING, PAY, Submission
from settlement.services.create_instructions import InstructionColumns, create_instructions

EVE, BUSINESS_DATE = date(2008, 9, 10), date(2008, 9, 11)
CURRENCY = "EUR"
SEED = 1
Int64Array = NDArray[np.int64]

SECURITIES_SQL = """
    WITH assets AS (
        INSERT INTO reference_asset (code, kind, name, digits)
        SELECT code, 'SECURITY', 'Night share ' || code, 0 FROM unnest(%(codes)s::text[]) WITH ORDINALITY s (code, n)
        ORDER BY n RETURNING id, code
    )
    INSERT INTO reference_security (asset_ptr_id, symbol, security_type, quotation, currency_id, settlement_lag_days,
        lot_size_units, price_digits, active, liquid, issuer_name)
    SELECT a.id, 'N' || s.n, 'EQUITY', 'UNIT', %(currency)s, 2, s.lot, 2, true, true, 'Night issuer'
    FROM assets a JOIN unnest(%(codes)s::text[], %(lots)s::bigint[]) WITH ORDINALITY s (code, lot, n) USING (code)
"""

FLOORS_SQL = """
    UPDATE ledger_account a SET limit_minor = f.floor
    FROM unnest(%s::bigint[], %s::bigint[]) AS f (id, floor) WHERE a.id = f.id
"""

LINKS_SQL = """
    INSERT INTO settlement_instructionlink (kind, instruction_id, other_id, created_at)
    SELECT 'WITH', least(i.id, o.id), greatest(i.id, o.id), %s
    FROM unnest(%s::bigint[], %s::bigint[]) AS l (one, other)
    JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = l.one
    JOIN settlement_instruction o ON o.source = 'OBLIGATION' AND o.source_id = l.other
    ON CONFLICT DO NOTHING
"""


def load_night(*, instructions: int, regime: str) -> None:
    """Fill the connected, migrated database with one batch of open instructions, by the product's own services.

    Amounts, parties, chains, circles, links and balances are those of bench.settlement.generate_instance.
    """
    batch = generate_instance(size=instructions, regime=regime, seed=SEED)
    load_reference()
    securities = len(batch.asset_is_cash) - 1
    participants = 1 + int(max(batch.deliverer.max(), batch.receiver.max(), batch.account.max()))
    with transaction.atomic():
        codes = _create_participants(count=participants)
        isins = _create_securities(lots=_lots_of(batch=batch, securities=securities))
    forget_directory()
    source = directory()
    ids = [source.participant_ids[code] for code in codes]
    house = open_accounts(participants=list(zip(ids, codes, strict=True)))
    account = np.array([house[each].pk for each in ids], np.int64)
    cash_account = np.array([house[each].linked_cash_id for each in ids], np.int64)
    asset = np.array([source.securities_by_isin[isin].id for isin in isins] + [source.currencies_by_code[CURRENCY].id])
    set_business_clock(business_date=EVE, at=noon_of(day=EVE), running=False, anew=True)
    _post_balances(batch=batch, account=account, cash_account=cash_account, asset=asset)
    create_instructions(
        columns=InstructionColumns(
            source_id=np.arange(1, instructions + 1),
            deliverer_account=account[batch.deliverer],
            receiver_account=account[batch.receiver],
            security=np.where(batch.isin == NOTHING, 0, asset[batch.isin]),
            quantity_units=batch.quantity,
            currency=np.full(instructions, asset[-1]),
            cash_minor=np.where(batch.kind == PAY, -batch.cash, batch.cash),
            intended_date=[BUSINESS_DATE] * instructions,
            priority=batch.priority,
            partial_allowed=batch.partial,
        ),
        at=noon_of(day=EVE),
    )
    one = np.flatnonzero(batch.linked_with != NOTHING)
    with connection.cursor() as cursor:
        cursor.execute(LINKS_SQL, [noon_of(day=EVE), (one + 1).tolist(), (batch.linked_with[one] + 1).tolist()])
        cursor.execute("VACUUM (ANALYZE)")


def _create_participants(*, count: int) -> list[str]:
    """Create participants; return their codes, the most active first."""
    rows = []
    for number in range(count):
        lei = f"5299NIGHT{number:09d}"
        letters = "".join(ALPHABET[number // 26**place % 26] for place in (2, 1, 0))
        rows.append(
            Participant(
                code=f"NIGHT{number:04d}",
                name=f"Night participant {number}",
                lei=lei + lei_check_digits(body=lei),
                bic=f"Z{letters}BEBB",
                role=ParticipantRole.CLEARING_MEMBER,
            )
        )
    return [row.code for row in Participant.objects.bulk_create(rows)]


def _create_securities(*, lots: Int64Array) -> list[str]:
    """Create a share for each lot size; return their ISINs."""
    bodies = [f"XS8{number:08d}" for number in range(len(lots))]
    codes = [body + isin_check_digit(body=body) for body in bodies]
    currency = directory().currencies_by_code[CURRENCY].id
    with connection.cursor() as cursor:
        cursor.execute(SECURITIES_SQL, {"codes": codes, "lots": lots.tolist(), "currency": currency})
    return codes


def _lots_of(*, batch: Submission, securities: int) -> Int64Array:
    """Return the lot size of each security: the multiple in which the batch lets parts of it settle."""
    lots = np.ones(securities, np.int64)
    moved = batch.isin != NOTHING
    np.maximum.at(lots, batch.isin[moved], batch.multiple[moved])
    return lots


def _post_balances(*, batch: Submission, account: Int64Array, cash_account: Int64Array, asset: Int64Array) -> None:
    """Give credit lines, then post what the accounts hold, out of issuance accounts without a limit."""
    source = directory()
    assert source.csd is not None
    infrastructure = [(source.csd.id, source.csd.code)]
    issuance = open_accounts(participants=infrastructure, name="ISSUANCE", limit_minor=None)[source.csd.id]
    cash_issuance = Account.objects.get(pk=issuance.linked_cash_id or 0, kind=AccountKind.CASH)
    is_cash = batch.asset == len(asset) - 1
    holder = np.where(is_cash, cash_account[batch.account], account[batch.account])
    with connection.cursor() as cursor:
        cursor.execute(FLOORS_SQL, [holder[is_cash].tolist(), batch.floor[is_cash].tolist()])
    number = np.arange(1, len(holder) + 1)
    post_entries(
        source="OPENING",
        business_date=EVE,
        at=noon_of(day=EVE),
        source_ids=np.tile(number, 2),
        accounts=np.concatenate((holder, np.where(is_cash, cash_issuance.pk, issuance.pk))),
        assets=np.tile(asset[batch.asset], 2),
        amounts=np.concatenate((batch.balance, -batch.balance)),
    )

"""Take settlement instructions in, in sets: from clearing's obligations, or one entered directly."""

from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from events.contracts import Share
from events.services.audit import record_action
from events.services.outbox import record_fact
from events.services.shares import read_shares, share_out
from ledger.models import Account, AccountKind
from reference.core.actor import Actor
from reference.core.directory import SecurityEntry
from reference.core.limits import LARGEST_AMOUNT
from reference.public_ids import new_public_ids
from reference.statistics import refresh_statistics
from settlement.contracts import InstructionsCreated
from settlement.models import Instruction, InstructionSource, PartyInstruction
from settlement.refusals import InstructionReferenceReused, InstructionRefused

Int64Array = NDArray[np.int64]

CREATE_SQL = """
    INSERT INTO settlement_instruction (
        public_id, source, source_id, reference, instructed_by_id, deliverer_account_id, receiver_account_id,
        security_id, quantity_units, currency_id, cash_minor, intended_date, priority, held_by_deliverer,
        held_by_receiver, status, reason, shortfall, partial_allowed, created_at)
    SELECT public_id, %s, source_id, '', NULL, deliverer_account_id, receiver_account_id,
        nullif(security_id, 0), quantity_units, currency_id, cash_minor, intended_date, priority, false, false,
        'PENDING', '', 0, partial_allowed, %s
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                %s::bigint[], %s::date[], %s::smallint[], %s::boolean[])
        AS i (public_id, source_id, deliverer_account_id, receiver_account_id, security_id, quantity_units,
              currency_id, cash_minor, intended_date, priority, partial_allowed)
    ON CONFLICT (source, source_id) DO NOTHING
"""


PARTIES_SQL = """
    SELECT a.participant_id, sum(n)::bigint FROM unnest(%s::bigint[], %s::bigint[]) AS side (id, n)
    JOIN ledger_account a ON a.id = side.id GROUP BY 1
"""


class InstructionColumns(NamedTuple):
    """Instructions that stand for something else, matched from the start; a column each, all of shape (n,).

    source_id: what each stands for, of the call's source. security: 0 for a payment only. cash_minor: what
    the receiver of the securities pays their deliverer; negative the other way round.
    Accounts are securities accounts; cash moves on the cash accounts linked to them.
    """

    source_id: Int64Array
    deliverer_account: Int64Array
    receiver_account: Int64Array
    security: Int64Array
    quantity_units: Int64Array
    currency: Int64Array
    cash_minor: Int64Array
    intended_date: list[date]
    priority: Int64Array
    partial_allowed: NDArray[np.bool_] | None = None


def create_instructions(
    *, columns: InstructionColumns, at: datetime, source: InstructionSource = InstructionSource.OBLIGATION
) -> int:
    """Create one instruction for each thing of the source, once; return how many were new."""
    count = len(columns.source_id)
    if not count:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            CREATE_SQL,
            [
                source.value,
                at,
                new_public_ids(count=count),
                columns.source_id.tolist(),
                columns.deliverer_account.tolist(),
                columns.receiver_account.tolist(),
                columns.security.tolist(),
                columns.quantity_units.tolist(),
                columns.currency.tolist(),
                columns.cash_minor.tolist(),
                columns.intended_date,
                columns.priority.tolist(),
                [False] * count if columns.partial_allowed is None else columns.partial_allowed.tolist(),
            ],
        )
        created = int(cursor.rowcount)
        if created:
            sides = (columns.deliverer_account, columns.receiver_account)
            shares = shares_of_accounts(sides=sides) if created == count else None
            record_fact(fact=InstructionsCreated(count=created), shares=shares)
        refresh_statistics(rows=created, tables=("settlement_instruction",))
    return created


def shares_of_accounts(*, sides: tuple[Int64Array, Int64Array]) -> dict[int, Share]:
    """Count things by the participants whose accounts they concern. sides: both accounts of each, arrays (n,)."""
    accounts, counts = np.unique(np.concatenate(sides), return_counts=True)
    return read_shares(sql=PARTIES_SQL, parameters=[accounts.tolist(), counts.tolist()])


class DirectInstruction(NamedTuple):
    """An instruction as entered directly for both sides, its codes resolved. No security: a payment only."""

    reference: str
    deliverer_account: Account
    receiver_account: Account
    security: SecurityEntry | None
    quantity_units: int
    cash_minor: int
    intended_date: date
    priority: int
    payment_currency_id: int | None = None

    @property
    def currency_id(self) -> int | None:
        """Return the currency of its cash: a delivery's is its security's."""
        return self.security.currency.id if self.security is not None else self.payment_currency_id


def enter_instruction(
    *,
    entered: DirectInstruction,
    instructing_participant_id: int,
    actor: Actor,
    at: datetime,
    business_date: date,
) -> tuple[Instruction, bool]:
    """Create one instruction for both parties; return it and whether it is new.

    The same reference with the same content is the same instruction. Raises InstructionReferenceReused,
    InstructionRefused.
    """
    _check(entered)
    with transaction.atomic():
        values = {
            "deliverer_account_id": entered.deliverer_account.pk,
            "receiver_account_id": entered.receiver_account.pk,
            "security_id": entered.security.id if entered.security is not None else None,
            "quantity_units": entered.quantity_units,
            "currency_id": entered.currency_id,
            "cash_minor": entered.cash_minor,
            "intended_date": entered.intended_date,
        }
        created: list[Instruction] = Instruction.objects.bulk_create(
            [
                Instruction(
                    public_id=public_id,
                    source="DIRECT",
                    reference=entered.reference,
                    instructed_by_id=instructing_participant_id,
                    priority=entered.priority,
                    status="PENDING",
                    created_at=at,
                    **values,
                )
                for public_id in new_public_ids(count=1)
            ],
            ignore_conflicts=True,
        )
        standing = Instruction.objects.get(
            source="DIRECT", instructed_by_id=instructing_participant_id, reference=entered.reference
        )
        if standing.public_id != created[0].public_id:
            if any(getattr(standing, name) != value for name, value in values.items()):
                raise InstructionReferenceReused(pointer="/reference")
            return standing, False
        if PartyInstruction.objects.filter(
            participant_id=instructing_participant_id, reference=entered.reference
        ).exists():
            raise InstructionReferenceReused(
                "The party's own instruction with this reference stands already.", pointer="/reference"
            )
        parties = (entered.deliverer_account.participant_id, entered.receiver_account.participant_id)
        shares = share_out(things=((party, standing.public_id) for party in parties))
        record_fact(fact=InstructionsCreated(count=1), shares=shares)
        record_action(
            actor=actor,
            action="instruction.entered",
            at=at,
            business_date=business_date,
            object_type="instruction",
            object_id=standing.pk,
            summary=f"{entered.reference}: {_what_moves(entered)} "
            f"from {entered.deliverer_account.code} to {entered.receiver_account.code}",
        )
    return standing, True


def _what_moves(entered: DirectInstruction) -> str:
    """Say briefly what an instruction moves, for the audit log."""
    if entered.security is None:
        return f"a payment of {entered.cash_minor} minor units"
    return f"{entered.quantity_units} {entered.security.isin}"


def _check(entered: DirectInstruction) -> None:
    """Raise InstructionRefused where the instruction could never be right."""
    for account, pointer in (
        (entered.deliverer_account, "/deliverer"),
        (entered.receiver_account, "/receiver"),
    ):
        if account.kind != AccountKind.SECURITIES:
            raise InstructionRefused("Instructions name securities accounts.", pointer=pointer)
    if entered.deliverer_account.pk == entered.receiver_account.pk:
        raise InstructionRefused("Deliverer and receiver are the same account.", pointer="/receiver")
    if entered.quantity_units > LARGEST_AMOUNT or abs(entered.cash_minor) > LARGEST_AMOUNT:
        pointer = "/quantity" if entered.quantity_units > LARGEST_AMOUNT else "/amount"
        raise InstructionRefused(f"One instruction moves at most {LARGEST_AMOUNT:,}.", pointer=pointer)
    if entered.quantity_units < 0:
        raise InstructionRefused("A quantity is zero or more: swap deliverer and receiver.", pointer="/quantity")
    if entered.currency_id is None or (entered.security is None and entered.quantity_units):
        raise InstructionRefused("A delivery names its security.", pointer="/security")
    if entered.quantity_units == 0 and entered.cash_minor == 0:
        raise InstructionRefused("The instruction moves nothing.", pointer="/quantity")

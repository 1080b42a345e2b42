"""One party's own settlement instruction, before it is matched with the other's, and the links it asks for."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.core.limits import LARGEST_AMOUNT
from reference.triggers import immutable_columns, legal_steps, refuse_delete
from settlement.core.party_lifecycle import PARTY_TRANSITIONS, PartyStatus


class Movement(models.TextChoices):
    """Which way an instruction moves securities; a payment only: DELI is paid (credit), RECE pays (debit)."""

    DELI = "DELI", "Deliver"
    RECE = "RECE", "Receive"


class Payment(models.TextChoices):
    """Whether money moves, and against what."""

    APMT = "APMT", "Against payment"
    FREE = "FREE", "Free of payment"
    PFOD = "PFOD", "Payment only"


class Partial(models.TextChoices):
    """Whether the party lets a part settle (T2S partial settlement indicator)."""

    NPAR = "NPAR", "Not in parts"
    PART = "PART", "In parts"
    PARQ = "PARQ", "In parts, from a least quantity"


OWN_ACCOUNTS = """
    IF NOT EXISTS (
        SELECT 1 FROM ledger_account a
        WHERE a.id = NEW.account_id AND a.participant_id = NEW.participant_id AND a.kind = 'SECURITIES'
    ) OR NEW.counterparty_account_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM ledger_account a
        WHERE a.id = NEW.counterparty_account_id AND a.participant_id = NEW.counterparty_id AND a.kind = 'SECURITIES'
    ) THEN
        RAISE EXCEPTION 'each party instructs over its own securities accounts' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""
# What it is matched into moves what it says, over its account. Cash: the deliverer's amount settles. Once a
# statement, and planned anew each time: the plan that suits one row would look up fifty thousand one by one.
SAME_TERMS = """
    EXECUTE 'SELECT EXISTS (
        SELECT 1 FROM new_rows n JOIN old_rows o ON o.id = n.id
        LEFT JOIN settlement_instruction i ON i.id = n.instruction_id
        WHERE n.instruction_id IS NOT NULL AND n.instruction_id IS DISTINCT FROM o.instruction_id AND (
            i.id IS NULL
            OR CASE n.movement WHEN ''DELI'' THEN i.deliverer_account_id ELSE i.receiver_account_id END <> n.account_id
            OR i.security_id IS DISTINCT FROM n.security_id OR i.quantity_units <> n.quantity_units
            OR i.currency_id <> n.currency_id OR i.intended_date <> n.intended_date
            OR n.movement = ''DELI'' AND i.cash_minor <> n.cash_minor))' INTO is_wrong;
    IF is_wrong THEN
        RAISE EXCEPTION 'an instruction settles what its parties instructed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""


class PartyInstruction(models.Model):
    """What one party instructs: to deliver or to receive, with whom, what, for how much and when.

    Matched with the other party's it becomes an Instruction, which settles. Only process indicators ever
    change (priority, partial, hold); for anything else it is cancelled and instructed anew (T2S).
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True)
    movement = models.CharField(max_length=4, choices=Movement.choices)
    participant = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False,
        help_text="The party's securities account; its cash moves on the cash account linked to it.",
    )  # fmt: skip
    counterparty = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    counterparty_account = models.ForeignKey(
        "ledger.Account", null=True, on_delete=models.PROTECT, related_name="+", db_index=False,
        help_text="Optional matching field.",
    )  # fmt: skip
    payment = models.CharField(max_length=4, choices=Payment.choices)
    security = models.ForeignKey(
        "reference.Security", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    quantity_units = models.BigIntegerField()
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    cash_minor = models.BigIntegerField(help_text="What the receiver pays the deliverer.")
    intended_date = models.DateField()
    trade_date = models.DateField(null=True, help_text="Optional matching field.")
    reference = models.CharField(max_length=35, help_text="The party's own, once for each party.")
    common_reference = models.CharField(max_length=35, blank=True, help_text="Optional matching field.")
    priority = models.SmallIntegerField(default=4, help_text="1 reserved, 2 top, 3 high, 4 normal.")
    partial = models.CharField(max_length=4, choices=Partial.choices, default=Partial.NPAR)
    partial_minimum_units = models.BigIntegerField(default=0, help_text="The least part, with PARQ.")
    held = models.BooleanField(default=False, help_text="The party keeps it from settling.")
    status = models.CharField(max_length=9, choices=[(state, state.title()) for state in PartyStatus])
    instruction = models.ForeignKey(
        "settlement.Instruction", null=True, on_delete=models.PROTECT, related_name="parties"
    )
    checked = models.BooleanField(default=False, help_text="Whether matching has looked at it since it came.")
    alleged_at = models.DateTimeField(null=True, help_text="When the counterparty was told. Business time.")
    created_at = models.DateTimeField(help_text="Business time.")
    changed_at = models.DateTimeField(help_text="Entry or last change. Business time.")
    ended_at = models.DateTimeField(null=True, help_text="When it was matched or cancelled. Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="partyinstruction_open", condition=Q(status="UNMATCHED")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["participant", "reference"], name="partyinstruction_reference_once"),
            models.UniqueConstraint(fields=["instruction", "movement"], name="partyinstruction_one_a_side"),
            models.CheckConstraint(condition=Q(movement__in=Movement.values), name="partyinstruction_movement"),
            models.CheckConstraint(condition=Q(status__in=list(PartyStatus)), name="partyinstruction_status"),
            models.CheckConstraint(condition=Q(priority__gte=1, priority__lte=4), name="partyinstruction_priority"),
            models.CheckConstraint(
                condition=Q(counterparty_account__isnull=True) | ~Q(counterparty_account=F("account")),
                name="partyinstruction_two_accounts",
            ),
            models.CheckConstraint(
                condition=Q(payment="APMT", security__isnull=False, quantity_units__gt=0, cash_minor__gt=0)
                | Q(payment="FREE", security__isnull=False, quantity_units__gt=0, cash_minor=0)
                | Q(payment="PFOD", security__isnull=True, quantity_units=0, cash_minor__gt=0),
                name="partyinstruction_payment",
            ),
            models.CheckConstraint(
                condition=Q(quantity_units__lte=LARGEST_AMOUNT, cash_minor__lte=LARGEST_AMOUNT),
                name="partyinstruction_not_absurd",
            ),
            models.CheckConstraint(
                condition=Q(partial="NPAR", partial_minimum_units=0)
                | Q(partial="PART", partial_minimum_units=0, quantity_units__gt=0)
                | Q(partial="PARQ", partial_minimum_units__gt=0, partial_minimum_units__lte=F("quantity_units")),
                name="partyinstruction_partial",
            ),
            models.CheckConstraint(
                condition=Q(trade_date__isnull=True) | Q(trade_date__lte=F("intended_date")),
                name="partyinstruction_dates",
            ),
            models.CheckConstraint(
                condition=Q(status="UNMATCHED", instruction__isnull=True, ended_at__isnull=True)
                | Q(status="MATCHED", instruction__isnull=False, ended_at__isnull=False)
                | Q(status="CANCELLED", instruction__isnull=True, ended_at__isnull=False),
                name="partyinstruction_matched_into_one",
            ),
        ]
        triggers = [
            *refuse_delete(table="settlement_partyinstruction"),
            legal_steps(table="settlement_partyinstruction", column="status", transitions=PARTY_TRANSITIONS),
            immutable_columns(
                table="settlement_partyinstruction",
                columns=(
                    "public_id", "movement", "participant_id", "account_id", "counterparty_id",
                    "counterparty_account_id", "payment", "security_id", "quantity_units", "currency_id",
                    "cash_minor", "intended_date", "trade_date", "reference", "common_reference", "created_at",
                ),
            ),
            pgtrigger.Trigger(
                name="settlement_partyinstruction_born_unmatched",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status <> 'UNMATCHED'"),
                func="RAISE EXCEPTION 'an instruction of a party begins UNMATCHED' USING ERRCODE = 'check_violation';",
            ),
            pgtrigger.Trigger(
                name="settlement_partyinstruction_own_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=OWN_ACCOUNTS,
            ),
            pgtrigger.Trigger(
                name="settlement_partyinstruction_same_terms",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
                declare=[("is_wrong", "boolean")],
                func=SAME_TERMS,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.movement} {self.reference}"

    @property
    def movement_code(self) -> str:
        """Return DELI or RECE; for a payment CRDT (is paid) or DBIT (pays), as ISO 20022 says it."""
        if self.payment != Payment.PFOD:
            return str(self.movement)
        return "CRDT" if self.movement == Movement.DELI else "DBIT"

    @property
    def side(self) -> str:
        """Return which side of the pair it is: deliverer or receiver."""
        return "deliverer" if self.movement == Movement.DELI else "receiver"


class PartyLinkKind(models.TextChoices):
    """How a party links two of its instructions (T2S: WITH, AFTE, BEFO)."""

    WITH = "WITH", "Settle together or not at all"
    AFTER = "AFTER", "Settle once the other has"
    BEFORE = "BEFORE", "Settle before the other may"


class PartyLink(models.Model):
    """A link as a party asks for it, between two of its own instructions; it stands until the party removes it.

    It takes effect, as an InstructionLink, once both are matched; until then whichever of the two must wait
    for the other is on hold.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=6, choices=PartyLinkKind.choices)
    party_instruction = models.ForeignKey(PartyInstruction, on_delete=models.PROTECT, related_name="wanted_links")
    other = models.ForeignKey(PartyInstruction, on_delete=models.PROTECT, related_name="wanted_links_from")
    created_at = models.DateTimeField(help_text="Business time.")
    resolved_at = models.DateTimeField(null=True, help_text="When it took effect. Business time.")
    removed_at = models.DateTimeField(null=True, help_text="Business time.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=PartyLinkKind.values), name="partylink_kind"),
            models.CheckConstraint(condition=~Q(party_instruction=F("other")), name="partylink_two_instructions"),
            models.UniqueConstraint(
                fields=["party_instruction", "other"],
                condition=Q(removed_at__isnull=True),
                name="partylink_once",
            ),
        ]
        triggers = [
            *refuse_delete(table="settlement_partylink"),
            immutable_columns(
                table="settlement_partylink", columns=("kind", "party_instruction_id", "other_id", "created_at")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.party_instruction_id} {self.kind} {self.other_id}"

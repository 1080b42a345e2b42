"""What a default costs, and which layer of the waterfall bears it: each row is a journal entry."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from clearing.core.waterfall import Layer
from clearing.models.default import DefaultCase
from reference.triggers import append_only

# At the end of the transaction, for the entry is posted after the row that causes it.
POSTED = """
    IF NOT EXISTS (
        SELECT 1 FROM ledger_journalentry e
        JOIN ledger_posting p ON p.entry_id = e.id AND {amount}
        WHERE e.source = '{source}' AND e.source_id = NEW.id
    ) THEN
        RAISE EXCEPTION '{what} % has no journal entry', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_posted';
    END IF;
    RETURN NULL;
"""

WHILE_TRANSFERRED = """
    IF EXISTS (
        SELECT 1 FROM new_rows n JOIN clearing_defaultcase c ON c.id = n.case_id WHERE c.status <> 'TRANSFERRED'
           OR n.member_id = c.member_id AND n.layer > 2 OR n.member_id <> c.member_id AND n.layer <= 2
    ) THEN
        RAISE EXCEPTION 'losses are allocated once its positions are transferred, its own resources first'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'waterfalluse_when_transferred';
    END IF;
    RETURN NULL;
"""

WHILE_OPEN = """
    IF EXISTS (
        SELECT 1 FROM new_rows n JOIN clearing_defaultcase c ON c.id = n.case_id
        WHERE c.status IN ('PROPOSED', 'WITHDRAWN', 'CLOSED')
           OR n.kind IN ('VARIATION', 'PRICE', 'HEDGE') AND c.status IN ('ALLOCATED')
    ) THEN
        RAISE EXCEPTION 'money moves for a declared default, and costs arise before they are allocated'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'casemovement_while_open';
    END IF;
    RETURN NULL;
"""


class CaseMovementKind(models.TextChoices):
    """Why money moves in a case. The first three make up its loss."""

    VARIATION = "VARIATION", "Variation margin that it did not pay"
    PRICE = "PRICE", "Price of an auctioned lot"
    HEDGE = "HEDGE", "Hedge of its positions"
    WORTH = "WORTH", "Worth of positions that another member takes over"
    COLLATERAL = "COLLATERAL", "Sale of its collateral"
    PORT = "PORT", "Margin of a client that is ported"
    GAIN = "GAIN", "What closing out brought, to its estate"
    RETURN = "RETURN", "What was not needed, to its estate"
    SKIN = "SKIN", "Own resources filled up again"


class CaseMovement(models.Model):
    """Money that moves because of a default: one journal entry, (DEFAULT, its id).

    amount_minor: positive, the CCP pays `member` (or its own accounts); negative, it is paid.
    """

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(DefaultCase, on_delete=models.PROTECT, related_name="movements")
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=CaseMovementKind.choices)
    member = models.ForeignKey(
        "reference.Participant", null=True, on_delete=models.PROTECT, related_name="+", help_text="Who is paid or pays."
    )
    lot = models.ForeignKey("clearing.AuctionLot", null=True, on_delete=models.PROTECT, related_name="movements")
    amount_minor = models.BigIntegerField()
    text = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=CaseMovementKind.values), name="casemovement_kind"),
            models.CheckConstraint(
                condition=~Q(amount_minor=0) | Q(kind="RETURN"), name="casemovement_moves_something"
            ),
            models.UniqueConstraint(
                fields=["lot", "kind"], condition=Q(lot__isnull=False), name="casemovement_lot_settled_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["PRICE", "WORTH"], lot__isnull=False, member__isnull=False)
                | Q(lot=None, member__isnull=False, kind__in=["HEDGE", "COLLATERAL", "PORT", "GAIN", "RETURN"])
                | Q(lot=None, member=None, kind__in=["VARIATION", "SKIN"]),
                name="casemovement_fits_its_kind",
            ),
        ]
        triggers = [
            *append_only(table="clearing_casemovement"),
            pgtrigger.Trigger(
                name="clearing_casemovement_while_open",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=WHILE_OPEN,
            ),
            pgtrigger.Trigger(
                name="clearing_casemovement_posted",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func=POSTED.format(
                    # Collateral that is returned may be securities alone.
                    amount="(p.amount = NEW.amount_minor AND p.asset_id = NEW.currency_id OR NEW.amount_minor = 0)",
                    source="DEFAULT", what="movement of a default", table="casemovement",
                ),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_minor:+d} in case {self.case_id}"


class WaterfallUse(models.Model):
    """What one layer of the waterfall had and bore in one currency; a member's where it is a member's.

    Its journal entry, (WATERFALL, its id), takes it from the layer's ledger account.
    """

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(DefaultCase, on_delete=models.PROTECT, related_name="uses")
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    layer = models.SmallIntegerField(choices=[(layer.value, layer.label) for layer in Layer])
    member = models.ForeignKey("reference.Participant", null=True, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+")
    available_minor = models.BigIntegerField()
    used_minor = models.BigIntegerField()
    at = models.DateTimeField(help_text="Business time.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "currency", "layer", "member"], name="waterfalluse_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(layer__in=[layer.value for layer in Layer]), name="waterfalluse_layer"),
            models.CheckConstraint(
                condition=Q(used_minor__gte=0, used_minor__lte=F("available_minor")),
                name="waterfalluse_no_more_than_there_is",
            ),
            models.CheckConstraint(
                condition=Q(layer__in=[3, 7], member=None) | ~Q(layer__in=[3, 7]) & Q(member__isnull=False),
                name="waterfalluse_of_a_member_or_the_ccp",
            ),
        ]
        triggers = [
            *append_only(table="clearing_waterfalluse"),
            pgtrigger.Trigger(
                name="clearing_waterfalluse_when_transferred",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=WHILE_TRANSFERRED,
            ),
            pgtrigger.Trigger(
                name="clearing_waterfalluse_posted",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.used_minor > 0"),
                timing=pgtrigger.Deferred,
                func=POSTED.format(
                    amount="p.amount = -NEW.used_minor AND p.asset_id = NEW.currency_id"
                    " AND p.account_id = NEW.account_id",
                    source="WATERFALL", what="use of a layer", table="waterfalluse",
                ),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{Layer(self.layer).label}: {self.used_minor}"

"""The auction of a defaulter's positions, and the porting of its clients'. Bids are sealed until the deadline."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from clearing.core.default_lifecycle import LOT_TRANSITIONS, LotStatus
from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete

# A lot is sold to its best bid, at its price; the best is the lowest, then the earliest, of each member's last.
SOLD_TO_ITS_BEST_BID = """
    IF NOT EXISTS (
        SELECT 1 FROM clearing_bid b WHERE b.id = NEW.winning_bid_id AND b.lot_id = NEW.id
          AND (NEW.reserve_minor IS NULL OR b.price_minor <= NEW.reserve_minor)
          AND NOT EXISTS (SELECT 1 FROM clearing_bid r
                          WHERE r.lot_id = b.lot_id AND r.member_id = b.member_id AND r.id > b.id)
          AND NOT EXISTS (
              SELECT 1 FROM (SELECT DISTINCT ON (member_id) id, price_minor, at FROM clearing_bid
                             WHERE lot_id = NEW.id ORDER BY member_id, id DESC) o
              WHERE (o.price_minor, o.at, o.id) < (b.price_minor, b.at, b.id))
    ) THEN
        RAISE EXCEPTION 'lot % is sold to its best bid', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'auctionlot_sold_to_its_best_bid';
    END IF;
    RETURN NULL;
"""

CUT_IN_DRAFT = """
    IF EXISTS (
        SELECT 1 FROM new_rows n JOIN clearing_auctionlot l ON l.id = n.lot_id
        JOIN clearing_defaultcase c ON c.id = l.case_id
        JOIN ledger_account a ON a.id = n.account_id JOIN reference_participant p ON p.id = a.participant_id
        WHERE l.status <> 'DRAFT' OR a.kind <> 'SECURITIES' OR c.member_id NOT IN (p.id, p.clearing_member_id)
    ) THEN
        RAISE EXCEPTION 'a lot is cut of what clears through the defaulter, before it is offered'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'lotposition_cut_in_draft';
    END IF;
    RETURN NULL;
"""

# Neither the row's own time nor the business clock may be past the deadline: who dates back is refused too.
BID_IN_TIME = """
    SELECT l.status, l.opened_at, l.deadline, c.member_id INTO lot
    FROM clearing_auctionlot l JOIN clearing_defaultcase c ON c.id = l.case_id WHERE l.id = NEW.lot_id
    FOR SHARE OF l;
    IF lot.status IS DISTINCT FROM 'OPEN' OR NEW.at > lot.deadline OR NEW.at < lot.opened_at
       OR EXISTS (SELECT 1 FROM reference_businessclock WHERE at > lot.deadline) THEN
        RAISE EXCEPTION 'a bid is made while its lot is open' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'bid_in_time';
    END IF;
    IF NEW.member_id = lot.member_id OR NOT EXISTS (
        SELECT 1 FROM clearing_membership m WHERE m.member_id = NEW.member_id AND m.status = 'ACTIVE'
    ) THEN
        RAISE EXCEPTION 'an active member bids, not the defaulter' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'bid_of_an_active_member';
    END IF;
    RETURN NEW;
"""


class AuctionLot(models.Model):
    """A part of a defaulter's positions in one currency, offered whole.

    worth_minor: at the marks of the last margin run. A price is what the CCP pays the member that takes the lot
    over beside its worth: positive, the member is paid for the risk; negative, it pays. The lowest wins.
    """

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey("clearing.DefaultCase", on_delete=models.PROTECT, related_name="lots")
    number = models.SmallIntegerField()
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    worth_minor = models.BigIntegerField()
    gross_minor = models.BigIntegerField(help_text="Sum of the absolute market values.")
    reserve_minor = models.BigIntegerField(null=True, help_text="The most the CCP pays; empty: whatever is asked.")
    status = models.CharField(
        max_length=6, choices=[(state.value, state.title()) for state in LotStatus], default=LotStatus.DRAFT.value
    )
    opened_at = models.DateTimeField(null=True, help_text="Business time.")
    deadline = models.DateTimeField(null=True, help_text="Business time; until then bids are sealed.")
    closed_at = models.DateTimeField(null=True, help_text="Business time.")
    winning_bid = models.OneToOneField("clearing.Bid", null=True, on_delete=models.PROTECT, related_name="won")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["case", "number"], name="auctionlot_number"),
            models.CheckConstraint(condition=Q(status__in=list(LotStatus)), name="auctionlot_status"),
            models.CheckConstraint(condition=Q(gross_minor__gte=0), name="auctionlot_gross"),
            models.CheckConstraint(condition=Q(deadline__gte=F("opened_at")), name="auctionlot_open_for_a_while"),
            models.CheckConstraint(condition=Q(closed_at__gte=F("deadline")), name="auctionlot_closed_after_deadline"),
            models.CheckConstraint(
                condition=Q(status="DRAFT", opened_at=None, deadline=None, closed_at=None, winning_bid=None)
                | Q(status="OPEN", opened_at__isnull=False, deadline__isnull=False, closed_at=None, winning_bid=None)
                | Q(status="UNSOLD", opened_at__isnull=False, deadline__isnull=False, closed_at__isnull=False,
                    winning_bid=None)
                | Q(status="SOLD", opened_at__isnull=False, deadline__isnull=False, closed_at__isnull=False,
                    winning_bid__isnull=False),
                name="auctionlot_is_as_it_says",
            ),
        ]  # fmt: skip
        triggers = [
            *refuse_delete(table="clearing_auctionlot"),
            legal_steps(table="clearing_auctionlot", column="status", transitions=LOT_TRANSITIONS),
            immutable_columns(
                table="clearing_auctionlot",
                columns=("case_id", "number", "currency_id", "name", "worth_minor", "gross_minor"),
            ),
            pgtrigger.Trigger(
                name="clearing_auctionlot_terms_once_open",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("opened_at", "deadline", "reserve_minor", "winning_bid_id", "closed_at"),
                condition=pgtrigger.Condition(
                    "OLD.status <> 'DRAFT' AND (OLD.opened_at, OLD.deadline, OLD.reserve_minor)"
                    " IS DISTINCT FROM (NEW.opened_at, NEW.deadline, NEW.reserve_minor)"
                    " OR OLD.status IN ('SOLD', 'UNSOLD')"
                ),
                func="RAISE EXCEPTION 'the terms of a lot that is offered never change'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'auctionlot_terms_once_open';",
            ),
            pgtrigger.Trigger(
                name="clearing_auctionlot_sold_to_its_best_bid",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("status"),
                condition=pgtrigger.Condition("NEW.status = 'SOLD'"),
                func=SOLD_TO_ITS_BEST_BID,
            ),
            pgtrigger.Trigger(
                name="clearing_auctionlot_born_draft",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status <> 'DRAFT'"),
                func="RAISE EXCEPTION 'a lot begins as a draft' USING ERRCODE = 'check_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"lot {self.number} of case {self.case_id}"


class LotPosition(models.Model):
    """What one account has open in one security, as a part of a lot, when it was cut."""

    id = models.BigAutoField(primary_key=True)
    lot = models.ForeignKey(AuctionLot, on_delete=models.PROTECT, related_name="positions")
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+")
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    quantity_units = models.BigIntegerField(help_text="Positive: to be received.")
    cash_minor = models.BigIntegerField(help_text="Positive: to be received.")
    mark_minor = models.BigIntegerField(help_text="Market value of the quantity.")

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["lot", "account", "security"], name="lotposition_once")]
        triggers = [
            *append_only(table="clearing_lotposition"),
            pgtrigger.Trigger(
                name="clearing_lotposition_cut_in_draft",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=CUT_IN_DRAFT,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity_units:+d} of {self.security_id} in lot {self.lot_id}"


class Bid(models.Model):
    """A sealed bid. A member's later bid on the lot replaces its earlier one, which is kept."""

    id = models.BigAutoField(primary_key=True)
    lot = models.ForeignKey(AuctionLot, on_delete=models.PROTECT, related_name="bids")
    member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    price_minor = models.BigIntegerField(help_text="What it wants to be paid to take the lot; negative: it pays.")
    made_by = models.CharField(max_length=150)
    at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["id"]
        triggers = [
            *append_only(table="clearing_bid"),
            pgtrigger.Trigger(
                name="clearing_bid_in_time",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("lot", "record")],
                func=BID_IN_TIME,
            ),
        ]

    def __str__(self) -> str:
        return f"bid of {self.member_id} on lot {self.lot_id}"


class PortStatus(models.TextChoices):
    """Where the porting of a client stands."""

    OFFERED = "OFFERED", "Offered"
    PORTED = "PORTED", "Ported"
    REFUSED = "REFUSED", "Refused"


class Porting(models.Model):
    """A client of the defaulter that another member may take over, with its consent (EMIR Article 48(5))."""

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey("clearing.DefaultCase", on_delete=models.PROTECT, related_name="portings")
    client = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    to_member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=7, choices=PortStatus.choices, default=PortStatus.OFFERED)
    offered_by = models.CharField(max_length=150)
    offered_at = models.DateTimeField(help_text="Business time.")
    answered_by = models.CharField(max_length=150, blank=True)
    answered_at = models.DateTimeField(null=True, help_text="Business time.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "client"], condition=~Q(status="REFUSED"), name="porting_one_at_a_time"
            ),
            models.CheckConstraint(condition=Q(status__in=PortStatus.values), name="porting_status"),
            models.CheckConstraint(
                condition=Q(status="OFFERED", answered_by="", answered_at=None)
                | Q(answered_at__isnull=False) & ~Q(status="OFFERED") & ~Q(answered_by=""),
                name="porting_answered_by_someone",
            ),
        ]
        triggers = [
            *refuse_delete(table="clearing_porting"),
            legal_steps(
                table="clearing_porting", column="status",
                transitions={"OFFERED": frozenset({"PORTED", "REFUSED"}), "PORTED": frozenset(),
                             "REFUSED": frozenset()},
            ),
            immutable_columns(
                table="clearing_porting",
                columns=("case_id", "client_id", "to_member_id", "offered_by", "offered_at"),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"porting of {self.client_id} to {self.to_member_id}"

"""Who is a member of the CCP, how it stands, and the CCP's accounts that hold what it has paid in."""

import pgtrigger
from django.db import models
from django.db.models import Q

from clearing.core.membership_lifecycle import TRANSITIONS, MembershipStatus
from reference.triggers import immutable_columns, legal_steps, refuse_delete

FITTING_ACCOUNTS = """
    SELECT count(*) INTO fitting
    FROM reference_participant m
    JOIN ledger_account c ON c.id = NEW.im_cash_id AND c.kind = 'CASH'
    JOIN ledger_account s ON s.id = NEW.im_securities_id AND s.kind = 'SECURITIES' AND s.linked_cash_id = c.id
    JOIN ledger_account f ON f.id = NEW.fund_cash_id AND f.kind = 'CASH' AND f.id <> c.id
    JOIN reference_participant o ON o.role = 'CCP' AND o.id = ALL(ARRAY[c.participant_id, s.participant_id,
        f.participant_id])
    WHERE m.id = NEW.member_id AND m.role = 'CLEARING_MEMBER'
      AND c.name = 'IM-' || m.code AND f.name = 'DF-' || m.code;
    IF fitting <> 1 THEN
        RAISE EXCEPTION 'a membership joins a clearing member with accounts of the CCP in its name'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_accounts';
    END IF;
    RETURN NULL;
"""


class Membership(models.Model):
    """A clearing member, and the CCP's accounts in its name: initial margin (cash, securities) and default fund.

    The accounts are the CCP's, one set a member, so that what one member paid in can never pay for another.
    """

    member = models.OneToOneField(
        "reference.Participant", primary_key=True, on_delete=models.PROTECT, related_name="clearing_membership"
    )
    group_name = models.CharField(
        max_length=40, blank=True, help_text="Affiliates share it; empty: the member stands alone."
    )
    status = models.CharField(
        max_length=10,
        choices=[(state.value, state.title()) for state in MembershipStatus],
        default=MembershipStatus.ACTIVE.value,
    )
    im_cash = models.OneToOneField("ledger.Account", on_delete=models.PROTECT, related_name="+")
    im_securities = models.OneToOneField("ledger.Account", on_delete=models.PROTECT, related_name="+")
    fund_cash = models.OneToOneField("ledger.Account", on_delete=models.PROTECT, related_name="+")
    joined_on = models.DateField(help_text="Business date.")

    class Meta:
        ordering = ["member__code"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=list(MembershipStatus)), name="membership_status"),
        ]
        triggers = [
            *refuse_delete(table="clearing_membership"),
            legal_steps(table="clearing_membership", column="status", transitions=TRANSITIONS),
            immutable_columns(
                table="clearing_membership",
                columns=("member_id", "im_cash_id", "im_securities_id", "fund_cash_id", "joined_on"),
            ),
            pgtrigger.Trigger(
                name="clearing_membership_accounts",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                declare=[("fitting", "bigint")],
                func=FITTING_ACCOUNTS,
            ),
        ]

    def __str__(self) -> str:
        return f"membership of {self.member_id}"

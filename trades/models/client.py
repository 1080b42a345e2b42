"""Clients and traders: who may send orders, through whom, into which account, and up to which limits."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.core.limits import LARGEST_AMOUNT
from reference.models.participant import BROKER_ROLES
from reference.triggers import immutable_columns, legal_steps, refuse_delete
from trades.core.client_lifecycle import CLIENT_TRANSITIONS, ClientStatus

MAY_SERVE = tuple(role.value for role in BROKER_ROLES)

BROKER_MAY_SERVE = f"""
IF NOT EXISTS (
    SELECT FROM reference_participant WHERE id = NEW.broker_id AND role IN {MAY_SERVE}) THEN
    RAISE EXCEPTION 'fmi: participant % serves no clients', NEW.broker_id
        USING ERRCODE = 'check_violation', CONSTRAINT = '{{name}}_broker_role';
END IF;
"""
ACCOUNT_OF_THE_BROKER = (
    BROKER_MAY_SERVE.format(name="client")
    + """
IF NOT EXISTS (
    SELECT FROM ledger_account
    WHERE id = NEW.settlement_account_id AND participant_id = NEW.broker_id AND kind = 'SECURITIES') THEN
    RAISE EXCEPTION 'fmi: account % is no securities account of the broker', NEW.settlement_account_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'client_settlement_account';
END IF;
RETURN NEW;
"""
)
# Each change of a limit names the approval that allowed it, which no other change has used before: proposals of one
# subject stand one after another, so a later one has a higher id.
LIMITS_CHANGED_BY_TWO = """
IF coalesce(NEW.limits_proposal_id, 0) <= coalesce(OLD.limits_proposal_id, 0) OR NOT EXISTS (
    SELECT FROM reference_proposal p
    WHERE p.id = NEW.limits_proposal_id AND p.kind = 'client-limits' AND p.status = 'APPROVED'
      AND p.subject_type = 'client' AND p.subject_id = NEW.id
      AND jsonb_build_object(
              'credit_limit_minor', OLD.credit_limit_minor, 'daily_limit_minor', OLD.daily_limit_minor,
              'margin_percent', OLD.margin_percent::text, 'short_sale_allowed', OLD.short_sale_allowed) || p.after
          = jsonb_build_object(
              'credit_limit_minor', NEW.credit_limit_minor, 'daily_limit_minor', NEW.daily_limit_minor,
              'margin_percent', NEW.margin_percent::text, 'short_sale_allowed', NEW.short_sale_allowed)) THEN
    RAISE EXCEPTION 'fmi: limits of client % change by an approved proposal only', NEW.code
        USING ERRCODE = 'check_violation', CONSTRAINT = 'client_limits_four_eyes';
END IF;
RETURN NEW;
"""
LIMIT_FIELDS = ("credit_limit_minor", "daily_limit_minor", "margin_percent", "short_sale_allowed")

USER_OF_THE_BROKER = (
    BROKER_MAY_SERVE.format(name="trader")
    + """
IF NEW.user_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM reference_membership WHERE user_id = NEW.user_id AND participant_id = NEW.broker_id) THEN
    RAISE EXCEPTION 'fmi: the login of trader % acts for another than its broker', NEW.code
        USING ERRCODE = 'check_violation', CONSTRAINT = 'trader_user_of_the_broker';
END IF;
RETURN NEW;
"""
)
CLOSED_FOR_GOOD = "RAISE EXCEPTION 'a closed client never changes' USING ERRCODE = 'check_violation';"


class Client(models.Model):
    """Somebody whose orders a broker sends to the venues. Amounts are in the client's default currency."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    broker = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="order_clients")
    settlement_account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", help_text="A securities account of the broker."
    )
    default_currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=9,
        choices=[(state.value, state.title()) for state in ClientStatus],
        default=ClientStatus.ACTIVE.value,
    )
    credit_limit_minor = models.BigIntegerField(help_text="The most that open orders and unsettled buys may cost.")
    daily_limit_minor = models.BigIntegerField(help_text="The most that may be ordered in one business day.")
    margin_percent = models.DecimalField(
        max_digits=5, decimal_places=2, default=0, help_text="Cash to be held, of an order's notional."
    )
    short_sale_allowed = models.BooleanField(default=False)
    limits_proposal = models.OneToOneField(
        "reference.Proposal", null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="By which approved proposal the limits are what they are; empty: as they were opened.",
    )  # fmt: skip
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9-]{1,19}$"), name="client_code_shape"),
            models.CheckConstraint(condition=~Q(name=""), name="client_has_a_name"),
            models.CheckConstraint(condition=Q(status__in=list(ClientStatus)), name="client_status"),
            models.CheckConstraint(
                condition=Q(
                    credit_limit_minor__gte=0, daily_limit_minor__gte=0, margin_percent__gte=0, margin_percent__lte=100,
                    credit_limit_minor__lte=LARGEST_AMOUNT, daily_limit_minor__lte=LARGEST_AMOUNT,
                ),
                name="client_limits",
            ),
        ]  # fmt: skip
        triggers = [
            *refuse_delete(table="trades_client"),
            legal_steps(table="trades_client", column="status", transitions=CLIENT_TRANSITIONS),
            # Limits are amounts of the default currency: another one would change them without a second person.
            immutable_columns(table="trades_client", columns=("code", "broker_id", "default_currency_id")),
            pgtrigger.Trigger(
                name="trades_client_account_of_the_broker",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("broker_id", "settlement_account_id"),
                func=ACCOUNT_OF_THE_BROKER,
            ),
            pgtrigger.Trigger(
                name="trades_client_born_without_proposal",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.limits_proposal_id IS NOT NULL"),
                func="RAISE EXCEPTION 'a client is opened without a proposal' USING ERRCODE = 'check_violation';",
            ),
            pgtrigger.Trigger(
                name="trades_client_limits_changed_by_two",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf(*LIMIT_FIELDS, "limits_proposal_id"),
                condition=pgtrigger.Condition(
                    "ROW(OLD.credit_limit_minor, OLD.daily_limit_minor, OLD.margin_percent, OLD.short_sale_allowed,"
                    " OLD.limits_proposal_id) IS DISTINCT FROM ROW(NEW.credit_limit_minor, NEW.daily_limit_minor,"
                    " NEW.margin_percent, NEW.short_sale_allowed, NEW.limits_proposal_id)"
                ),
                func=LIMITS_CHANGED_BY_TWO,
            ),
            pgtrigger.Trigger(
                name="trades_client_closed_for_good",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.status = 'CLOSED'"),
                func=CLOSED_FOR_GOOD,
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Trader(models.Model):
    """A person who enters orders for a broker's clients."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    broker = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="traders")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="trader"
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9-]{1,19}$"), name="trader_code_shape"),
            models.CheckConstraint(condition=~Q(name=""), name="trader_has_a_name"),
        ]
        triggers = [
            *refuse_delete(table="trades_trader"),
            immutable_columns(table="trades_trader", columns=("code", "broker_id")),
            pgtrigger.Trigger(
                name="trades_trader_user_of_the_broker",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("user_id", "broker_id"),
                func=USER_OF_THE_BROKER,
            ),
        ]

    def __str__(self) -> str:
        return self.code

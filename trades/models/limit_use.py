"""How much of each client's limits is used: moved with the orders, in the same statement, and never above.

A limit that is lowered below what is used stands until something is to be added: `limit_minor` is the limit that
held when use last grew, so that freeing a part is never refused.
"""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from reference.core.limits import LARGEST_AMOUNT
from reference.triggers import refuse_delete

# Rows in the order of their clients, so that two statements never wait for each other.
USE_WITH_INSERTED_ORDERS = """
    IF EXISTS (
        SELECT 1 FROM new_rows WHERE status NOT IN ('RECEIVED', 'VALIDATED', 'REJECTED') OR filled_units <> 0
           OR filled_minor <> 0 OR reserved_minor > ordered_minor
    ) THEN
        RAISE EXCEPTION 'an order begins unfilled, and reserves no more than it is worth'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_begins_unfilled';
    END IF;
    INSERT INTO trades_credituse (client_id, used_minor, limit_minor)
    SELECT n.client_id, n.used_minor, c.credit_limit_minor
    FROM (SELECT client_id, sum(reserved_minor)::bigint AS used_minor FROM new_rows GROUP BY 1) n
    JOIN trades_client c ON c.id = n.client_id
    WHERE n.used_minor > 0 ORDER BY 1
    ON CONFLICT (client_id) DO UPDATE
        SET used_minor = trades_credituse.used_minor + EXCLUDED.used_minor, limit_minor = EXCLUDED.limit_minor;
    INSERT INTO trades_dailyuse (client_id, business_date, ordered_minor, replaced_minor, limit_minor)
    SELECT n.client_id, n.business_date, n.ordered_minor, 0, c.daily_limit_minor
    FROM (SELECT client_id, business_date, sum(ordered_minor)::bigint AS ordered_minor FROM new_rows GROUP BY 1, 2) n
    JOIN trades_client c ON c.id = n.client_id
    WHERE n.ordered_minor > 0 ORDER BY 1, 2
    ON CONFLICT (client_id, business_date) DO UPDATE
        SET ordered_minor = trades_dailyuse.ordered_minor + EXCLUDED.ordered_minor, limit_minor = EXCLUDED.limit_minor;
    RETURN NULL;
"""
USE_WITH_MOVED_ORDERS = """
    SELECT array_agg(client_id), array_agg(change) INTO clients, changes
    FROM (
        SELECT n.client_id, sum(n.reserved_minor - o.reserved_minor)::bigint AS change
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        WHERE n.reserved_minor <> o.reserved_minor GROUP BY 1 ORDER BY 1
    ) d WHERE change <> 0;
    IF clients IS NULL THEN
        RETURN NULL;
    END IF;
    IF cardinality(clients) > 1 THEN
        PERFORM 1 FROM trades_credituse WHERE client_id = ANY(clients) ORDER BY client_id FOR NO KEY UPDATE;
    END IF;
    UPDATE trades_credituse u
    SET used_minor = u.used_minor + d.change,
        limit_minor = CASE WHEN d.change > 0 THEN c.credit_limit_minor ELSE u.limit_minor END
    FROM unnest(clients, changes) AS d (client_id, change) JOIN trades_client c ON c.id = d.client_id
    WHERE u.client_id = d.client_id;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(clients) THEN
        RAISE EXCEPTION 'an order that reserves nothing cannot begin to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credituse_begins_with_an_order';
    END IF;
    RETURN NULL;
"""


def _moved_by_orders(*, table: str, column: str) -> list[pgtrigger.Trigger]:
    """Refuse whatever moves the column but the triggers of the orders."""
    refusal = f"RAISE EXCEPTION '{table}.{column} is moved by orders only' USING ERRCODE = 'restrict_violation';"
    return [
        pgtrigger.Trigger(
            name=f"{table}_moved_by_orders",
            when=pgtrigger.Before,
            operation=pgtrigger.UpdateOf(column),
            condition=pgtrigger.Condition(f"OLD.{column} <> NEW.{column} AND pg_trigger_depth() = 0"),
            func=refusal,
        ),
        pgtrigger.Trigger(
            name=f"{table}_begins_with_an_order",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            condition=pgtrigger.Condition(f"NEW.{column} <> 0 AND pg_trigger_depth() = 0"),
            func=refusal,
        ),
    ]


class CreditUse(models.Model):
    """What a client's open orders and unsettled purchases hold of its credit limit, in its own currency."""

    client = models.OneToOneField("trades.Client", primary_key=True, on_delete=models.PROTECT, related_name="credit")
    used_minor = models.BigIntegerField(default=0)
    limit_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used_minor__gte=0, used_minor__lte=F("limit_minor"), limit_minor__lte=LARGEST_AMOUNT),
                name="credituse_within_limit",
            ),
        ]
        triggers = [
            *refuse_delete(table="trades_credituse"),
            *_moved_by_orders(table="trades_credituse", column="used_minor"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id}: {self.used_minor}"


class DailyUse(models.Model):
    """What a client has ordered on a business date, in its own currency; what ends unfilled is not given back."""

    id = models.BigAutoField(primary_key=True)
    client = models.ForeignKey("trades.Client", on_delete=models.PROTECT, related_name="days", db_index=False)
    business_date = models.DateField()
    ordered_minor = models.BigIntegerField(default=0)
    replaced_minor = models.BigIntegerField(default=0, help_text="What replacements added to orders that stood.")
    limit_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "business_date"], name="dailyuse_unique"),
            models.CheckConstraint(
                condition=Q(ordered_minor__gte=0, replaced_minor__gte=0, limit_minor__lte=LARGEST_AMOUNT)
                & Q(ordered_minor__lte=F("limit_minor") - F("replaced_minor")),
                name="dailyuse_within_limit",
            ),
        ]
        triggers = [
            *refuse_delete(table="trades_dailyuse"),
            *_moved_by_orders(table="trades_dailyuse", column="ordered_minor"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} {self.business_date}: {self.ordered_minor}"

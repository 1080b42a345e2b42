"""Accounts, balances and the journal. The database keeps the books true, whoever writes them."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.models.version import stamp_version
from reference.triggers import append_only, immutable_columns, refuse_delete


class AccountKind(models.TextChoices):
    """What an account can hold."""

    CASH = "CASH", "Cash"
    SECURITIES = "SECURITIES", "Securities"


# Who pays for a securities account is its owner: settlement moves the linked cash without asking again.
PAID_BY_ITS_OWNER = """
    IF NOT EXISTS (
        SELECT FROM ledger_account
        WHERE id = NEW.linked_cash_id AND participant_id = NEW.participant_id AND kind = 'CASH') THEN
        RAISE EXCEPTION 'fmi: account % is paid for by no cash account of its participant', NEW.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_linked_cash_own';
    END IF;
    RETURN NEW;
"""


class Account(models.Model):
    """A cash or a securities account of a participant: its own (HOUSE) or one client's, segregated.

    A securities account is linked to the cash account that pays and is paid for its deliveries.
    """

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=40, unique=True, help_text="PARTICIPANT-KIND-NAME")
    participant = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="accounts")
    kind = models.CharField(max_length=10, choices=AccountKind.choices)
    name = models.CharField(max_length=20, default="HOUSE")
    linked_cash = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    limit_minor = models.BigIntegerField(
        null=True,
        default=0,
        help_text="No balance of the account may end below this. Empty: no limit (issuance accounts only).",
    )

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["participant", "kind", "name"], name="account_unique"),
            models.CheckConstraint(condition=Q(kind__in=AccountKind.values), name="account_kind"),
            models.CheckConstraint(
                condition=Q(kind="SECURITIES", linked_cash__isnull=False) | Q(kind="CASH", linked_cash__isnull=True),
                name="account_linked_cash",
            ),
        ]
        # Capture keeps the accounts in the process beside the reference directory, under the same stamp.
        triggers = [
            *refuse_delete(table="ledger_account"),
            stamp_version(table="ledger_account"),
            immutable_columns(table="ledger_account", columns=("code", "participant_id", "kind", "name")),
            pgtrigger.Trigger(
                name="ledger_account_paid_by_its_owner",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("linked_cash_id"),
                condition=pgtrigger.Condition("NEW.linked_cash_id IS NOT NULL"),
                func=PAID_BY_ITS_OWNER,
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def is_client(self) -> bool:
        """Whether the account holds one client's assets rather than the participant's own."""
        return self.name != "HOUSE"


class Balance(models.Model):
    """What an account holds of an asset: moved only by postings, never below its floor."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="balances")
    asset = models.ForeignKey("reference.Asset", on_delete=models.PROTECT, related_name="+")
    balance = models.BigIntegerField(default=0, help_text="Minor units of a currency, units of a security.")
    floor = models.BigIntegerField(null=True, help_text="Empty: no limit.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "asset"], name="balance_unique"),
            models.CheckConstraint(
                condition=Q(floor__isnull=True) | Q(balance__gte=F("floor")), name="balance_not_below_floor"
            ),
        ]
        triggers = [
            *refuse_delete(table="ledger_balance"),
            pgtrigger.Trigger(
                name="ledger_balance_moved_by_postings",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("balance"),
                condition=pgtrigger.Condition("OLD.balance <> NEW.balance AND pg_trigger_depth() = 0"),
                func="RAISE EXCEPTION 'a balance is moved by postings only' USING ERRCODE = 'restrict_violation';",
            ),
            pgtrigger.Trigger(
                name="ledger_balance_begins_at_zero",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.balance <> 0"),
                func="RAISE EXCEPTION 'a balance begins at zero' USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}/{self.asset_id}: {self.balance}"


class JournalEntry(models.Model):
    """One balanced set of postings, written once per (source, source_id)."""

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=20, help_text="What kind of thing caused it: INSTRUCTION, OPENING, …")
    source_id = models.BigIntegerField()
    business_date = models.DateField()
    at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        verbose_name_plural = "journal entries"
        constraints = [models.UniqueConstraint(fields=["source", "source_id"], name="journalentry_source")]
        triggers = append_only(table="ledger_journalentry")

    def __str__(self) -> str:
        return f"{self.source} {self.source_id}"


POST_INSERTED_ROWS = """
    IF EXISTS (SELECT 1 FROM new_rows GROUP BY entry_id, asset_id HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'journal entry does not sum to zero per asset'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_entry_balanced';
    END IF;
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT entry_id, business_date FROM new_rows) n
        LEFT JOIN ledger_journalentry e ON e.id = n.entry_id
        WHERE e.id IS NULL OR e.business_date <> n.business_date
    ) THEN
        RAISE EXCEPTION 'posting refers to no journal entry of its business date'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_posting_entry_id_exists';
    END IF;
    SELECT array_agg(account_id), array_agg(asset_id), array_agg(amount) INTO accounts, assets, amounts
    FROM (SELECT account_id, asset_id, sum(amount)::bigint AS amount FROM new_rows GROUP BY 1, 2 ORDER BY 1, 2) n;
    INSERT INTO ledger_balance (account_id, asset_id, balance, floor)
    SELECT n.account_id, n.asset_id, 0, a.limit_minor
    FROM unnest(accounts, assets) AS n (account_id, asset_id)
    JOIN ledger_account a ON a.id = n.account_id
    WHERE NOT EXISTS (
        SELECT 1 FROM ledger_balance b WHERE b.account_id = n.account_id AND b.asset_id = n.asset_id
    )
    ORDER BY 1, 2
    ON CONFLICT (account_id, asset_id) DO NOTHING;
    PERFORM 1 FROM ledger_balance b
    JOIN unnest(accounts, assets) AS n (account_id, asset_id) USING (account_id, asset_id)
    ORDER BY b.id FOR NO KEY UPDATE OF b;
    GET DIAGNOSTICS locked = ROW_COUNT;
    IF locked <> cardinality(accounts) THEN
        RAISE EXCEPTION 'posting refers to no account'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_posting_account_id_exists';
    END IF;
    UPDATE ledger_balance b SET balance = b.balance + n.amount
    FROM unnest(accounts, assets, amounts) AS n (account_id, asset_id, amount)
    WHERE b.account_id = n.account_id AND b.asset_id = n.asset_id AND n.amount <> 0;
    RETURN NULL;
"""


class Posting(models.Model):
    """One line of the journal: a signed amount of one asset on one account.

    The insert trigger refuses a statement whose entries do not sum to zero per asset, and moves the
    balances in the same statement, so that a balance can never disagree with its postings.
    """

    id = models.BigAutoField(primary_key=True)
    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="postings", db_constraint=False)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="postings", db_constraint=False, db_index=False
    )
    asset = models.ForeignKey(
        "reference.Asset", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    amount = models.BigIntegerField(help_text="Positive: received by the account. Minor units or units.")
    business_date = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["account", "asset", "business_date"], name="posting_account_asset_date")]
        constraints = [models.CheckConstraint(condition=~Q(amount=0), name="posting_amount_not_zero")]
        triggers = [
            *append_only(table="ledger_posting"),
            pgtrigger.Trigger(
                name="ledger_posting_moves_balances",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                declare=[
                    ("accounts", "bigint[]"),
                    ("assets", "bigint[]"),
                    ("amounts", "bigint[]"),
                    ("locked", "bigint"),
                ],
                func=POST_INSERTED_ROWS,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount:+d} of {self.asset_id}"

    @property
    def given(self) -> int:
        """Return what the account gave, as a positive amount; below zero where it received."""
        return -self.amount

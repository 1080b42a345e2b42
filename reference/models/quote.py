"""Quotes during the day, and exchange rates: facts that are never rewritten."""

import pgtrigger
from django.db import models
from django.db.models import DateField, DateTimeField, F, Func, Q, Value
from django.db.models.functions import Cast, Now

from reference.core.calendar import BUSINESS_ZONE
from reference.models.asset import Currency, Security
from reference.triggers import append_only, references_checked

BASE_CURRENCY = "EUR"


class Quote(models.Model):
    """What a security could be bought and sold at, and was last traded at, at one moment of business time."""

    id = models.BigAutoField(primary_key=True)
    security = models.ForeignKey(
        Security, on_delete=models.PROTECT, related_name="quotes", db_constraint=False, db_index=False
    )
    at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField(help_text="The date of `at` in the business zone.")
    bid = models.DecimalField(max_digits=18, decimal_places=6, help_text="In the security's quotation.")
    ask = models.DecimalField(max_digits=18, decimal_places=6)
    last = models.DecimalField(max_digits=18, decimal_places=6)
    bid_units = models.BigIntegerField()
    ask_units = models.BigIntegerField()
    last_units = models.BigIntegerField()
    source = models.CharField(max_length=16, help_text="Who gave it: a feed, a file, a login.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        """One a security, moment and source; prices are positive and never crossed; the rows are facts.

        The unique index also finds the last quote at or before a moment (market_data.LATEST_QUOTE_SQL).
        """

        constraints = [
            models.UniqueConstraint(fields=["security", "at", "source"], name="quote_unique"),
            # NaN is above every number, so an upper bound keeps it out.
            models.CheckConstraint(
                condition=Q(bid__gt=0, last__gt=0, ask__lt=10**12, last__lt=10**12), name="quote_positive"
            ),
            models.CheckConstraint(condition=Q(bid__lte=F("ask")), name="quote_never_crossed"),
            models.CheckConstraint(
                condition=Q(bid_units__gte=0, ask_units__gte=0, last_units__gte=0), name="quote_sizes_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(
                    business_date=Cast(
                        Func(Value(BUSINESS_ZONE.key), F("at"), function="timezone", output_field=DateTimeField()),
                        DateField(),
                    )
                ),
                name="quote_on_its_date",
            ),
            models.CheckConstraint(condition=Q(source__regex=r"^\S(.*\S)?$"), name="quote_source_given"),
        ]
        triggers = [
            *append_only(table="reference_quote"),
            references_checked(table="reference_quote", references={"security_id": "reference_security.asset_ptr_id"}),
        ]

    def __str__(self) -> str:
        """The security's id, the moment and both prices."""
        return f"{self.security_id} {self.at} {self.bid} to {self.ask}"


class ExchangeRate(models.Model):
    """What one unit of a currency is worth in the base currency, from a date on until the next one."""

    id = models.BigAutoField(primary_key=True)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, related_name="exchange_rates", db_index=False)
    date = models.DateField()
    value = models.DecimalField(max_digits=20, decimal_places=10, help_text="Of one unit, in EUR.")
    source = models.CharField(max_length=16)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        """One a currency and date, positive, and none for the base currency, which is worth itself."""

        ordering = ["currency", "date"]
        constraints = [
            models.UniqueConstraint(fields=["currency", "date"], name="exchangerate_unique"),
            models.CheckConstraint(condition=Q(value__gt=0, value__lt=10**10), name="exchangerate_positive"),
            models.CheckConstraint(condition=Q(source__regex=r"^\S(.*\S)?$"), name="exchangerate_source_given"),
        ]
        triggers = [
            *append_only(table="reference_exchangerate"),
            pgtrigger.Trigger(
                name="reference_exchangerate_not_of_the_base",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=f"""
                IF (SELECT code FROM reference_asset WHERE id = NEW.currency_id) = '{BASE_CURRENCY}' THEN
                    RAISE EXCEPTION 'the base currency {BASE_CURRENCY} has no exchange rate'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'exchangerate_not_of_the_base';
                END IF;
                RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        """The currency's id, the date and the value."""
        return f"{self.currency_id} {self.date} {self.value}"

"""What can be owed and held: currencies and securities."""

from typing import Any

import pgtrigger
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from reference.core.identifiers import check_isin
from reference.models.calendar import Calendar
from reference.models.version import stamp_version
from reference.refusals import Refusal
from reference.triggers import refuse_delete


class AssetKind(models.TextChoices):
    """Cash or security."""

    CASH = "CASH", "Cash"
    SECURITY = "SECURITY", "Security"


class SecurityType(models.TextChoices):
    """What kind of security it is."""

    EQUITY = "EQUITY", "Equity"
    BOND = "BOND", "Bond"
    FUND = "FUND", "Fund"


class IssuerSector(models.TextChoices):
    """Who issued it, as far as penalties and collateral haircuts ask."""

    GOVERNMENT = "GOVERNMENT", "Sovereign, local, central bank or multilateral development bank"
    CORPORATE = "CORPORATE", "Any other issuer"


class Quotation(models.TextChoices):
    """How its price is said: per unit, or in percent of nominal (amount = quantity * price / 100)."""

    UNIT = "UNIT", "Per unit"
    PERCENT = "PERCENT", "Percent of nominal"


def refuse_other_kind(*, name: str, kind: AssetKind) -> pgtrigger.Trigger:
    """Refuse a child row whose asset row is of another kind."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Row,
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=f"""
        IF (SELECT kind FROM reference_asset WHERE id = NEW.asset_ptr_id) IS DISTINCT FROM '{kind.value}' THEN
            RAISE EXCEPTION 'fmi: asset % is not of kind {kind.value}', NEW.asset_ptr_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
        """,
    )


class Asset(models.Model):
    """Anything a balance can be kept in. Never deleted and never renumbered."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=12, unique=True, help_text="ISO 4217 code, or the ISIN (ISO 6166)")
    kind = models.CharField(max_length=8, choices=AssetKind.choices)
    name = models.CharField(max_length=120)
    digits = models.SmallIntegerField(help_text="Decimal digits of one unit: 2 for EUR and USD, 0 for securities")

    class Meta:
        """Kind, code shape and digits agree; the row outlives everything that refers to it."""

        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=AssetKind.values), name="asset_kind_known"),
            models.CheckConstraint(
                condition=Q(kind=AssetKind.CASH, code__regex=r"^[A-Z]{3}$")
                | Q(kind=AssetKind.SECURITY, code__regex=r"^[A-Z]{2}[A-Z0-9]{9}[0-9]$"),
                name="asset_code_shape",
            ),
            models.CheckConstraint(
                condition=Q(kind=AssetKind.CASH, digits__gte=0, digits__lte=4) | Q(kind=AssetKind.SECURITY, digits=0),
                name="asset_digits_range",
            ),
        ]
        triggers = [
            *refuse_delete(table="reference_asset"),
            pgtrigger.ReadOnly(name="reference_asset_identity", fields=["id", "kind"]),
            stamp_version(table="reference_asset"),
        ]

    def __str__(self) -> str:
        """The asset's code."""
        return self.code


class Currency(Asset):
    """A currency: its payment calendar and its matching tolerance (CSDR RTS (EU) 2018/1229, Article 6)."""

    # The link is named because a security's own `currency` would clash with the reverse name.
    asset_ptr = models.OneToOneField(
        Asset, on_delete=models.CASCADE, parent_link=True, primary_key=True, related_name="as_currency"
    )
    calendar = models.ForeignKey(Calendar, on_delete=models.PROTECT, related_name="currencies")
    tolerance_band_minor = models.BigIntegerField(
        default=10_000_000, help_text="Amounts up to this one have the smaller tolerance: 100,000.00"
    )
    tolerance_below_minor = models.BigIntegerField(default=200, help_text="Tolerance up to the band: 2.00")
    tolerance_above_minor = models.BigIntegerField(default=2_500, help_text="Tolerance above the band: 25.00")

    class Meta:
        """Tolerances are not negative; the row is never deleted."""

        verbose_name_plural = "currencies"
        constraints = [
            models.CheckConstraint(
                condition=Q(tolerance_band_minor__gte=0, tolerance_below_minor__gte=0, tolerance_above_minor__gte=0),
                name="currency_tolerance_not_negative",
            ),
        ]
        triggers = [
            refuse_other_kind(name="currency_kind", kind=AssetKind.CASH),
            *refuse_delete(table="reference_currency"),
            pgtrigger.ReadOnly(name="reference_currency_identity", fields=["asset_ptr"]),
            stamp_version(table="reference_currency"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save as an asset of kind CASH."""
        self.kind = AssetKind.CASH
        super().save(*args, **kwargs)


class Security(Asset):
    """A security; its asset code is the ISIN, its quantities are whole units (bonds: units of nominal)."""

    asset_ptr = models.OneToOneField(
        Asset, on_delete=models.CASCADE, parent_link=True, primary_key=True, related_name="as_security"
    )
    symbol = models.CharField(max_length=24, unique=True, help_text="The short name of the market")
    security_type = models.CharField(max_length=6, choices=SecurityType.choices)
    quotation = models.CharField(max_length=7, choices=Quotation.choices)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, related_name="securities")
    settlement_lag_days = models.SmallIntegerField(help_text="Business days from trade to settlement")
    lot_size_units = models.BigIntegerField(default=1, help_text="Smallest quantity, and its multiple")
    price_digits = models.SmallIntegerField(default=4, help_text="Decimal digits a price may have, at most 6")
    active = models.BooleanField(default=True)
    liquid = models.BooleanField(default=True, help_text="Liquid market in the sense of the CSDR penalty table")
    issuer_name = models.CharField(max_length=120)
    issuer_sector = models.CharField(
        max_length=10, choices=IssuerSector.choices, default=IssuerSector.CORPORATE, db_default=IssuerSector.CORPORATE
    )
    sme_growth_market = models.BooleanField(
        default=False, db_default=False, help_text="Traded on an SME growth market (CSDR penalty table)"
    )
    maturity_date = models.DateField(null=True, blank=True)

    class Meta:
        """Known type and quotation, sane lag, lot and price digits; the row is never deleted."""

        verbose_name_plural = "securities"
        constraints = [
            models.CheckConstraint(condition=Q(security_type__in=SecurityType.values), name="security_type_known"),
            models.CheckConstraint(condition=Q(quotation__in=Quotation.values), name="security_quotation_known"),
            models.CheckConstraint(condition=Q(issuer_sector__in=IssuerSector.values), name="security_sector_known"),
            models.CheckConstraint(
                condition=Q(settlement_lag_days__gte=0, settlement_lag_days__lte=30),
                name="security_lag_range",
            ),
            models.CheckConstraint(condition=Q(lot_size_units__gte=1), name="security_lot_positive"),
            models.CheckConstraint(
                condition=Q(price_digits__gte=0, price_digits__lte=6), name="security_price_digits_range"
            ),
            models.CheckConstraint(
                condition=Q(security_type=SecurityType.BOND) | Q(maturity_date__isnull=True),
                name="security_only_bonds_mature",
            ),
        ]
        triggers = [
            refuse_other_kind(name="security_kind", kind=AssetKind.SECURITY),
            *refuse_delete(table="reference_security"),
            pgtrigger.ReadOnly(name="reference_security_identity", fields=["asset_ptr"]),
            stamp_version(table="reference_security"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save as an asset of kind SECURITY, in whole units."""
        self.kind = AssetKind.SECURITY
        self.digits = 0
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Check the ISIN's check digit (ISO 6166). Raises ValidationError on `code`."""
        super().clean()
        try:
            check_isin(value=self.code)
        except Refusal as refusal:
            raise ValidationError({"code": refusal.message}) from refusal

"""Reads of compliance: alerts, what each rule found, the restricted list, and an enrichment explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from reference.core.actor import Actor
from trades.core.alert_lifecycle import AlertStatus
from trades.models import (
    ComplianceAlert,
    ComplianceRule,
    OrderEnrichment,
    PriceSource,
    RestrictedEntry,
    RiskWeights,
    Severity,
    TradeEnrichment,
)
from trades.models.compliance_rule import PARAMETERS
from trades.models.enrichment import RISK_PARTS
from trades.refusals.compliance import UnknownAlert, UnknownRule

SURVEILLANCE = "Surveillance is the operator's and the auditor's; nobody is told of alerts about himself (MAR Art. 16)."
RANKS = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}
STATES = {AlertStatus.OPEN: 0, AlertStatus.ACKNOWLEDGED: 1, AlertStatus.CLOSED: 2}


def expect_surveillance(*, actor: Actor) -> None:
    """Raise PermissionDenied for a participant."""
    if not actor.sees_all:
        raise PermissionDenied(SURVEILLANCE)


def alerts_visible_to(*, actor: Actor) -> QuerySet[ComplianceAlert]:
    """Return all alerts for who sees all, none for a participant: who is watched is not told."""
    alerts = ComplianceAlert.objects.select_related("rule", "participant", "security", "trade", "order")
    return alerts if actor.sees_all else alerts.none()


def order_by_urgency(*, alerts: QuerySet[ComplianceAlert]) -> QuerySet[ComplianceAlert]:
    """Order alerts: open before acknowledged before closed, then by severity, then the newest first."""

    def rank(field: str, ranks: dict[Any, int]) -> Case:
        whens = [When(**{field: value}, then=Value(place)) for value, place in ranks.items()]
        return Case(*whens, output_field=IntegerField())

    return alerts.order_by(rank("status", STATES), rank("severity", RANKS), "-pk")


def get_alert(*, actor: Actor, pk: int) -> ComplianceAlert:
    """Return an alert that the actor sees. Raises UnknownAlert."""
    alert = alerts_visible_to(actor=actor).filter(pk=pk).first()
    if alert is None:
        raise UnknownAlert
    return alert


def get_rule(*, code: str) -> ComplianceRule:
    """Return a rule by its code. Raises UnknownRule."""
    rule = ComplianceRule.objects.select_related("security", "client", "participant").filter(code=code).first()
    if rule is None:
        raise UnknownRule
    return rule


@dataclass(frozen=True)
class RuleRow:
    """A rule and what it found."""

    rule: ComplianceRule
    figures: str
    scope: str
    today: int
    high_today: int
    open: int


def count_by_rule(*, business_date: date) -> list[RuleRow]:
    """Return every rule with what it found on a date and what of all is still open."""
    on_day = Q(business_date=business_date)
    today = {
        row["rule"]: row
        for row in ComplianceAlert.objects.filter(on_day).order_by().values("rule").annotate(
            found=Count("pk"), high=Count("pk", filter=Q(severity=Severity.HIGH))
        )
    }  # fmt: skip
    still_open = dict(
        ComplianceAlert.objects.filter(status=AlertStatus.OPEN).order_by().values_list("rule").annotate(Count("pk"))
    )
    none = {"found": 0, "high": 0}
    return [
        RuleRow(
            rule=rule, figures=figures_of(rule=rule), scope=scope_of(rule=rule),
            today=today.get(rule.pk, none)["found"], high_today=today.get(rule.pk, none)["high"],
            open=still_open.get(rule.pk, 0),
        )
        for rule in ComplianceRule.objects.select_related("security", "client", "participant").order_by("kind", "code")
    ]  # fmt: skip


def figures_of(*, rule: ComplianceRule) -> str:
    """Say a rule's parameters in words."""
    words = {
        "volume_percent": "above {:,} % of the average daily volume",
        "ceiling_minor": "above EUR {:,.0f}",
        "collar_bp": "more than {:,} bp from the quote",
        "close_collar_bp": "more than {:,} bp from the close, where no quote stands",
        "window_minutes": "back within {:,} minutes",
        "tolerance_bp": "prices at most {:,} bp apart",
        "share_percent": "above {:,} % of the portfolio",
        "least_minor": "looked at from EUR {:,.0f}",
    }
    values = [(name, getattr(rule, name)) for name in PARAMETERS[rule.kind]]
    said = [
        words[name].format(value / 100 if name.endswith("_minor") else value)
        for name, value in values
        if value is not None
    ]
    return "; ".join(said) or "whatever is on the list"


def scope_of(*, rule: ComplianceRule) -> str:
    """Say where a rule holds."""
    symbol = rule.security.symbol if rule.security else None
    parts = [str(part) for part in (symbol, rule.client, rule.participant) if part is not None]
    return ", ".join(parts) or "everything"


def restricted_entries(*, actor: Actor) -> QuerySet[RestrictedEntry]:
    """Return the restricted list for who sees all, nothing for a participant: the list itself is inside information."""
    entries = RestrictedEntry.objects.select_related("security", "participant")
    return entries if actor.sees_all else entries.none()


@dataclass(frozen=True)
class RiskPart:
    """One part of a risk score: its points of at most so many, and why."""

    name: str
    points: int
    most: int
    why: str


@dataclass(frozen=True)
class Enriched:
    """An enrichment with its score explained."""

    row: TradeEnrichment | OrderEnrichment
    parts: tuple[RiskPart, ...]
    held_against: str


def enrichment_of_trade(*, trade_pk: int) -> Enriched | None:
    """Return a trade's enrichment, explained; None where it waits for one."""
    row = TradeEnrichment.objects.filter(pk=trade_pk).first()
    return None if row is None else explain(row=row)


def enrichment_of_order(*, order_pk: int) -> Enriched | None:
    """Return an order's enrichment, explained; None where it waits for one."""
    row = OrderEnrichment.objects.filter(pk=order_pk).first()
    return None if row is None else explain(row=row)


def explain(*, row: TradeEnrichment | OrderEnrichment) -> Enriched:
    """Explain a score, part by part."""
    weights = RiskWeights.objects.get(pk=row.weights_id)
    whys = dict(zip(RISK_PARTS, _whys(row=row, weights=weights), strict=True))
    parts = tuple(
        RiskPart(name.capitalize(), getattr(row, f"{name}_points"), getattr(weights, f"{name}_points"), whys[name])
        for name in RISK_PARTS
    )
    return Enriched(row=row, parts=parts, held_against=PriceSource(row.price_source).label)


def _whys(*, row: TradeEnrichment | OrderEnrichment, weights: RiskWeights) -> Sequence[str]:
    """Say of each part what was measured and at what it has all its points."""
    size = "no volume is known"
    if row.size_bp is not None:
        size = f"{_percent(row.size_bp)} of an average day's volume; all points from {_percent(weights.size_full_bp)}"
    deviation = "no price was known" if row.price_source == PriceSource.NONE else "a market order has no price"
    if row.deviation_bp is not None:
        deviation = f"{abs(row.deviation_bp):,} bp from the market; all points from {weights.deviation_full_bp:,} bp"
    liquidity = f"no quote stood, taken as {weights.unquoted_bp:,} bp, or as illiquid"
    if row.spread_bp is not None:
        liquidity = f"a spread of {row.spread_bp:,} bp; all points from {weights.liquidity_full_bp:,} bp"
    counterparty = "an order has no counterparty" if isinstance(row, OrderEnrichment) else "not known in EUR"
    if row.counterparty_bp is not None:
        counterparty = (
            f"{_percent(row.counterparty_bp)} of the reporter's trading is with this counterparty;"
            f" all points from {_percent(weights.counterparty_full_bp)}"
        )
    settlement = f"{row.settlement_days} days to settlement; all points from {weights.settlement_full_days}"
    return size, deviation, liquidity, counterparty, settlement


def _percent(basis_points: int) -> str:
    """Write basis points as percent."""
    return f"{basis_points / 100:,.2f} %"

"""Shapes of backtests, stress tests, the default fund and the disclosure in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

AMOUNT = "Decimal string."


class BacktestSerializer(serializers.Serializer[Any]):
    """One portfolio's backtest; a member's or everybody's, where the portfolio is empty."""

    member = serializers.CharField(allow_blank=True)
    account = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    days = serializers.IntegerField()
    breaches = serializers.IntegerField()
    expected = serializers.FloatField()
    coverage = serializers.FloatField(help_text="Share of days without a breach.")
    lr_pof = serializers.FloatField(help_text="Kupiec, proportion of failures; chi-square, 1 degree of freedom.")
    p_pof = serializers.FloatField()
    lr_ind = serializers.FloatField(help_text="Christoffersen, independence; 1 degree of freedom.")
    p_ind = serializers.FloatField()
    lr_cc = serializers.FloatField(help_text="Both jointly; 2 degrees of freedom.")
    p_cc = serializers.FloatField()
    verdict = serializers.CharField(help_text="accepted, over-margined, under-margined or too few days.")
    words = serializers.CharField()
    worst_breach = serializers.CharField(help_text=AMOUNT)


class BacktestsSerializer(serializers.Serializer[Any]):
    """Backtests over one horizon, by portfolio, by member and over all."""

    horizon_days = serializers.IntegerField()
    confidence = serializers.FloatField()
    since = serializers.DateField()
    all = BacktestSerializer(many=True)
    members = BacktestSerializer(many=True)
    portfolios = BacktestSerializer(many=True)


class StressLossSerializer(serializers.Serializer[Any]):
    """What one member loses in one scenario."""

    member = serializers.CharField()
    loss = serializers.CharField(help_text="Below zero: a gain. Decimal string.")
    margin = serializers.CharField(help_text=AMOUNT)
    uncovered = serializers.CharField(help_text="Beyond margin, portfolio by portfolio. Decimal string.")


class StressScenarioSerializer(serializers.Serializer[Any]):
    """One scenario, the members' losses that one may see, and the totals of all."""

    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    to_date = serializers.DateField(allow_null=True)
    cover_two = serializers.CharField(help_text="The two groups that lose most beyond margin. Decimal string.")
    uncovered = serializers.CharField(help_text="Of all members. Decimal string.")
    groups = serializers.ListField(child=serializers.CharField(), help_text="The two; empty for participants.")
    losses = StressLossSerializer(many=True)


class StressSegmentSerializer(serializers.Serializer[Any]):
    """The stress test in one currency."""

    currency = serializers.CharField()
    cover_two = serializers.CharField(help_text="Of the worst scenario. Decimal string.")
    scenarios = StressScenarioSerializer(many=True)


class StressSerializer(serializers.Serializer[Any]):
    """The last evening's stress test."""

    business_date = serializers.DateField(allow_null=True)
    segments = StressSegmentSerializer(many=True)
    not_known_yet = serializers.ListField(child=serializers.CharField(), help_text="Scenarios that came later.")


class ContributionSerializer(serializers.Serializer[Any]):
    """One member's part of the default fund."""

    member = serializers.CharField()
    contribution = serializers.CharField(help_text=AMOUNT)
    held = serializers.CharField(help_text="Paid in. Decimal string.")
    open = serializers.CharField(help_text="Called and not paid. Decimal string.")
    overdue = serializers.BooleanField()


class DefaultFundSerializer(serializers.Serializer[Any]):
    """The default fund of one currency, and how its size came about."""

    currency = serializers.CharField()
    sized_on = serializers.DateField()
    reason = serializers.CharField()
    size = serializers.CharField(help_text=AMOUNT)
    largest = serializers.CharField(help_text="Largest loss beyond margin (EMIR 42(3)). Decimal string.")
    second_and_third = serializers.CharField(help_text="Second and third largest (EMIR 42(3)). Decimal string.")
    cover_two = serializers.CharField(help_text="The two largest (EMIR 43(2)). Decimal string.")
    scenario = serializers.CharField(allow_null=True, help_text="The worst.")
    own_resources = serializers.CharField(help_text="The CCP's. Decimal string.")
    held = serializers.CharField(help_text="Paid in by all. Decimal string.")
    cover_two_now = serializers.CharField(help_text="Of the last evening. Decimal string.")
    thin = serializers.BooleanField(help_text="Whether that is too much of the fund and the own resources.")
    contributions = ContributionSerializer(many=True)


class DefaultFundsSerializer(serializers.Serializer[Any]):
    """The default funds."""

    funds = DefaultFundSerializer(many=True)


class DisclosureItemSerializer(serializers.Serializer[Any]):
    """One item of the public quantitative disclosure."""

    number = serializers.CharField()
    description = serializers.CharField()
    segment = serializers.CharField(allow_blank=True, help_text="Currency, where the item is of one.")
    value = serializers.CharField(allow_null=True, help_text="Null where it does not apply; the note says why.")
    unit = serializers.CharField(allow_blank=True)
    as_of = serializers.DateField()
    note = serializers.CharField(allow_blank=True)


class DisclosureSerializer(serializers.Serializer[Any]):
    """The public quantitative disclosure."""

    as_of = serializers.DateField(allow_null=True)
    items = DisclosureItemSerializer(many=True)

"""What clearing made of a match: the novation, the netting, the obligations."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db.models import Q

from clearing.models import NettingRun, Novation, Obligation
from events.core.life import LifeStep, Link
from reference.core.actor import Actor
from trades.models import Match

SHOWN = ("account__participant", "counterparty_account__participant", "security", "currency", "netting_run")


@dataclass(frozen=True)
class ClearingLife:
    """The steps, and the obligations the actor may see, from which the life goes on in settlement."""

    steps: list[LifeStep] = field(default_factory=list)
    obligations: list[Obligation] = field(default_factory=list)


def life_of(*, match: Match, actor: Actor) -> ClearingLife:
    """Return how a match was cleared. A participant is shown the obligations of its own accounts."""
    novation = Novation.objects.select_related("netting_run").filter(match_id=match.pk).first()
    if novation is None:
        gross = list(Obligation.objects.select_related(*SHOWN).filter(match_id=match.pk))
        return ClearingLife(steps=[_obliged(obligation) for obligation in gross], obligations=gross)
    steps = [
        LifeStep(
            at=novation.novated_at,
            title="Novated to the CCP",
            state="CLEARED",
            before="MATCHED",
            after="CLEARED",
            why="One trade became two contracts, each against the CCP.",
            by="clearing",
        )
    ]
    if novation.cancelled_at is not None:
        steps.append(
            LifeStep(
                at=novation.cancelled_at,
                title="Withdrawn from clearing",
                state="CANCELLED",
                why="Both parties cancelled before the netting.",
                by="clearing",
            )
        )
    obligations = list(_net_obligations(match=match, novation=novation, actor=actor))
    run = novation.netting_run
    if run is not None:
        steps.append(_netted(run=run, obligations=obligations, actor=actor))
    steps += _discharges(obligations)
    return ClearingLife(steps=steps, obligations=obligations)


def _netted(*, run: NettingRun, obligations: list[Obligation], actor: Actor) -> LifeStep:
    """Tell into what the contracts were netted; a participant learns of its own contracts only."""
    whole = actor.sees_all
    others = (run.contracts if whole else sum(row.trades for row in obligations)) - 1
    details = [("Netting run", str(run.pk)), ("Settlement date", run.settlement_date.isoformat())]
    if whole:
        details.append(("Net obligations", f"{run.obligations:,}"))
    sides = "; ".join(describe_obligation(obligation) for obligation in obligations)
    return LifeStep(
        at=run.ran_at,
        recorded_at=run.recorded_at,
        title=f"Netted with {others:,} other contract{'' if others == 1 else 's'}{'' if whole else ' of yours'}",
        state="CLEARED",
        why=f"{sides}." if sides else "",
        by="clearing",
        details=tuple(details),
        link=Link("netting-run", str(run.pk)),
    )


def _net_obligations(*, match: Match, novation: Novation, actor: Actor) -> list[Obligation]:
    """Return the obligations of both sides in the run that netted the match, those the actor may see."""
    if novation.netting_run_id is None:
        return []
    found = Obligation.objects.select_related(*SHOWN).filter(
        Q(account_id=match.buyer_account_id) | Q(account_id=match.seller_account_id),
        netting_run_id=novation.netting_run_id,
        security_id=match.security_id,
        currency_id=match.currency_id,
    )
    if actor.participant_id is not None:
        found = found.filter(account__participant_id=actor.participant_id)
    return list(found.order_by("id"))


def _obliged(obligation: Obligation) -> LifeStep:
    """Tell that a trade which is not cleared obliges its parties gross."""
    return LifeStep(
        at=obligation.created_at,
        title="Goes gross, without the CCP",
        state="MATCHED",
        why=f"{describe_obligation(obligation)}.",
        by="clearing",
        details=(("Obligation", str(obligation.pk)),),
    )


def _discharges(obligations: list[Obligation]) -> list[LifeStep]:
    """Tell which obligations were discharged without an instruction, because nothing was left to move."""
    return [
        LifeStep(
            at=obligation.discharged_at,
            title=f"Nothing to settle for {obligation.account.participant.code}",
            state="SETTLED",
            why="Its purchases and sales cancel out to the last unit and cent.",
            by="clearing",
        )
        for obligation in obligations
        if obligation.discharged_at is not None and not obligation.quantity_units and not obligation.cash_minor
    ]


def describe_obligation(obligation: Obligation) -> str:
    """Say in words what an obligation makes its account do."""
    quantity, cash = obligation.quantity_units, obligation.cash_minor
    symbol, code = obligation.security.symbol, obligation.currency.code
    amount = f"{Decimal(abs(cash)).scaleb(-obligation.currency.digits):,} {code}"
    parts = []
    if quantity:
        parts.append(f"{'receives' if quantity > 0 else 'delivers'} {abs(quantity):,} {symbol}")
    if cash:
        parts.append(f"{'receives' if cash > 0 else 'pays'} {amount}")
    return f"{obligation.account.participant.code} {' and '.join(parts) or 'owes nothing'}"


def get_obligations(*, obligation_ids: list[int]) -> dict[int, Obligation]:
    """Return obligations by id, with all that they name."""
    return {row.pk: row for row in Obligation.objects.select_related(*SHOWN).filter(pk__in=obligation_ids)}


def obligations_of(
    *, match_ids: Collection[int], account_ids: Collection[int], security_id: int, currency_id: int
) -> list[Obligation]:
    """Return what some accounts' trades in one security became: obligations, net and gross, in the order they came."""
    runs = Novation.objects.filter(match_id__in=match_ids, netting_run__isnull=False).values("netting_run_id")
    found = Obligation.objects.select_related(*SHOWN).filter(
        Q(account_id__in=account_ids, netting_run_id__in=runs) | Q(match_id__in=match_ids),
        security_id=security_id,
        currency_id=currency_id,
    )
    return list(found.order_by("id"))


def trades_behind(*, obligation: Obligation, limit: int) -> list[Match]:
    """Return the matches netted into an obligation, up to `limit`, with their reports."""
    matches = Match.objects.select_related("buy_trade__buyer", "sell_trade__seller", "security", "currency")
    if obligation.match_id is not None:
        return list(matches.filter(pk=obligation.match_id))
    day: date = obligation.settlement_date
    return list(
        matches.filter(
            Q(buyer_account_id=obligation.account_id) | Q(seller_account_id=obligation.account_id),
            settlement_date=day,
            security_id=obligation.security_id,
            currency_id=obligation.currency_id,
            novation__netting_run_id=obligation.netting_run_id,
        ).order_by("id")[:limit]
    )

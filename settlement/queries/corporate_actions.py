"""Corporate actions: their terms as columns, and what an actor may see of them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum

from ledger.models import Account
from reference.core.actor import Actor
from reference.queries import directory
from settlement.core.corporate_actions import amount_per_unit
from settlement.models import CorporateAction, Entitlement, Instruction, InstructionSource, MarketClaim
from settlement.refusals import UnknownCorporateAction

LARGEST_KEY = 2**63 - 1


def terms_of(*, actions: Sequence[CorporateAction]) -> dict[str, list[int]]:
    """Return the actions' terms as columns for a statement; what one unit is entitled to as an exact fraction."""
    currencies = directory().currencies
    each = [
        amount_per_unit(
            kind=row.kind,
            rate=row.rate,
            ratio_new=row.ratio_new,
            ratio_old=row.ratio_old,
            digits=currencies[row.currency_id].digits if row.currency_id else 0,
        )
        for row in actions
    ]
    return {
        "action": [row.pk for row in actions],
        "security": [row.security_id for row in actions],
        "numerator": [fraction.numerator for fraction in each],
        "denominator": [fraction.denominator for fraction in each],
    }


def entitlements_visible_to(*, actor: Actor) -> QuerySet[Entitlement]:
    """Return the entitlements of the actor's own accounts, or all."""
    rows = Entitlement.objects.select_related("account", "account__participant").order_by("-pk")
    if actor.participant_id is None:
        return rows
    return rows.filter(account__participant_id=actor.participant_id)


def claims_visible_to(*, actor: Actor) -> QuerySet[MarketClaim]:
    """Return the market claims that the actor's own accounts owe or are owed, or all; with who owes whom."""
    rows = MarketClaim.objects.select_related(
        "instruction", "instruction__deliverer_account", "instruction__receiver_account"
    ).order_by("-pk")
    if actor.participant_id is None:
        return rows
    own = Account.objects.filter(participant_id=actor.participant_id).order_by().values("pk")
    return rows.filter(Q(instruction__deliverer_account__in=own) | Q(instruction__receiver_account__in=own))


def claim_instructions(*, claims: Sequence[MarketClaim]) -> dict[int, Instruction]:
    """Return claim id -> the instruction that settles it."""
    rows = Instruction.objects.filter(source=InstructionSource.CORPORATE, source_id__in=[claim.pk for claim in claims])
    return {row.source_id or 0: row for row in rows}


def actions_with_totals(*, actor: Actor) -> QuerySet[CorporateAction]:
    """Return the corporate actions, newest first, each with what the actor may see of it.

    holders, total: how many accounts are entitled, and to how much; claims: how many market claims there are.
    """
    entitled = entitlements_visible_to(actor=actor).filter(action=OuterRef("pk")).order_by().values("action")
    claimed = claims_visible_to(actor=actor).filter(action=OuterRef("pk")).order_by().values("action")
    return CorporateAction.objects.select_related("security", "currency").annotate(
        holders=Subquery(entitled.annotate(number=Count("pk")).values("number")),
        total=Subquery(entitled.annotate(sum=Sum("amount")).values("sum")),
        claimed=Subquery(claimed.annotate(number=Count("pk")).values("number")),
    )


def get_corporate_action(*, actor: Actor, pk: int) -> CorporateAction:
    """Return one corporate action with what the actor may see of it. Raises UnknownCorporateAction."""
    found = actions_with_totals(actor=actor).filter(pk=pk).first() if pk <= LARGEST_KEY else None
    if found is None:
        raise UnknownCorporateAction
    return found

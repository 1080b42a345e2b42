"""Open the accounts of the CCP that a member's money stands on, and the CCP's own; done twice, it is done once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from django.db import transaction

from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import Membership
from clearing.refusals import NotAClearingMember, UnknownMembership
from events.services.audit import record_action
from ledger.models import Account, AccountKind
from ledger.services import open_accounts
from reference.core.actor import Actor
from reference.models import ParticipantRole
from reference.queries import directory

# Variation margin passing through, the CCP's dedicated own resources, and the rest of its capital.
OWN_ACCOUNTS = ("VM", "SKIN", "EQUITY")


def open_memberships(*, joined_on: date, groups: Mapping[str, str] | None = None) -> int:
    """Open a membership for each active clearing member that has none, and the CCP's own accounts; return how many.

    groups: member code -> name of the group of affiliates that it belongs to.
    """
    source = directory()
    had = set(Membership.objects.values_list("member_id", flat=True))
    wanted = [
        entry
        for entry in source.participants.values()
        if entry.role == ParticipantRole.CLEARING_MEMBER and entry.active and entry.id not in had
    ]
    with transaction.atomic():
        for entry in sorted(wanted, key=lambda entry: entry.code):
            open_membership(member_id=entry.id, joined_on=joined_on, group_name=(groups or {}).get(entry.code, ""))
    return len(wanted)


def open_membership(*, member_id: int, joined_on: date, group_name: str = "") -> Membership:
    """Open a clearing member's initial margin and default fund accounts; one that stands is left as it is.

    The accounts are the CCP's, IM-<code> (cash and securities) and DF-<code> (cash), and begin at nothing.
    Raises NotAClearingMember.
    """
    source = directory()
    entry = source.participants.get(member_id)
    if entry is None or entry.role != ParticipantRole.CLEARING_MEMBER or source.ccp is None:
        raise NotAClearingMember
    owner = [(source.ccp.id, source.ccp.code)]
    with transaction.atomic():
        open_own_accounts()
        margin = open_accounts(participants=owner, name=f"IM-{entry.code}")[source.ccp.id]
        fund = open_accounts(participants=owner, name=f"DF-{entry.code}")[source.ccp.id]
        membership, _ = Membership.objects.get_or_create(
            member_id=member_id,
            defaults={
                "group_name": group_name,
                "im_cash_id": margin.linked_cash_id or 0,
                "im_securities_id": margin.pk,
                "fund_cash_id": fund.linked_cash_id or 0,
                "joined_on": joined_on,
            },
        )
    return membership


def open_own_accounts() -> dict[str, int]:
    """Open the CCP's own accounts; return the name -> cash account id of VM, SKIN and EQUITY."""
    ccp = directory().ccp
    if ccp is None:
        raise NotAClearingMember("There is no CCP.")
    found = own_accounts()
    for name in OWN_ACCOUNTS:
        if name not in found:
            found[name] = open_accounts(participants=[(ccp.id, ccp.code)], name=name)[ccp.id].linked_cash_id or 0
    return found


def own_accounts() -> dict[str, int]:
    """Return the name -> cash account id of the CCP's VM, SKIN and EQUITY, as far as they are open. One query."""
    rows = Account.objects.filter(
        participant__role=ParticipantRole.CCP, kind=AccountKind.CASH, name__in=OWN_ACCOUNTS
    ).values_list("name", "pk")
    return dict(rows)


def change_membership(
    *, member_id: int, status: MembershipStatus, why: str, actor: Actor, at: datetime, business_date: date
) -> Membership:
    """Move a membership to another state; core/membership_lifecycle.py says which steps are legal.

    Raises UnknownMembership; the database refuses an illegal step.
    """
    with transaction.atomic():
        found = Membership.objects.select_for_update(of=("self",)).select_related("member").filter(pk=member_id).first()
        if found is None:
            raise UnknownMembership
        before, found.status = found.status, status.value
        found.save(update_fields=["status"])
        record_action(
            actor=actor,
            action="membership.changed",
            at=at,
            business_date=business_date,
            object_type="membership",
            object_id=member_id,
            summary=f"Membership of {found.member.code}: {before} to {status.value}",
            detail={"before": before, "after": status.value, "why": why},
        )
    return found

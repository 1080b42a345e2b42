"""Write participants, instruments and currencies: opened and changed one by one, never deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction

from reference.audit import record_action
from reference.core.actor import Actor
from reference.core.identifiers import check_bic, check_isin, check_lei
from reference.models import Asset, Currency, Participant, Security
from reference.models.participant import INFRASTRUCTURE_ROLES
from reference.queries import forget_directory
from reference.refusals import (
    CodeTaken,
    InfrastructureStaysActive,
    OthersClearThroughIt,
    StaticDataInvalid,
    UnknownCurrency,
    UnknownParticipant,
    UnknownSecurity,
)

M = TypeVar("M", Participant, Security, Currency)
# What a field of a table is called in the API, where the two differ.
API_NAMES = {"clearing_member_id": "clearing_member", "currency_id": "currency", "calendar_id": "calendar"}


def open_participant(*, fields: Mapping[str, Any], actor: Actor, at: datetime, business_date: date) -> Participant:
    """Let a participant take part. fields: code, name, lei, bic, role, and clearing_member_id where it has one.

    Raises LeiMalformed, LeiCheckDigitsWrong, BicMalformed, CodeTaken, StaticDataInvalid.
    """
    check_lei(value=fields["lei"], pointer="/lei")
    check_bic(value=fields["bic"], pointer="/bic")
    return _open(row=Participant(**fields), noun="participant", actor=actor, at=at, business_date=business_date)


def change_participant(
    *, participant_id: int, changes: Mapping[str, Any], actor: Actor, at: datetime, business_date: date
) -> Participant:
    """Change any of name, lei, bic, clearing_member_id and active.

    Raises UnknownParticipant, InfrastructureStaysActive, OthersClearThroughIt, and what open_participant refuses.
    """
    if "lei" in changes:
        check_lei(value=changes["lei"], pointer="/lei")
    if "bic" in changes:
        check_bic(value=changes["bic"], pointer="/bic")
    with transaction.atomic():
        row = Participant.objects.select_for_update().filter(pk=participant_id).first()
        if row is None:
            raise UnknownParticipant
        if changes.get("active") is False and row.active:
            if row.role in INFRASTRUCTURE_ROLES:
                raise InfrastructureStaysActive
            if Participant.objects.filter(clearing_member=row, active=True).exists():
                raise OthersClearThroughIt
        return _change(row=row, changes=changes, noun="participant", actor=actor, at=at, business_date=business_date)


def open_instrument(*, fields: Mapping[str, Any], actor: Actor, at: datetime, business_date: date) -> Security:
    """Admit a security. fields: code (its ISIN), symbol, name, security_type, quotation, currency_id and the others.

    Raises IsinMalformed, IsinCheckDigitWrong, CodeTaken, StaticDataInvalid.
    """
    check_isin(value=fields["code"], pointer="/isin")
    row = Security(**fields, kind="SECURITY", digits=0)
    return _open(row=row, noun="instrument", actor=actor, at=at, business_date=business_date)


def change_instrument(
    *, security_id: int, changes: Mapping[str, Any], actor: Actor, at: datetime, business_date: date
) -> Security:
    """Change what may change of a security; its ISIN, type, quotation and currency stay.

    Raises UnknownSecurity, StaticDataInvalid.
    """
    with transaction.atomic():
        row = Security.objects.select_for_update().filter(pk=security_id).first()
        if row is None:
            raise UnknownSecurity
        return _change(row=row, changes=changes, noun="instrument", actor=actor, at=at, business_date=business_date)


def open_currency(*, fields: Mapping[str, Any], actor: Actor, at: datetime, business_date: date) -> Currency:
    """Admit a currency. fields: code (ISO 4217), name, digits, calendar_id, tolerances. Raises CodeTaken,
    StaticDataInvalid.
    """
    row = Currency(**fields, kind="CASH")
    return _open(row=row, noun="currency", actor=actor, at=at, business_date=business_date)


def change_currency(
    *, currency_id: int, changes: Mapping[str, Any], actor: Actor, at: datetime, business_date: date
) -> Currency:
    """Change a currency's name, calendar or tolerances. Raises UnknownCurrency, StaticDataInvalid."""
    with transaction.atomic():
        row = Currency.objects.select_for_update().filter(pk=currency_id).first()
        if row is None:
            raise UnknownCurrency
        return _change(row=row, changes=changes, noun="currency", actor=actor, at=at, business_date=business_date)


def _open(*, row: M, noun: str, actor: Actor, at: datetime, business_date: date) -> M:
    """Insert a row whose code nobody has."""
    table = Participant if isinstance(row, Participant) else Asset
    with transaction.atomic():
        if table.objects.filter(code=row.code).exists():
            raise CodeTaken(f"{row.code} is there already.", pointer="/isin" if isinstance(row, Security) else "/code")
        _expect_valid(row=row)
        row.save(force_insert=True)
        record_action(
            actor=actor, action=f"{noun}.open", at=at, business_date=business_date, object_type=noun,
            object_id=row.pk, summary=f"{noun.capitalize()} {row.code} opened", detail={},
        )  # fmt: skip
    forget_directory()
    return row


def _change(*, row: M, changes: Mapping[str, Any], noun: str, actor: Actor, at: datetime, business_date: date) -> M:
    """Write what changes something of a locked row, and what stood before into the audit."""
    changed = {
        name: {"before": getattr(row, name), "after": value}
        for name, value in changes.items()
        if getattr(row, name) != value
    }
    if not changed:
        return row
    for name, values in changed.items():
        setattr(row, name, values["after"])
    _expect_valid(row=row)
    # A security's row is two tables; the identity columns are not written again.
    row.save(update_fields=list(changed))
    record_action(
        actor=actor, action=f"{noun}.change", at=at, business_date=business_date, object_type=noun,
        object_id=row.pk, summary=f"{noun.capitalize()} {row.code} changed: {', '.join(sorted(changed))}",
        detail=changed,
    )  # fmt: skip
    forget_directory()
    return row


def _expect_valid(*, row: Participant | Security | Currency) -> None:
    """Hold a row against its table's rules. Raises StaticDataInvalid for the first that it breaks."""
    try:
        row.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        pointer = None if name == "__all__" else f"/{API_NAMES.get(name, name)}"
        raise StaticDataInvalid(" ".join(messages), pointer=pointer) from error

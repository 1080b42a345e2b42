"""Announce a corporate action, or cancel one before its record date."""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import IntegrityError, transaction

from events.services.audit import record_action
from reference.core.actor import Actor
from reference.core.calendar import check_business_day, check_covered
from reference.core.directory import CurrencyEntry, SecurityEntry
from reference.queries import directory
from settlement.core.corporate_actions import CorporateActionKind, CorporateActionStatus
from settlement.models import CorporateAction
from settlement.refusals import CorporateActionNotAnnounced, CorporateActionRefused, CorporateActionStands
from settlement.services.business_day import CSD_CALENDAR

LARGEST_RATE = {CorporateActionKind.DIVIDEND: 1_000_000, CorporateActionKind.COUPON: 100}
LARGEST_RATIO = 1_000
RATE_DIGITS = 8


class AnnouncedAction(NamedTuple):
    """A corporate action as entered, its codes resolved. currency None: the security's own."""

    kind: CorporateActionKind
    security: SecurityEntry
    ex_date: date
    record_date: date
    payment_date: date
    rate: Decimal | None = None
    ratio_new: int | None = None
    ratio_old: int | None = None
    currency: CurrencyEntry | None = None


def announce_corporate_action(
    *, announced: AnnouncedAction, actor: Actor, at: datetime, business_date: date
) -> CorporateAction:
    """Announce an action before its ex date; return it.

    The record date is a business day of the depository, the payment date also of the currency and after the
    record date, since entitlements are known at that day's end (T2S corporate actions standards).
    Raises CorporateActionRefused, CorporateActionStands, NotABusinessDay.
    """
    split = announced.kind == CorporateActionKind.SPLIT
    currency = None if split else announced.currency or announced.security.currency
    _check_terms(announced)
    _check_dates(announced, currency=currency, business_date=business_date)
    try:
        with transaction.atomic():
            action = CorporateAction.objects.create(
                kind=announced.kind,
                security_id=announced.security.id,
                ex_date=announced.ex_date,
                record_date=announced.record_date,
                payment_date=announced.payment_date,
                rate=announced.rate,
                ratio_new=announced.ratio_new,
                ratio_old=announced.ratio_old,
                currency_id=currency.id if currency else None,
                entered_by=actor.name,
                announced_at=at,
            )
            record_action(
                actor=actor, action="corporate_action.announced", at=at, business_date=business_date,
                object_type="corporateaction", object_id=action.pk,
                summary=f"{announced.kind} of {announced.security.isin}, recorded {announced.record_date}, "
                f"paid {announced.payment_date}",
            )  # fmt: skip
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) != "corporateaction_once":
            raise
        raise CorporateActionStands from error
    return action


def cancel_corporate_action(*, action_pk: int, actor: Actor, at: datetime, business_date: date) -> CorporateAction:
    """Cancel an action that is announced and not recorded yet; return it. Raises CorporateActionNotAnnounced."""
    with transaction.atomic():
        action = CorporateAction.objects.select_for_update(no_key=True).get(pk=action_pk)
        if action.status != CorporateActionStatus.ANNOUNCED:
            raise CorporateActionNotAnnounced(f"The corporate action is {action.status} already.")
        action.status, action.cancelled_at = CorporateActionStatus.CANCELLED, at
        action.save(update_fields=["status", "cancelled_at"])
        record_action(
            actor=actor, action="corporate_action.cancelled", at=at, business_date=business_date,
            object_type="corporateaction", object_id=action.pk, summary=f"{action.kind} cancelled",
        )  # fmt: skip
    return action


def _check_terms(announced: AnnouncedAction) -> None:
    """Raise CorporateActionRefused where kind, security and terms do not go together."""
    bond = announced.security.security_type == "BOND"
    if (announced.kind == CorporateActionKind.COUPON) != bond:
        raise CorporateActionRefused(
            "A coupon is paid on bonds, a dividend or a split on equities and funds.", pointer="/kind"
        )
    if announced.kind == CorporateActionKind.SPLIT:
        new, old = announced.ratio_new or 0, announced.ratio_old or 0
        if announced.rate is not None or announced.currency is not None:
            raise CorporateActionRefused("A split distributes units, no cash.", pointer="/rate")
        if not 1 <= old < new <= LARGEST_RATIO:
            raise CorporateActionRefused(
                f"A split gives more units than it takes, at most {LARGEST_RATIO:,}: a reverse split takes a new ISIN.",
                pointer="/ratio_new",
            )
        return
    if announced.ratio_new is not None or announced.ratio_old is not None:
        raise CorporateActionRefused("Only a split has a ratio.", pointer="/ratio_new")
    rate = announced.rate
    if rate is None or not rate.is_finite() or not 0 < rate <= LARGEST_RATE[announced.kind]:
        raise CorporateActionRefused(
            f"The rate is more than nothing and at most {LARGEST_RATE[announced.kind]:,}.", pointer="/rate"
        )
    if rate != round(rate, RATE_DIGITS):
        raise CorporateActionRefused(f"The rate has at most {RATE_DIGITS} decimals.", pointer="/rate")


def _check_dates(announced: AnnouncedAction, *, currency: CurrencyEntry | None, business_date: date) -> None:
    """Raise CorporateActionRefused or NotABusinessDay where a date cannot be."""
    calendar = directory().calendars_by_code[CSD_CALENDAR].business_days
    if announced.ex_date <= business_date:
        raise CorporateActionRefused(
            f"It is announced before its ex date; today is {business_date}.", pointer="/ex_date"
        )
    if announced.record_date < announced.ex_date:
        raise CorporateActionRefused("The record date is not before the ex date.", pointer="/record_date")
    if announced.payment_date <= announced.record_date:
        raise CorporateActionRefused("The payment date is after the record date.", pointer="/payment_date")
    check_covered(day=announced.payment_date, pointer="/payment_date")
    check_business_day(day=announced.record_date, calendar=calendar, pointer="/record_date")
    check_business_day(day=announced.payment_date, calendar=calendar, pointer="/payment_date")
    if currency is not None:
        check_business_day(
            day=announced.payment_date, calendar=currency.calendar.business_days, pointer="/payment_date"
        )

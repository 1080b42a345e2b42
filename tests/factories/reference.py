"""Factories of reference data: valid identifiers, made from a counter."""

# factory_boy types its factories, and not its declarations.
# mypy: disable-error-code="attr-defined, no-untyped-call"

from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import factory
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Model
from factory.django import DjangoModelFactory

from reference.core.identifiers import isin_check_digit, lei_check_digits
from reference.models import Calendar, Currency, DailyPrice, Membership, Participant, Security
from reference.queries import forget_directory

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CALENDAR_CODES = {"EUR": "TARGET", "USD": "US"}

M = TypeVar("M", bound=Model)


def make_isin(number: int, country: str = "XS") -> str:
    """Return a valid ISIN for a counter."""
    body = f"{country}{number:09d}"
    return body + isin_check_digit(body=body)


def make_lei(number: int) -> str:
    """Return a valid LEI for a counter."""
    body = f"999900TEST{number:08d}"
    return body + lei_check_digits(body=body)


def make_bic(number: int) -> str:
    """Return a valid test BIC for a counter below 26**4."""
    letters = ""
    for _ in range(4):
        number, letter = divmod(number, 26)
        letters += LETTERS[letter]
    return f"{letters}DEF0"


class ReferenceFactory(DjangoModelFactory[M]):
    """A factory whose rows the directory sees at once."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: type[M], *args: Any, **kwargs: Any) -> M:
        made: M = super()._create(model_class, *args, **kwargs)
        forget_directory()
        return made


class CalendarFactory(ReferenceFactory[Calendar]):
    """TARGET, unless told otherwise; without holidays."""

    class Meta:
        model = Calendar
        django_get_or_create = ("code",)

    code = "TARGET"
    name = factory.LazyAttribute(lambda calendar: f"Calendar {calendar.code}")
    financial_code = factory.LazyAttribute(lambda calendar: {"US": "XNYS"}.get(calendar.code, "XECB"))


class CurrencyFactory(ReferenceFactory[Currency]):
    """EUR, unless told otherwise."""

    class Meta:
        model = Currency
        django_get_or_create = ("code",)

    code = "EUR"
    kind = "CASH"
    name = factory.LazyAttribute(lambda currency: f"Currency {currency.code}")
    digits = 2
    calendar = factory.SubFactory(
        CalendarFactory,
        code=factory.LazyAttribute(lambda calendar: CALENDAR_CODES.get(calendar.factory_parent.code, "TARGET")),
    )


class SecurityFactory(ReferenceFactory[Security]):
    """An equity in EUR, quoted per unit."""

    class Meta:
        model = Security

    class Params:
        bond = factory.Trait(
            security_type="BOND",
            quotation="PERCENT",
            lot_size_units=1000,
            price_digits=3,
            maturity_date=date(2018, 7, 4),
        )

    code = factory.Sequence(make_isin)
    kind = "SECURITY"
    digits = 0
    name = factory.LazyAttribute(lambda security: f"Security {security.code}")
    symbol = factory.Sequence(lambda number: f"SYM{number}")
    security_type = "EQUITY"
    quotation = "UNIT"
    currency = factory.SubFactory(CurrencyFactory)
    settlement_lag_days = 2
    issuer_name = "Issuer"


class ParticipantFactory(ReferenceFactory[Participant]):
    """A clearing member; the traits client, ccp, csd and central_bank make the others."""

    class Meta:
        model = Participant

    class Params:
        client = factory.Trait(
            role="BANK", clearing_member=factory.SubFactory("tests.factories.reference.ParticipantFactory")
        )
        ccp = factory.Trait(role="CCP")
        csd = factory.Trait(role="CSD")
        central_bank = factory.Trait(role="CENTRAL_BANK")

    code = factory.Sequence(lambda number: f"MEMBER{number}")
    name = factory.LazyAttribute(lambda participant: f"Participant {participant.code}")
    lei = factory.Sequence(make_lei)
    bic = factory.Sequence(make_bic)
    role = "CLEARING_MEMBER"


class DailyPriceFactory(ReferenceFactory[DailyPrice]):
    """A day on which a security moved between 98 and 102."""

    class Meta:
        model = DailyPrice

    security = factory.SubFactory(SecurityFactory)
    date = date(2008, 9, 8)
    open = Decimal(100)
    high = Decimal(102)
    low = Decimal(98)
    close = Decimal(101)
    volume = 1_000_000
    adjusted_close = Decimal(101)


class UserFactory(DjangoModelFactory[User]):
    """A user whose password is `demo`."""

    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence(lambda number: f"user{number}")
    password = factory.django.Password("demo")


class MembershipFactory(ReferenceFactory[Membership]):
    """An operator; with `participant` given, that participant's user."""

    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    participant: Any = None
    role = factory.LazyAttribute(lambda membership: "PARTICIPANT" if membership.participant else "OPERATOR")

"""The admin shows every fact and offers to change none; large tables are not counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from reference.admin_pages import FactAdmin, UncountedPaginator
from tests.factories.market import login, make_market

APPS = ("events", "ledger", "trades", "settlement", "clearing")
FACTS = sorted(
    (model._meta.label_lower for model, page in admin.site._registry.items() if isinstance(page, FactAdmin)), key=str
)
MODELS = sorted(
    model._meta.label_lower for model in admin.site._registry if model._meta.app_label in (*APPS, "reference")
)


@pytest.fixture(scope="module")
def root(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[User]:
    """A superuser of a market with reports, made once for the file, in a transaction around it."""
    from reference.queries import forget_directory

    with django_db_blocker.unblock(), transaction.atomic():
        market = make_market()
        alpha, operator = login(participant=market.alpha, name="alpha"), login(name="operator")
        for number in range(3):
            for client, prefix in ((alpha, "A"), (operator, "O")):
                report = market.report(trade_id=f"{prefix}{number}")
                assert client.post("/api/v1/trades", report, content_type="application/json").status_code == 201
        alpha.post("/api/v1/trades/bulk", b"bad", content_type="application/x-ndjson").getvalue()
        connection.check_constraints()
        yield User.objects.create(username="root", is_staff=True, is_superuser=True)
        transaction.set_rollback(True)
    forget_directory()


@pytest.fixture
def superuser(root: User, db: None) -> Client:
    client = Client()
    client.force_login(root)
    return client


def test_every_model_is_registered() -> None:
    from django.apps import apps

    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    # Django's admin shows no model of several keys.
    expected = {model._meta.label_lower for model in models if len(model._meta.pk_fields) == 1}
    assert expected <= set(MODELS)
    assert expected - set(FACTS) == {
        "clearing.marginparameters", "clearing.priceproxy", "settlement.collateralhaircut", "settlement.penaltyrate",
        "settlement.scheduledstep", "trades.client", "trades.trader",
    }  # fmt: skip


@pytest.mark.parametrize("label", MODELS)
def test_list_is_shown_in_few_queries(superuser: Client, label: str, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(12):
        page = superuser.get(reverse("admin:" + label.replace(".", "_") + "_changelist"))
    assert page.status_code == 200


@pytest.mark.parametrize("label", FACTS)
def test_facts_are_read_only(superuser: Client, label: str) -> None:
    from django.apps import apps

    name = "admin:" + label.replace(".", "_")
    assert superuser.get(reverse(f"{name}_add")).status_code == 403
    row = apps.get_model(label)._default_manager.first()
    if row is None:
        return
    address = reverse(f"{name}_change", args=[row.pk])
    page = superuser.get(address)
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert superuser.post(address, {}).status_code == 403
    assert superuser.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def test_search_finds_a_trade(superuser: Client) -> None:
    page = superuser.get(reverse("admin:trades_trade_changelist"), {"q": "A1"})
    assert [trade.trade_id for trade in page.context["cl"].result_list] == ["A1"]


def test_paginator_counts_its_own_pages_only(db: None) -> None:
    User.objects.bulk_create(User(username=f"user{number}") for number in range(30))
    rows = User.objects.filter(username__startswith="user").order_by("pk")
    assert Paginator(rows, 2).count == 30
    assert UncountedPaginator(rows, 2).count == 20
    assert UncountedPaginator(list(rows), 100).count == 30

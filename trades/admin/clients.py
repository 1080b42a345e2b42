"""Clients and traders in Django's admin, written by the same services: limits wait for a second person here too."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect

from reference.access import actor_of
from reference.admin import KeptAdmin
from reference.api.entry import now
from reference.refusals import Refusal
from trades.models import Client, Trader
from trades.models.client import LIMIT_FIELDS
from trades.services.change_client import change_client, change_trader, open_proposed_client
from trades.services.open_client import open_trader

# What the services call a foreign key of the form.
BY_ID = ("broker", "settlement_account", "default_currency", "user")


class ServedAdmin(KeptAdmin):
    """Rows that are written by services: what those refuse is said on the form's page, and nothing is written."""

    fixed: tuple[str, ...] = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Offer what never changes on a new row only."""
        return () if obj is None else self.fixed

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form; after a refusal again, with the reason. The refusal undid the transaction of the form."""
        try:
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(request.get_full_path())
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the row through its service."""
        names = form.changed_data if change else list(form.cleaned_data)
        fields = {name: form.cleaned_data[name] for name in names}
        for name in BY_ID:
            if name in fields:
                related = fields.pop(name)
                fields[f"{name}_id"] = None if related is None else related.pk
        given = {"actor": actor_of(request), **now()}
        if change:
            self.change(request, obj, fields, given)
            return
        obj.pk = self.open(fields, given).pk
        obj._state.adding = False  # noqa: SLF001 (the service has written it)

    def open(self, fields: dict[str, Any], given: dict[str, Any]) -> Any:
        """Create the row."""
        raise NotImplementedError

    def change(self, request: HttpRequest, obj: Any, fields: dict[str, Any], given: dict[str, Any]) -> None:
        """Change the row."""
        raise NotImplementedError


@admin.register(Client)
class ClientAdmin(ServedAdmin):
    """Clients. Changes of limits, margin and short sales become a proposal."""

    list_display = ["code", "name", "broker", "status", "default_currency", "credit_limit_minor", "daily_limit_minor",
                    "margin_percent", "short_sale_allowed"]  # fmt: skip
    list_filter = ["status", "short_sale_allowed", "default_currency"]
    list_select_related = ["broker", "default_currency"]
    search_fields = ["code__startswith", "name__icontains"]
    raw_id_fields = ["settlement_account"]
    exclude = ["limits_proposal", "recorded_at"]
    fixed = ("code", "broker", "default_currency")

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave the state out of a new client, which is active."""
        return [*self.exclude, *(["status"] if obj is None else [])]

    def open(self, fields: dict[str, Any], given: dict[str, Any]) -> Client:
        """Open the client; its limits become a proposal."""
        limits = {name: fields[name] for name in LIMIT_FIELDS if name in fields}
        named = {name: value for name, value in fields.items() if name not in LIMIT_FIELDS}
        return open_proposed_client(**named, limits=limits, **given).client

    def change(self, request: HttpRequest, obj: Client, fields: dict[str, Any], given: dict[str, Any]) -> None:
        """Change what one person may change, and propose the rest."""
        proposal = change_client(client_id=obj.pk, changes=fields, **given).proposal
        if proposal is not None:
            messages.warning(request, f"{proposal.summary} stay as they are until a second person approves.")


@admin.register(Trader)
class TraderAdmin(ServedAdmin):
    """Traders."""

    list_display = ["code", "name", "broker", "user", "active"]
    list_filter = ["active"]
    list_select_related = ["broker", "user"]
    search_fields = ["code__startswith", "name__icontains"]
    fixed = ("code", "broker")

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave out of a new trader that it is active."""
        return ["active"] if obj is None else []

    def open(self, fields: dict[str, Any], given: dict[str, Any]) -> Trader:
        """Register the trader."""
        return open_trader(**fields, **given)

    def change(self, request: HttpRequest, obj: Trader, fields: dict[str, Any], given: dict[str, Any]) -> None:
        """Change the trader."""
        change_trader(trader_id=obj.pk, changes=fields, **given)

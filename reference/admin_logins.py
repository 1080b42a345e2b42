"""Logins and their groups in Django's admin, with every change in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from reference.admin_pages import AuditedAdmin
from reference.audit import telling_itself

User = get_user_model()
admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class LoginAdmin(AuditedAdmin, UserAdmin):  # type: ignore[type-arg]
    """Logins; what they may do says their membership."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    add_fieldsets = UserAdmin.add_fieldsets  # The theme's own are none.

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Keep the name of a login that exists: audit, proposals and keys know the person by it."""
        return [*super().get_readonly_fields(request, obj), *([] if obj is None else ["username"])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no deletion: a login that is over is made inactive."""
        return False

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Change a password and record that it was, both or neither."""
        with transaction.atomic(), telling_itself():
            answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer


@admin.register(Group)
class LoginGroupAdmin(AuditedAdmin, GroupAdmin):
    """Groups of logins."""

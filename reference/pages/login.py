"""The pages' login: who has tried too often is told how long to wait."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpResponse

from reference.keys.refusals import LoginWaits


class LoginForm(AuthenticationForm):
    """Name and password; a wait is told in the form."""

    waits: LoginWaits | None = None

    def clean(self) -> dict[str, Any]:
        """Check the password. Raises ValidationError, with the words of LoginWaits where there is a wait."""
        try:
            return super().clean()
        except LoginWaits as refusal:
            self.waits = refusal
            raise ValidationError(refusal.message, code=refusal.code) from refusal


class Login(LoginView):
    """Sign in."""

    form_class = LoginForm
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Show the form again; 429 and Retry-After where there is a wait."""
        response = super().form_invalid(form)
        waits = getattr(form, "waits", None)
        if waits is not None:
            response.status_code = waits.status
            for name, value in waits.headers().items():
                response[name] = value
        return response

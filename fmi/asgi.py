"""The ASGI application that granian serves."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fmi.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - once the apps are loaded

from fmi.body_limit import limit_body  # noqa: E402
from fmi.one_hop import OneHopHandler  # noqa: E402

django_application = OneHopHandler()
application = limit_body(application=django_application, limit_bytes=settings.BODY_LIMIT_BYTES)

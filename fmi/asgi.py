"""The ASGI application that granian serves."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fmi.settings")
django.setup(set_prefix=False)

from fmi.body_limit import limit_body, limit_of_address  # noqa: E402 - once the apps are loaded
from fmi.one_hop import OneHopHandler  # noqa: E402

django_application = OneHopHandler()
application = limit_body(application=django_application, limit_of=limit_of_address)

"""The ASGI application that granian serves."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fmi.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# Imported only now: it reads models' errors, which exist once the line above has loaded the apps.
from fmi.body_limit import limit_body  # noqa: E402

application = limit_body(application=django_application, limit_bytes=settings.BODY_LIMIT_BYTES)

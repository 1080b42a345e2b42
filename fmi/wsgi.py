"""The WSGI application, for a server that speaks no ASGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fmi.settings")

application = get_wsgi_application()

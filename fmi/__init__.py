"""The switchboard: settings, URLs, the Celery application, the flow map, access control."""

from fmi.celery import app as celery_app

__all__ = ["celery_app"]

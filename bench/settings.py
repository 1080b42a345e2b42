"""The product's settings, and django-hordak beside it: the bench measures both in one run."""

from fmi.settings import *  # noqa: F403 (settings are extended this way)
from fmi.settings import INSTALLED_APPS as PRODUCT_APPS

INSTALLED_APPS = [*PRODUCT_APPS, "mptt", "hordak"]
DEFAULT_CURRENCY = "USD"

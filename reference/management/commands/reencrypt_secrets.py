"""Encrypt every secret that is kept readable anew, by the first of ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from reference.keys.housekeeping import reencrypt_secrets


class Command(BaseCommand):
    """Run after a new key was put first in ENCRYPTION_KEYS, and before the old one is taken away."""

    help = "Encrypt every secret that is kept readable anew, by the first of ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say how many."""
        self.stdout.write(f"{reencrypt_secrets(now=timezone.now())} secrets are encrypted by the first key.")

"""The keys of the sealed audit log."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import BaseCommand, CommandParser

from events.core.seals import key_id_of, write_public_key, write_signing_key
from events.services.verify import signing_key


class Command(BaseCommand):
    """Write the public key, for whoever verifies; or make a new private one."""

    help = "Write the public key that verifies the heads of the audit log; --new makes a private key."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --new."""
        parser.add_argument("--new", action="store_true", help="make a new private key for AUDIT_SIGNING_KEY")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write a key."""
        if options["new"]:
            self.stdout.write(write_signing_key(key=Ed25519PrivateKey.generate()))
            return
        public = signing_key().public_key()
        self.stdout.write(write_public_key(key=public))
        self.stderr.write(f"key id {key_id_of(key=public)}")

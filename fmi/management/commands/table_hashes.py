"""One hash a table, to compare a database with its copy."""

from typing import Any

from django.core.management import BaseCommand

from fmi.table_hashes import hash_tables


class Command(BaseCommand):
    """Print a line a table: rows, hash, name; and one over all of them."""

    help = "Print the number of rows and a hash of each table: the same for the same content, wherever it is stored."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print them."""
        for name, rows, found in hash_tables():
            self.stdout.write(f"{rows:>12} {found} {name}")

"""Reference data loaded once for a whole file of tests."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker


@pytest.fixture(scope="module")
def loaded_once(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Load the reference data in a transaction around the file; each test is a savepoint in it.

    The imports wait: pytest reads this file before the settings know their servers.
    """
    from django.db import transaction

    from reference.queries import forget_directory
    from reference.services import load_reference

    with django_db_blocker.unblock(), transaction.atomic():
        load_reference()
        yield
        transaction.set_rollback(True)
    forget_directory()

"""The stamp of the reference data."""

import pgtrigger
from django.db import models
from django.db.models import Q

# The stamp is a fresh UUID and not a counter: a rolled-back change gives the old stamp back with
# the old content, and no two contents can ever carry the same stamp.
STAMP_SQL = """
INSERT INTO reference_referenceversion AS current (id, stamp)
VALUES (1, gen_random_uuid())
ON CONFLICT (id) DO UPDATE SET stamp = EXCLUDED.stamp;
RETURN NULL;
"""


class ReferenceVersion(models.Model):
    """The one row whose stamp changes with every change of reference data; triggers write it."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    stamp = models.UUIDField()

    class Meta:
        """One row."""

        constraints = [models.CheckConstraint(condition=Q(id=1), name="referenceversion_single_row")]

    def __str__(self) -> str:
        """The stamp."""
        return str(self.stamp)


def stamp_version(*, table: str) -> pgtrigger.Trigger:
    """Give ReferenceVersion a new stamp after each statement that may have changed the table."""
    return pgtrigger.Trigger(
        name=f"{table}_stamp",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete | pgtrigger.Truncate,
        func=STAMP_SQL,
    )

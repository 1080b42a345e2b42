"""Migrations without the work that PostgreSQL does not need.

After each operation Django builds the classes of the model and of all its neighbours anew. A constraint, an index or
a trigger changes neither fields nor relations, and PostgreSQL needs the class for nothing else (SQLite, which copies
whole tables, does). With some eight hundred of them in the migrations, that is more than half of the time a new
database takes.
"""

from collections.abc import Callable
from typing import Any

from django.db.migrations import AddConstraint, AddIndex, RemoveConstraint, RemoveIndex
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import AddTrigger, RemoveTrigger

OPERATIONS = (AddConstraint, RemoveConstraint, AddIndex, RemoveIndex, AddTrigger, RemoveTrigger)

StateForwards = Callable[[Any, str, ProjectState], None]


def keep_classes() -> None:
    """Let the operations that change no field leave the models' classes as they are."""
    for operation in OPERATIONS:
        operation.state_forwards = _without_reload(operation.state_forwards)  # type: ignore[method-assign, assignment]


def _without_reload(forwards: StateForwards) -> StateForwards:
    def state_forwards(operation: Any, app_label: str, state: ProjectState) -> None:
        state.reload_model = lambda *_args, **_kwargs: None  # type: ignore[method-assign]
        try:
            forwards(operation, app_label, state)
        finally:
            del state.reload_model

    return state_forwards

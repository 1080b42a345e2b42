"""The market of the properties that need a database; models are imported late, for settings must stand first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.factories.chain import Chain


@pytest.fixture
def chain(db: None) -> Chain:
    """Four members with accounts, three securities, Monday 2008-09-08, ten o'clock."""
    from tests.factories.chain import make_chain

    return make_chain()

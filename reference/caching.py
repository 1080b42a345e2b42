"""The cache and the sessions over it, made so that Valkey may be away: what it holds is in PostgreSQL or can be made.

Django's own cache raises where the store does not answer, so that every page would be a 500 for as long.
"""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.sessions.backends.cached_db import SessionStore as CachedSessionStore
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from reference.refusals import Refusal

log = logging.getLogger(__name__)


class SessionNotEnded(Refusal):
    """The login cannot be ended at this moment, for its copy in the cache cannot be reached. Try again soon."""

    code = "session-not-ended"
    status = 503


class AbsentCache(RedisCache):
    """A cache that has nothing and keeps nothing while Valkey does not answer; deleting still raises RedisError."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return what is kept, the default where nothing is or nobody answers."""
        try:
            return super().get(key, default, version)
        except RedisError:
            return self._missed(default)

    def set(self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Keep a value where somebody answers."""
        try:
            super().set(key, value, timeout, version)
        except RedisError:
            self._missed(None)

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Tell whether something is kept."""
        try:
            return bool(super().has_key(key, version))
        except RedisError:
            return bool(self._missed(False))

    def _missed(self, answer: Any) -> Any:
        log.debug("Valkey does not answer: nothing is cached")
        return answer


class SessionStore(CachedSessionStore):
    """Sessions in PostgreSQL with a copy in Valkey; one is over only when its copy is gone, too."""

    def delete(self, session_key: str | None = None) -> None:
        """Delete a session, its copy first. Raises SessionNotEnded where that cannot be reached: it lives on, whole."""
        key = self.session_key if session_key is None else session_key
        try:
            if key is not None:
                self._cache.delete(self.cache_key_prefix + key)  # type: ignore[attr-defined]
            super().delete(session_key)
        except RedisError as error:
            raise SessionNotEnded from error

"""Production refuses to start half configured, and says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMPLETE = {
    "SECRET_KEY": "k" * 60,
    "DATABASE_URL": "postgresql://fmi:secret@db.example:5432/fmi",
    "REDIS_URL": "redis://cache.example:6379/0",
    "ALLOWED_HOSTS": "fmi.example",
}


def read_setting(expression: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Evaluate an expression over the settings in a process that has just this environment."""
    return subprocess.run(
        [sys.executable, "-c", f"from django.conf import settings; print({expression})"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "fmi.settings",
            "PYTHONPATH": str(ROOT),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("missing", sorted(COMPLETE))
def test_a_missing_variable_is_named(missing: str) -> None:
    answer = read_setting("settings.DEBUG", {name: value for name, value in COMPLETE.items() if name != missing})
    assert answer.returncode != 0
    assert f"{missing} is not set" in answer.stderr


def test_production_is_closed_by_default() -> None:
    answer = read_setting(
        "[settings.DEBUG, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, "
        "settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS > 0, settings.ALLOWED_HOSTS]",
        COMPLETE,
    )
    assert answer.stdout.strip() == "[False, True, True, True, True, ['fmi.example']]"


def test_debug_needs_nothing_else() -> None:
    answer = read_setting("settings.HTTPS_ONLY", {"DEBUG": "true"})
    assert answer.stdout.strip() == "False"


def test_a_task_is_given_again_only_after_its_time_limit() -> None:
    answer = read_setting(
        "settings.CELERY_BROKER_TRANSPORT_OPTIONS['visibility_timeout'] > settings.CELERY_TASK_TIME_LIMIT",
        COMPLETE | {"WORKER_TASK_TIME_LIMIT_SECONDS": "4000"},
    )
    assert answer.stdout.strip() == "True"

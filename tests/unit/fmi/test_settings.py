"""Production refuses to start half configured, and says what is missing."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COMPLETE = {
    "SECRET_KEY": "k" * 60,
    "DATABASE_URL": "postgresql://fmi:secret@db.example:5432/fmi",
    "REDIS_URL": "redis://cache.example:6379/0",
    "ALLOWED_HOSTS": "fmi.example",
    "JWT_SIGNING_KEYS": "first:" + "s" * 40,
    "JWT_ISSUER": "https://fmi.example",
    "JWT_AUDIENCE": "https://fmi.example/api/v1",
    "ENCRYPTION_KEYS": "eHh4" * 10 + "eHg=",
    "AUDIT_SIGNING_KEY": "bm90LXNlY3JldC1ub3Qtc2VjcmV0LW5vdC1zZWNyZXQ=",
}
# Reads the settings anew with one variable after the other away, in one process: starting one takes longer.
STARTS = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
said = {}
for name in json.loads(sys.argv[1]):
    value = os.environ.pop(name)
    sys.modules.pop("fmi.settings", None)
    try:
        importlib.import_module("fmi.settings")
    except ImproperlyConfigured as refused:
        said[name] = str(refused)
    os.environ[name] = value
print(json.dumps(said))
"""


def read_setting(expression: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Evaluate an expression over the settings in a process that has just this environment."""
    return run_python(f"from django.conf import settings; print({expression})", environment)


def run_python(program: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process that has just this environment."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
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


def test_production_does_not_start_without_what_it_must_be_told_and_names_it() -> None:
    answer = run_python(STARTS, COMPLETE, json.dumps(sorted(COMPLETE)))
    said = json.loads(answer.stdout)
    assert set(said) == set(COMPLETE)
    for name, words in said.items():
        assert words.startswith(f"{name} is not set"), words
        assert not any(value in words for value in COMPLETE.values()), words
    source = ast.parse((ROOT / "fmi/settings.py").read_text())
    calls = [node for node in ast.walk(source) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    needed = {ast.literal_eval(call.args[0]) for call in calls
              if call.func.id in ("required", "key_ring") and isinstance(call.args[0], ast.Constant)}  # type: ignore[attr-defined]  # fmt: skip
    assert needed == set(COMPLETE)


def test_production_is_closed_by_default() -> None:
    answer = read_setting(
        "[settings.DEBUG, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, "
        "settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS > 0, settings.ALLOWED_HOSTS]",
        COMPLETE,
    )
    assert answer.stdout.strip() == "[False, True, True, True, True, ['fmi.example']]"


SECURE = """
import django
django.setup()
from django.test import Client
answer = Client().get("/health", secure=True, headers={"host": "fmi.example"})
print(answer.status_code, answer["Strict-Transport-Security"])
print(Client().get("/login/?next=/", headers={"host": "fmi.example"})["Location"])
"""


def test_production_keeps_browsers_on_tls() -> None:
    """Two years would be no safer for the preload list, which asks for one at least (hstspreload.org)."""
    answer = run_python(SECURE, COMPLETE | {"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert answer.stdout.splitlines() == [
        "200 max-age=31536000; includeSubDomains; preload", "https://fmi.example/login/?next=/",
    ], answer.stderr  # fmt: skip


def test_debug_needs_nothing_else() -> None:
    answer = read_setting("settings.HTTPS_ONLY", {"DEBUG": "true"})
    assert answer.stdout.strip() == "False"


def test_a_task_is_given_again_only_after_its_time_limit() -> None:
    answer = read_setting(
        "settings.CELERY_BROKER_TRANSPORT_OPTIONS['visibility_timeout'] > settings.CELERY_TASK_TIME_LIMIT",
        COMPLETE | {"WORKER_TASK_TIME_LIMIT_SECONDS": "4000"},
    )
    assert answer.stdout.strip() == "True"

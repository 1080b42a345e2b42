"""What of security `manage.py check --deploy` finds in a composition's environment, on a laptop and in production."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import yaml

from tests.unit.fmi.test_settings import COMPLETE, ROOT, run_python

CHECK = """
import json, django
django.setup()
from django.core.checks import run_checks
print(json.dumps([found.id for found in run_checks(tags=["security"], include_deployment_checks=True)]))
"""


def environments(path: str) -> dict[str, dict[str, Any]]:
    """Return each service's environment in a file of a composition."""
    services = yaml.safe_load((ROOT / path).read_text())["services"]
    return {name: service.get("environment", {}) for name, service in services.items()}


def deployment_faults(**changes: str) -> set[str]:
    """Return the findings of `check --deploy` in web's environment, as the composition fills it in."""
    given = {name: value for name, value in environments("docker-compose.yml")["web"].items() if value is not None}
    outside = COMPLETE | {"SECRET_KEY": secrets.token_urlsafe(60), "APP_POSTGRES_PASSWORD": "p"}
    filled = {
        name: re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: outside.get(found[1], found[2]), value)
        for name, value in (given | changes).items()
    }
    done = run_python(CHECK, filled)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_a_laptop_is_open_by_default_and_production_is_closed() -> None:
    """On http://127.0.0.1 a secure cookie and a redirect to TLS would lock everybody out; production has TLS."""
    assert deployment_faults() == {f"security.W{number:03d}" for number in (4, 8, 12, 16)}
    laptop, production = environments("docker-compose.yml"), environments("deploy/production.yml")
    assert set(production) == {name for name, given in laptop.items() if "SECRET_KEY" in given}
    for name, changed in production.items():
        assert set(changed) <= set(laptop[name])
        assert (changed["HTTPS_ONLY"], changed["BEHIND_PROXY"]) == ("true", "true")
        assert changed["ALLOWED_HOSTS"].endswith("},127.0.0.1,web"), "health checks and Prometheus go on"
    assert deployment_faults(**production["web"]) == set()
    assert "-f deploy/production.yml" in (ROOT / "docs/operations.md").read_text()

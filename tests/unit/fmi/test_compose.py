"""The files that no test machine can run agree with the settings and programs they use."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from fmi.embedded.postgres import TUNING

ROOT = Path(__file__).resolve().parents[3]
OWN_SERVICES = ("migrate", "web", "worker", "beat")


def read_by_settings() -> dict[str, bool]:
    """Return each variable that fmi/settings.py reads, and whether production must set it."""
    found = {}
    for node in ast.walk(ast.parse((ROOT / "fmi/settings.py").read_text())):
        if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
            continue
        is_required = isinstance(node.func, ast.Name) and node.func.id in ("required", "key_ring")
        reads = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "env"
        if is_required or reads:
            found[str(node.args[0].value)] = is_required
    return found


def variables_of(service: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in service.get("environment", {}).items()}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def test_settings_read_what_this_test_thinks() -> None:
    assert {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "AUDIT_SIGNING_KEY"} <= {
        name for name, is_required in read_by_settings().items() if is_required
    }
    assert "DEBUG" in read_by_settings()


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_every_variable_of_a_service_is_read_by_the_settings(services: dict[str, Any], name: str) -> None:
    variables = variables_of(services[name])
    assert set(variables) <= set(read_by_settings())
    missing = {name for name, is_required in read_by_settings().items() if is_required} - set(variables)
    assert not missing


def test_example_environment_lists_exactly_what_the_settings_read() -> None:
    lines = re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(lines) == sorted(read_by_settings())


def test_urls_name_the_services(services: dict[str, Any]) -> None:
    variables = variables_of(services["web"])
    assert "@postgres:5432/" in variables["DATABASE_URL"]
    assert variables["REDIS_URL"].startswith("redis://valkey:6379")
    assert variables["DATABASE_URL"].rpartition("/")[2] == services["postgres"]["environment"]["POSTGRES_DB"]
    owner = variables_of(services["migrate"])["OWNER_DATABASE_URL"]
    users = [re.findall(r"postgresql://(\w+):", url) for url in (owner, variables["DATABASE_URL"])]
    assert users == [[services["postgres"]["environment"]["POSTGRES_USER"]], ["fmi_app"]]
    assert "OWNER_DATABASE_URL" not in variables


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_processes_wait_for_the_migration(services: dict[str, Any], name: str) -> None:
    waits = services[name]["depends_on"]
    assert waits["migrate"] == {"condition": "service_completed_successfully"}
    assert waits["postgres"] == waits["valkey"] == {"condition": "service_healthy"}


def test_migration_waits_for_the_servers_and_runs_once(services: dict[str, Any]) -> None:
    migrate = services["migrate"]
    assert set(migrate["depends_on"]) == {"postgres", "valkey"}
    assert migrate["restart"] == "no"
    assert migrate["command"][:2] == ["python", "manage.py"]
    assert migrate["command"][2] in get_commands()


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_celery_commands_name_the_application(services: dict[str, Any], name: str) -> None:
    command = services[name]["command"]
    assert command[:4] == ["celery", "--app", "fmi", name]
    assert importlib.util.find_spec("celery") is not None


def test_only_servers_and_checked_processes_have_health_checks(services: dict[str, Any]) -> None:
    assert "pg_isready" in services["postgres"]["healthcheck"]["test"]
    assert services["postgres"]["healthcheck"]["start_period"]
    assert services["valkey"]["healthcheck"]["test"][-2:] == ["valkey-cli", "ping"]
    assert "/ready" in str(services["web"]["healthcheck"]["test"])
    assert services["worker"]["healthcheck"]["test"][1:6] == ["celery", "--app", "fmi", "inspect", "ping"]
    assert "healthcheck" not in services["beat"]
    assert "healthcheck" not in services["migrate"]


def test_web_is_published_on_the_loopback_address_alone(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"web", "grafana"}
    assert all(str(port).startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_what_observes_starts_only_when_asked_for_and_reads_files_that_exist(services: dict[str, Any]) -> None:
    for name in ("prometheus", "grafana", "otel-collector"):
        assert services[name]["profiles"] == ["observe"]
        files = [volume.split(":")[0] for volume in services[name]["volumes"] if volume.startswith("./")]
        assert files
        assert all((ROOT / file).exists() for file in files)
    scrape = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"][0]
    assert scrape["static_configs"][0]["targets"] == ["web:8000"]
    assert variables_of(services["web"])["ALLOWED_HOSTS"].endswith(",web")
    rules = yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        assert {"summary", "action"} <= set(rule["annotations"]), rule["alert"]


def test_stopping_gives_time_to_end(services: dict[str, Any]) -> None:
    assert services["web"]["stop_grace_period"] == services["worker"]["stop_grace_period"] == "60s"


def test_postgres_is_tuned_as_the_embedded_one(services: dict[str, Any]) -> None:
    assert services["postgres"]["image"] == "postgres:18"
    given = dict(re.findall(r"-c (\w+)=(\S+)", services["postgres"]["command"]))
    assert given == TUNING


def test_image_serves_the_application_that_exists() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    start = re.search(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert start is not None
    command = ast.literal_eval(start[1])
    assert command[0] == "granian"
    assert command[-1] == "fmi.asgi:application"
    assert importlib.util.find_spec("fmi.asgi") is not None
    # Every variable without which the settings refuse is given while the static files are collected.
    for name, is_required in read_by_settings().items():
        assert not is_required or f"{name}=" in dockerfile
    python = re.search(r"^FROM python:(\d+)\.(\d+)", dockerfile, re.MULTILINE)
    assert python is not None
    assert (int(python[1]), int(python[2])) >= (3, 11)


def test_make_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))

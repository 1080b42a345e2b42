"""The files that no test machine can run agree with the settings and programs they use."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from django.urls import resolve

from fmi.embedded.postgres import TUNING

ROOT = Path(__file__).resolve().parents[3]
OWN_SERVICES = ("migrate", "web", "worker", "beat")
# What the settings read and no container is given.
NOT_PASSED = {
    "DEBUG": "never in a deployment",
    "STATIC_FROM_SOURCE": "the image has collected them",
    "AS_OWNER": "manage.py sets it by itself",
    "OWNER_DATABASE_URL": "of migrate alone",
}
# What a container is given and nobody can set from outside: the addresses and places inside the composition.
FIXED = {"DATABASE_URL", "REDIS_URL", "AUDIT_HEADS"}


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


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_every_variable_of_the_settings_reaches_each_service(services: dict[str, Any], name: str) -> None:
    """Passed from outside under its own name, or passed on without a value, where the settings have the default."""
    given = services[name]["environment"]
    own = {"OWNER_DATABASE_URL"} if name == "migrate" else set()
    assert set(read_by_settings()) - set(given) == set(NOT_PASSED) - own
    for variable, value in given.items():
        if variable not in FIXED | own:
            assert value is None or re.search(rf"\$\{{{variable}[:}}]", value), variable
    spelled = re.findall(r"\$\{(\w+):-([^}]*)\}", " ".join(str(value) for value in given.values()))
    assert {variable for variable, _ in spelled} <= set(given)


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


def mounts_of(service: dict[str, Any]) -> dict[str, str]:
    """Return where each of a service's files and volumes is found inside: path inside -> what it is."""
    return {volume.split(":")[1]: volume.split(":")[0] for volume in service.get("volumes", [])}


def file_inside(service: dict[str, Any], path: str) -> Path:
    """Return the file of the project that a service finds at a path."""
    for inside, outside in mounts_of(service).items():
        if path == inside or path.startswith(inside + "/"):
            return ROOT / outside / path.removeprefix(inside).strip("/")
    raise AssertionError(f"nothing is mounted at {path}")


def option_of(service: dict[str, Any], name: str) -> str:
    """Return the value of an option in a service's command."""
    (found,) = [word.removeprefix(f"{name}=") for word in service["command"] if word.startswith(f"{name}=")]
    return str(found)


def test_prometheus_finds_its_files_the_token_and_the_address(services: dict[str, Any]) -> None:
    prometheus = services["prometheus"]
    config = yaml.safe_load(file_inside(prometheus, option_of(prometheus, "--config.file")).read_text())
    assert [file_inside(prometheus, path).name for path in config["rule_files"]] == ["alerts.yml"]
    assert option_of(prometheus, "--storage.tsdb.path") in mounts_of(prometheus)
    (scrape,) = config["scrape_configs"]
    secret = Path(scrape["authorization"]["credentials_file"])
    assert (str(secret.parent), prometheus["secrets"]) == ("/run/secrets", [secret.name])
    secrets = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["secrets"]
    assert secrets[secret.name]["environment"] in variables_of(services["web"])
    assert resolve(scrape["metrics_path"]).func.__name__ == "metrics"
    (target,) = scrape["static_configs"][0]["targets"]
    assert target == f"web:{services['web']['ports'][0].rpartition(':')[2]}"
    assert f'"--port", "{target.rpartition(":")[2]}"' in (ROOT / "Dockerfile").read_text()


def test_grafana_finds_its_dashboard_and_prometheus(services: dict[str, Any]) -> None:
    grafana = services["grafana"]
    provisioning = file_inside(grafana, "/etc/grafana/provisioning")
    (provider,) = yaml.safe_load((provisioning / "dashboards/fmi.yml").read_text())["providers"]
    dashboards = list(file_inside(grafana, provider["options"]["path"]).glob("*.json"))
    assert [path.name for path in dashboards] == ["fmi.json"]
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    panels = json.loads(dashboards[0].read_text())["panels"]
    assert {panel["datasource"]["uid"] for panel in panels if panel["type"] != "row"} == {source["uid"]}
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(x, y) for panel in panels for at in [panel["gridPos"]]
              for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]  # fmt: skip
    assert len(set(places)) == len(places), "no panel lies on another"
    assert max(x for x, _ in places) < 24


def test_the_collector_listens_where_the_product_is_told_to_send(services: dict[str, Any]) -> None:
    collector = services["otel-collector"]
    config = yaml.safe_load(file_inside(collector, option_of(collector, "--config")).read_text())
    port = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:{port}" in (ROOT / ".env.example").read_text()
    (pipeline,) = config["service"]["pipelines"].values()
    assert set(pipeline["receivers"]) <= set(config["receivers"])
    assert set(pipeline["processors"]) <= set(config["processors"])
    assert set(pipeline["exporters"]) <= set(config["exporters"])


def test_the_broker_is_reached_where_it_says_it_is(services: dict[str, Any]) -> None:
    kafka = services["kafka"]
    assert kafka["profiles"] == ["kafka"]
    given = variables_of(kafka)
    address = given["KAFKA_ADVERTISED_LISTENERS"].removeprefix("PLAINTEXT://")
    assert address.partition(":")[0] == "kafka", "the service's own name"
    assert f"KAFKA_BROKERS={address}" in (ROOT / ".env.example").read_text()
    assert f":{address.rpartition(':')[2]}" in given["KAFKA_LISTENERS"].split(",")[0]
    assert given["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"{given['KAFKA_NODE_ID']}@kafka:9093"
    assert given["KAFKA_LOG_DIRS"] in mounts_of(kafka)
    for name in OWN_SERVICES:  # What publishes, and what shows how far it is behind.
        assert {"KAFKA_BROKERS", "KAFKA_TOPIC"} <= set(variables_of(services[name]))


def test_every_volume_is_declared_and_used(services: dict[str, Any]) -> None:
    declared = set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"])
    used = {outside for service in services.values() for outside in mounts_of(service).values()}
    assert {name for name in used if not name.startswith("./")} == declared


def test_the_heads_of_the_audit_log_are_written_by_the_worker_and_read_by_web(services: dict[str, Any]) -> None:
    heads = variables_of(services["web"])["AUDIT_HEADS"]
    directory = heads.rpartition("/")[0]
    mounted = {name: volume for name, service in services.items() for volume in service.get("volumes", [])
               if volume.split(":")[1] == directory}  # fmt: skip
    assert mounted == {"worker": f"audit:{directory}", "web": f"audit:{directory}:ro"}
    assert f"chown fmi var {directory}" in (ROOT / "Dockerfile").read_text()
    for guide in ("docs/audit.md", "docs/operations.md"):
        assert "docker compose exec web python manage.py verify_audit" in (ROOT / guide).read_text()


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

"""Nothing changes without an audit record: every door is found by machine, and must reach what writes the log.

Where one does not, it stands here with the reason. The reasons are compared with what is found, both ways.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.urls import get_resolver

from fmi.business_day import find_task
from fmi.celery import app
from reference.admin_pages import AuditedAdmin
from tests.factories.call_graph import APPS, reachable, read_graph, source_of

RECORDERS = {
    "events.services.audit:record_action",
    "events.services.audit:record_actions",
    "events.services.audit:action_parameters",
    "events.services.audit:tell_action",
    "reference.audit:record_action",
}
# What a task records of itself: one record a set (events/services/outbox.py).
RECORDERS_OF_TASKS = RECORDERS | {"events.services.outbox:record_fact"}
# What every door passes; records of logins and tokens there say nothing of the door's own work.
SHARED_BY_DOORS = (
    "reference.api.base", "reference.access", "reference.keys.login_waits", "reference.keys.grants",
    "events.logins", "events.services.logins",
)  # fmt: skip
WRITES = re.compile(
    r"\b(INSERT INTO|UPDATE [a-z]+_|DELETE FROM [a-z])|copy_arrays"
    r"|\.(save|bulk_create|create|get_or_create|update_or_create|update|delete)\("
)
DERIVATIVES = "each event is written with its record; a liquidation's is its set's, or the mark's that did it"
JOURNAL = "its postings are journal entries of a named source, append-only"
ORDER_STEPS = "every step of an order is a row of its history, append-only; the credit it holds follows from its trades"
READS = "changes nothing but what can be derived again"

DOORS = {
    "admin/auth/user/<id>/password/": "AuditedAdmin.log_change, which Django's own view calls",
    "api/v1/login-waits/end": "unlock_login records it, in a module that every door passes",
    "keys/unlock/": "unlock_login records it, in a module that every door passes",
}
TASKS = {
    "clearing.allocate": "the order to allocate was recorded; its shares are append-only, its end is written on it",
    "clearing.allocate_closing": "as clearing.allocate",
    "clearing.follow_orders": ORDER_STEPS,
    "clearing.follow_settling": ORDER_STEPS,
    "events.prune": "takes away what has expired by itself",
    "events.publish": "a fact's position and its delivery are written on the fact",
    "events.verify_audit": "what a verification found is a row of its own, append-only",
    "fmi.deliver": "a fact's delivery is written on the fact",
    "fmi.sweep": "calls the other tasks, each of which stands here or records itself",
    "reference.expire_answers": "takes away what has expired by itself",
    "reference.keep_keys": "takes away what has expired by itself; writes when keys were used last",
    "reference.publish_quotes": READS,
    "settlement.allege": "an allegement is a row with its time, and follows from the two reports",
    "settlement.reimburse": JOURNAL,
    "settlement.repay_overnight": JOURNAL,
    "trades.allege": "an allegement is a row with its time, and follows from the two reports",
    "trades.close_positions": "positions at a close are append-only and follow from the fills",
    "trades.watch_positions": "an alert's opening is a row with its time; each step that a person takes is recorded",
}
COMMANDS = {
    "audit_key": "writes to the terminal", "check_invariants": READS,
    "table_hashes": READS, "verify_audit": "what a verification found is a row of its own, append-only",
    "consume_events": "an inbox entry a fact, with its time", "demo": "calls play_days",
    "listen_webhooks": "prints what it receives",
}  # fmt: skip
SERVICES = {
    "clearing.services.allocate_blocks": "the order to allocate is recorded; shares name it, its end is written on it",
    "clearing.services.carry_obligations": "a carried contract names its cause; only its netting run is added",
    "clearing.services.change_derivatives": DERIVATIVES,
    "clearing.services.commit_derivatives": DERIVATIVES,
    "clearing.services.default_case": "called within the steps of a case, each recorded",
    "clearing.services.default_positions": "called within the steps of a case, each recorded",
    "clearing.services.follow_orders": ORDER_STEPS,
    "clearing.services.open_derivatives": "the demo alone lists contracts; an account that opens is recorded",
    "clearing.services.open_membership": "the demo's, and in a margin run, which is recorded; changes are",
    "clearing.services.withdraw_trade": "called within a cancellation, which is recorded",
    "clearing.services.write_derivatives": DERIVATIVES,
    "events.services.consume": "an inbox entry a fact, with its time; a failure is a dead letter with its reason",
    "events.services.outbox": "a fact's delivery is written on the fact",
    "events.services.publish": "a fact's position is written on the fact",
    "events.services.verify": "what a verification found is a row of its own, append-only",
    "ledger.services": "the journal is append-only and names its source; accounts, floors: by callers that stand here",
    "reference.services": "the clock's ticks, its stopping and a client's porting: who asks for these two is recorded",
    "settlement.services.allege_instructions": "an allegement is a row with its time",
    "settlement.services.book_outcome": JOURNAL,
    "settlement.services.business_day": "the day's steps are rows with their times",
    "settlement.services.cancel_instructions": "called within a cancellation, a suspension or a netting, each recorded",
    "settlement.services.charge_penalties": "a penalty is a row with its day and its fail",
    "settlement.services.credit_lines": "the demo alone opens lines; a change is recorded",
    "settlement.services.draw_credit": JOURNAL,
    "settlement.services.order_steps": "the order to step is recorded; its end is written on it",
    "settlement.services.reimburse_credit": JOURNAL,
    "settlement.services.resolve_links": "called within an entry, a link or a matching, each recorded",
    "trades.services.advance_trades": "a trade's state follows from its match and its obligations",
    "trades.services.allege_trades": "an allegement is a row with its time",
    "trades.services.allocations.write_allocations": "shares name their allocation, whose order is recorded",
    "trades.services.capture_submission": "a submission names who sends it; recorded when it ends",
    "trades.services.capture_trades": "part of a submission or a capture, which is recorded",
    "trades.services.copy_trades": "part of a submission or a capture, which is recorded",
    "trades.services.positions.close_day": "positions at a close are append-only",
    "trades.services.positions.watch_limits": "an alert's opening is a row with its time; a person's steps are told",
}


def node_of(function: Any) -> str:
    inner = inspect.unwrap(function)
    return f"{inner.__module__}:{inner.__qualname__.split('.<locals>')[0]}"


def routes(resolver: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern, route)
        else:
            yield route, pattern.callback


def is_ours(thing: Any) -> bool:
    return inspect.unwrap(thing).__module__.partition(".")[0] in APPS


def writing_doors() -> Iterator[tuple[str, list[str]]]:
    """Every address that takes more than GET, with the functions behind it."""
    for route, callback in routes(get_resolver()):
        view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
        if view is not None:
            own = [node_of(part) for part in view.__mro__ if is_ours(part)]
            for method in ("post", "put", "patch", "delete"):
                handler = getattr(view, method, None)
                if handler is not None and is_ours(handler):
                    yield route, [node_of(handler), *own]
        elif is_ours(callback):
            node = node_of(callback)
            module, _, name = node.partition(":")
            source = inspect.getsource(importlib.import_module(module))
            found = re.search(rf"((?:^@.*\n)+)^def {name.partition('.')[0]}\(", source, re.MULTILINE)
            if found is None or not ("safe" in found[1] or "require_GET" in found[1]):
                yield route, [node]


def test_every_writing_address_reaches_the_audit_log() -> None:
    doors = list(writing_doors())
    holes = {route for route, start in doors if not reachable(start=start, without=SHARED_BY_DOORS) & RECORDERS}
    assert len(doors) > 150
    assert holes == set(DOORS)


def test_every_task_and_command_does_or_says_why_not() -> None:
    find_task("fmi.sweep")
    tasks = {name: node_of(task.run) for name, task in app.tasks.items() if not name.startswith("celery.")}
    holes = {
        name for name, node in tasks.items() if is_product(node) and not reachable(start=[node]) & RECORDERS_OF_TASKS
    }
    assert holes == set(TASKS)
    commands = {node for node in read_graph() if node.endswith(":Command.handle")}
    silent = {node.split(":")[0].rpartition(".")[2] for node in commands if not reachable(start=[node]) & RECORDERS}
    assert silent == set(COMMANDS)


def is_product(node: str) -> bool:
    return node.partition(".")[0] in APPS


def test_every_service_that_writes_does_or_says_why_not() -> None:
    silent = set()
    for node in read_graph():
        module, _, name = node.partition(":")
        if "services" not in module.split(".") or "." in name or name.startswith("_") or not name.islower():
            continue
        reached = reachable(start=[node])
        writes = any(WRITES.search(source_of(other)) for other in reached if "services" in other)
        if writes and source_of(node).startswith("def") and not reached & RECORDERS_OF_TASKS:
            silent.add(module)
    assert silent == set(SERVICES)


def test_whatever_the_admin_lets_change_is_audited() -> None:
    class Root:
        is_active = is_staff = is_superuser = True

        def has_perm(self, *_: Any) -> bool:
            return True

    class Request:
        user = Root()

    request: Any = Request()
    offered = ("has_add_permission", "has_change_permission", "has_delete_permission")
    unaudited = {
        type(page).__name__
        for page in admin.site._registry.values()
        if not isinstance(page, AuditedAdmin) and any(getattr(page, offer)(request) for offer in offered)
    }
    assert unaudited == set()

"""Another participant at every address of the product: it reads no byte of ALPHA's and changes nothing of it.

The addresses are those of the URL resolver: one with an object in it that no case here names fails, and so does a view
of the API that names no scope.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from django.test import Client
    from django.urls import URLPattern

    from tests.factories.owned import Owned

ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
HIDDEN = (403, 404, 405)
# What is another's is as if it were not: only who may not do such a thing at all is told so.
UNKNOWN = (404, 405)
WRITING = ("post", "put", "patch", "delete")

# What belongs to ALPHA alone: address -> the keys in it, in their order (tests/factories/owned.py).
OWN: dict[str, str] = {
    "api/v1/trades/<uuid:public_id>": "trade",
    "api/v1/trades/<uuid:public_id>/cancel": "trade",
    "api/v1/trades/<uuid:public_id>/enrichment": "trade",
    "api/v1/orders/<uuid:public_id>": "order",
    "api/v1/orders/<uuid:public_id>/cancel": "order",
    "api/v1/orders/<uuid:public_id>/replace": "order",
    "api/v1/execution/<uuid:public_id>": "execution",
    "api/v1/submissions/<uuid:public_id>": "submission",
    "api/v1/submissions/<uuid:public_id>/refused-lines": "submission",
    "api/v1/static-data/clients/<str:key>": "client",
    "api/v1/static-data/traders/<str:key>": "trader",
    "api/v1/static-data/accounts/<str:key>": "account",
    "api/v1/position-limits/<int:pk>/retire": "limit",
    "api/v1/position-alerts/<int:pk>/acknowledge": "alert",
    "api/v1/allocations/<uuid:public_id>": "allocation",
    "api/v1/allocations/<uuid:public_id>/cancel": "allocation",
    "api/v1/allocations/<uuid:public_id>/reallocate": "allocation",
    "api/v1/clearing/defaults/<int:pk>": "proposed_case",
    "api/v1/clearing/defaults/<int:pk>/lots": "proposed_case",
    "api/v1/clearing/portings/<int:pk>/answer": "porting",
    "api/v1/clearing/calls/<int:pk>/pay": "call",
    "api/v1/clearing/calls/<int:pk>/withdraw": "call",
    "api/v1/clearing/<str:trade_id>": "trade_id",
    "api/v1/derivatives/positions/<int:account_id>": "derivatives",
    "api/v1/derivatives/trades/<int:account_id>": "derivatives",
    "api/v1/settlement/<str:trade_id>": "trade_id",
    "api/v1/settlement/instructions/<uuid:public_id>": "instruction",
    "api/v1/settlement/instructions/<uuid:public_id>/hold": "instruction",
    "api/v1/settlement/instructions/<uuid:public_id>/release": "instruction",
    "api/v1/settlement/instructions/<uuid:public_id>/cancel": "instruction",
    "api/v1/settlement/instructions/<uuid:public_id>/links": "instruction",
    "api/v1/settlement/party-instructions/<uuid:public_id>": "party",
    "api/v1/settlement/party-instructions/<uuid:public_id>/hold": "party",
    "api/v1/settlement/party-instructions/<uuid:public_id>/release": "party",
    "api/v1/settlement/party-instructions/<uuid:public_id>/cancel": "party",
    "api/v1/settlement/party-instructions/<uuid:public_id>/links": "party",
    "api/v1/accounts/<str:key>": "account",
    "api/v1/accounts/<str:key>/statement": "account",
    "api/v1/positions/<str:key>": "ALPHA",
    "api/v1/audit/<int:pk>": "audit",
    "api/v1/audit/<int:pk>/proof": "audit",
    "api/v1/keys/<str:client_id>": "key",
    "api/v1/keys/<str:client_id>/rotate": "key",
    "api/v1/keys/<str:client_id>/revoke": "key",
    "api/v1/webhooks/<uuid:public_id>": "webhook",
    "api/v1/webhooks/<uuid:public_id>/deliveries": "webhook",
    "api/v1/webhooks/<uuid:public_id>/deliveries/<uuid:delivery_id>": "webhook delivery",
    "api/v1/webhooks/<uuid:public_id>/deliveries/<uuid:delivery_id>/redeliver": "webhook delivery",
    "api/v1/webhooks/<uuid:public_id>/redeliver": "webhook",
    "api/v1/webhooks/<uuid:public_id>/rotate-secret": "webhook",
    "api/v1/webhooks/<uuid:public_id>/test": "webhook",
    "api/v1/proposals/<uuid:public_id>": "proposal",
    "api/v1/proposals/<uuid:public_id>/approve": "proposal",
    "api/v1/proposals/<uuid:public_id>/reject": "proposal",
    "api/v1/proposals/<uuid:public_id>/withdraw": "proposal",
    "order/<uuid:public_id>": "order",
    "trades/<uuid:public_id>/": "trade",
    "trades/<uuid:public_id>/cancel/": "trade",
    "orders/<uuid:public_id>/": "order",
    "orders/<uuid:public_id>/cancel/": "order",
    "orders/<uuid:public_id>/replace/": "order",
    "positions/<str:account>/<str:isin>/": "account security",
    "positions/limits/<int:pk>/retire/": "limit",
    "positions/alerts/<int:pk>/acknowledge/": "alert",
    "clients/<str:code>/": "client",
    "approvals/<uuid:public_id>/<slug:step>/": "proposal withdraw",
    "keys/<str:client_id>/rotate/": "key",
    "keys/<str:client_id>/revoke/": "key",
    "webhooks/<uuid:public_id>/": "webhook",
    "webhooks/<uuid:public_id>/<slug:step>/": "webhook disable",
    "webhooks/<uuid:public_id>/deliveries/<uuid:delivery_id>/": "webhook delivery",
    "allocations/<uuid:public_id>/": "allocation",
    "allocations/<uuid:public_id>/cancel/": "allocation",
    "risk/margin/<str:account>/": "account",
    "risk/backtest/<str:account>/<str:currency>/": "account EUR",
    "risk/calls/<int:pk>/pay/": "call",
    "risk/calls/<int:pk>/withdraw/": "call",
    "risk/defaults/<int:pk>/": "proposed_case",
    "risk/defaults/portings/<int:pk>/": "porting",
    "derivatives/<int:account_id>/": "derivatives",
    "derivatives/<int:account_id>/deposit/": "derivatives",
    "derivatives/<int:account_id>/withdraw/": "derivatives",
    "instructions/<uuid:public_id>/": "instruction",
    "instructions/<uuid:public_id>/hold/": "instruction",
    "instructions/<uuid:public_id>/release/": "instruction",
    "instructions/<uuid:public_id>/cancel/": "instruction",
    "instructions/<uuid:public_id>/amend/": "instruction",
    "instructions/<uuid:public_id>/link/": "instruction",
    "instructions/<uuid:public_id>/unlink/": "instruction",
    "party-instructions/<uuid:public_id>/": "party",
    "party-instructions/<uuid:public_id>/hold/": "party",
    "party-instructions/<uuid:public_id>/release/": "party",
    "party-instructions/<uuid:public_id>/cancel/": "party",
    "party-instructions/<uuid:public_id>/amend/": "party",
    "party-instructions/<uuid:public_id>/link/": "party",
    "party-instructions/<uuid:public_id>/unlink/": "party",
    "credit/<int:pk>/change/": "line",
    "ledger/accounts/<str:code>/": "account",
    "things/<slug:kind>/<int:key>/": "trade_kind trade_pk",
    "audit/<int:pk>/": "audit",
    "audit/<int:pk>/proof/": "audit",
    "submissions/<uuid:public_id>/": "submission",
}
# What no participant reads or does, whosever it is: only the role decides.
STAFF: dict[str, str] = {
    "api/v1/compliance/alerts/<int:pk>": "1",
    "api/v1/compliance/rules/<str:code>": "RESTRICTED",
    "api/v1/compliance/restricted/<int:pk>/end": "1",
    "api/v1/clearing/defaults/<int:pk>/steps/<slug:step>": "case suspend",
    "api/v1/clearing/defaults/<int:pk>/auction": "case",
    "api/v1/clearing/defaults/<int:pk>/hedges": "case",
    "api/v1/clearing/defaults/<int:pk>/collateral-sales": "case",
    "api/v1/settlement/comparisons/<int:pk>": "1",
    "api/v1/settlement/corporate-actions/<int:pk>/cancel": "action",
    "static-data/<slug:plural>/new/": "participants",
    "compliance/alerts/<int:pk>/": "1",
    "compliance/rules/<str:code>/": "RESTRICTED",
    "compliance/restricted/<int:pk>/end/": "1",
    "risk/defaults/drills/<int:pk>/": "1",
    "risk/defaults/<int:pk>/auction/": "case",
    "risk/defaults/<int:pk>/offer/": "case",
    "risk/defaults/<int:pk>/hedge/": "case",
    "risk/defaults/<int:pk>/sell/": "case",
    "risk/defaults/<int:pk>/step/<slug:name>/": "case suspend",
    "corporate-actions/<int:pk>/cancel/": "action",
    "static-data/<slug:plural>/<str:key>/leave/": "participants BRAVO",
}
# What everybody reads, with each reader's own rows in it; only its operators change it.
SHARED: dict[str, str] = {
    "problems/<slug:code>": "scope-missing",
    "api/v1/clearing/defaults/<int:pk>/portings": "case",
    "api/v1/clearing/lots/<int:pk>/bids": "lot",
    "api/v1/settlement/corporate-actions/<int:pk>": "action",
    "api/v1/settlement/corporate-actions/<int:pk>/entitlements": "action",
    "api/v1/settlement/corporate-actions/<int:pk>/claims": "action",
    "api/v1/events/schemas/<str:name>/<int:version>": "schema 1",
    "api/v1/participants/<str:key>": "ALPHA",
    "api/v1/securities/<str:code>": "security",
    "api/v1/static-data/participants/<str:key>": "BRAVO",
    "api/v1/static-data/brokers/<str:key>": "BRAVO",
    "api/v1/static-data/instruments/<str:key>": "security",
    "api/v1/static-data/currencies/<str:key>": "EUR",
    "api/v1/venues/<str:mic>": "mic",
    "api/v1/venues/<str:mic>/books/<str:isin>": "mic security",
    "api/v1/venues/<str:mic>/books/<str:isin>/executions": "mic security",
    "venues/<str:mic>/": "mic",
    "venues/<str:mic>/<str:isin>/": "mic security",
    "static-data/<slug:plural>/": "clients",
    "static-data/<slug:plural>/<str:key>/": "participants BRAVO",
    "market/<str:isin>/": "security",
    "risk/defaults/lots/<int:pk>/bid/": "lot",
    "cycles/<int:pk>/": "cycle",
    "corporate-actions/<int:pk>/": "action",
    "events/schemas/<str:name>/<int:version>/": "schema 1",
}
# They answer without end, and are read by tests of their own.
STREAMS = {"stream-quotes", "api-event-stream"}
# The description of the API: the same for everybody, and slow to write.
DESCRIPTION = {"api-schema"}
# Whoever posts to them stops being who it was.
LEAVING = {"login", "logout"}
# Lists and reports that take another's name, account or object.
ASKED_FOR = (
    "api/v1/positions?participant=ALPHA", "api/v1/positions?account={account}", "api/v1/accounts?participant=ALPHA",
    "api/v1/trades?participant=ALPHA", "api/v1/clearing/margin-report?account={account}",
    "api/v1/clearing/margin-statement?participant=ALPHA", "api/v1/clearing/collateral?participant=ALPHA",
    "api/v1/clearing/backtest?account={account}", "api/v1/settlement/penalty-statement?participant=ALPHA",
    "api/v1/derivatives/margin-report?account_id={derivatives}",
    "api/v1/derivatives/liquidations?account_id={derivatives}",
    "api/v1/audit?participant=ALPHA", "api/v1/keys?owner=alpha", "risk/statement/?participant=ALPHA",
    "risk/collateral/?participant=ALPHA", "penalties/?participant=ALPHA", "orders/?client=ZQXJKVCLIENT",
    "ledger/?q=ALPHA",
    "allocations/new/?trade={trade}", "risk/what-if/?account={account}", "things/order/1/",
    "netting/exposures/?q=ALPHA",
)  # fmt: skip
# What is asked for in ALPHA's name, or about what is ALPHA's.
BODIES: dict[str, dict[str, Any]] = {
    "api/v1/orders": {
        "client_order_id": "X-1", "client": "ZQXJKVCLIENT", "security": "{security}", "side": "BUY", "quantity": 10,
        "order_type": "LIMIT", "limit_price": "10.00",
    },
    "api/v1/allocations": {"trade": "{trade}", "method": "QUANTITY", "lines": [{"account": "HOUSE", "quantity": 1}]},
    "api/v1/clearing/collateral/deposit": {"participant": "ALPHA", "asset": "EUR", "amount": "1.00"},
    "api/v1/clearing/collateral/withdraw": {"participant": "ALPHA", "asset": "EUR", "amount": "1.00"},
    "api/v1/clearing/what-if": {"account": "{account}", "trades": []},
    "api/v1/derivatives/deposit": {"account_id": "{derivatives}", "amount": "1.00", "client_id": "x"},
    "api/v1/derivatives/withdraw": {"account_id": "{derivatives}", "amount": "1.00", "client_id": "x"},
    "api/v1/derivatives/trade": {
        "account_id": "{derivatives}", "symbol": "BTC-PERP", "side": "BUY", "quantity": "1", "price": "1",
    },
    "api/v1/static-data/clients": {
        "code": "NEW", "name": "New", "broker": "ALPHA", "settlement_account": "{account}", "default_currency": "EUR",
        "credit_limit": "1.00", "daily_limit": "1.00",
    },
    "api/v1/static-data/traders": {"code": "NEW", "name": "New", "broker": "ALPHA"},
    "api/v1/clearing/portings/<int:pk>/answer": {"accept": True},
    "api/v1/orders/<uuid:public_id>/replace": {"quantity": 5},
    "api/v1/proposals/<uuid:public_id>/reject": {"reason": "No"},
    "api/v1/execution/<uuid:public_id>": {
        "execution_id": "X-1", "executed_price": "10.00", "executed_quantity": 1, "exchange_id": "{mic}",
        "timestamp": "2008-09-11T10:00:00+02:00",
    },
    "api/v1/allocations/<uuid:public_id>/reallocate": {
        "method": "QUANTITY", "lines": [{"account": "HOUSE", "quantity": 1}],
    },
    "api/v1/settlement/instructions/<uuid:public_id>/links": {"kind": "WITH", "reference": "X"},
    "api/v1/settlement/party-instructions/<uuid:public_id>/links": {"kind": "WITH", "reference": "X"},
    "api/v1/webhooks/<uuid:public_id>/redeliver": {"since": "2008-09-11T10:00:00+02:00"},
}  # fmt: skip


class Address(NamedTuple):
    """An address of the product, as its pattern is written, and what answers there."""

    route: str
    pattern: URLPattern

    @property
    def view(self) -> Any:
        callback = self.pattern.callback
        return getattr(callback, "view_class", getattr(callback, "cls", None))

    @property
    def methods(self) -> list[str]:
        """Return the methods that change something; a page may take any."""
        return ["post"] if self.view is None else [name for name in WRITING if hasattr(self.view, name)]


def addresses(patterns: Iterable[Any] | None = None, prefix: str = "") -> Iterator[Address]:
    """Yield every address but those of the admin, whose door takes staff alone."""
    from django.urls import URLPattern, get_resolver

    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if route.startswith("admin/"):
            continue
        if isinstance(pattern, URLPattern):
            yield Address(route, pattern)
        else:
            yield from addresses(pattern.url_patterns, route)


@pytest.fixture
def owned(db: None) -> Owned:
    from django.core.cache import cache

    from tests.factories.owned import make_owned

    cache.clear()
    return make_owned()


def fill(text: str, owned: Owned) -> str:
    """Return a text with the keys in braces filled in."""
    return re.sub(r"\{(\w+)\}", lambda found: str(owned.keys[found[1]]), text)


def path_of(route: str, names: str, owned: Owned) -> str:
    """Return an address with its arguments: a key of what is owned, or the word itself."""
    given = iter(names.split())
    return "/" + ARGUMENT.sub(lambda _: str(owned.keys.get(name := next(given), name)), route)


def content_of(answer: Any) -> str:
    """Return all that is answered, and where it leads."""
    streamed = getattr(answer, "streaming", False)
    body: bytes = b"".join(answer.streaming_content) if streamed else answer.content
    return body.decode(errors="replace") + str(answer.get("Location", "")) + str(dict(answer.headers))


def leaks(answer: Any, asked: str, owned: Owned) -> list[str]:
    """Return the marks of what is owned in an answer, but for those in what the reader itself has asked."""
    text = content_of(answer)
    return sorted(mark for mark in owned.marks if mark in text and mark not in asked)


def send(client: Client, method: str, path: str, body: str) -> Any:
    """Send a change, with the body that the address takes."""
    if path.startswith(("/api/", "/order/")):
        key = {"Idempotency-Key": str(uuid4())}
        return client.generic(method.upper(), path, body, content_type="application/json", headers=key)
    return client.post(path, json.loads(body))


def test_every_view_of_the_api_names_its_scopes() -> None:
    from reference.api.base import ActorView
    from reference.core.scopes import Scope

    views = [address for address in addresses() if address.view and issubclass(address.view, ActorView)]
    assert len(views) > 130
    used = {scope for one in views for scope in (one.view.read_scope, one.view.write_scope)}
    assert {scope.value for scope in Scope} - used == set(), "no address asks for these"
    for route, _, view, methods in ((one.route, one.pattern, one.view, one.methods) for one in views):
        if hasattr(view, "get"):
            assert str(view.read_scope) in set(Scope), f"{route} names no scope to read"
            assert view.read_scope.endswith(":read"), route
        if methods:
            assert str(view.write_scope) in set(Scope), f"{route} names no scope to write"
            assert view.write_scope.endswith(":write") or route == "api/v1/clearing/what-if", route
        assert view.signed_methods <= {method.upper() for method in methods} | {"POST"}, route


def test_every_address_of_an_object_is_walked() -> None:
    found = {address.route for address in addresses() if ARGUMENT.search(address.route)}
    known = [*OWN, *STAFF, *SHARED]
    assert len(known) == len(set(known))
    assert found - set(known) == set(), "say in this file whose these are"
    assert set(known) - found == set(), "these are gone"


def assert_its_owner_finds_each(owned: Owned) -> None:
    """What the walk asks for is there: whose it is finds it."""
    from django.contrib.auth.models import User
    from django.test import Client

    alpha = Client()
    alpha.force_login(User.objects.get(username="alpha"))
    missing = []
    for route, names in OWN.items():
        path = path_of(route, names, owned)
        # An object's own address; what is done with it stands below.
        if not route.rstrip("/").endswith(">") or names in ("proposed_case", "webhook delivery"):
            continue
        answer = alpha.get(path)
        if answer.status_code not in (200, 302, 405):
            missing.append(f"{path}: {answer.status_code}")
    assert not missing, "\n".join(missing)


def test_another_participant_reads_and_changes_nothing(owned: Owned) -> None:
    from fmi.table_hashes import hash_tables
    from reference.models import Participant
    from tests.factories.market import login

    charlie = login(participant=Participant.objects.get(code="CHARLIE"), name="charlie")
    assert_its_owner_finds_each(owned)
    before, wrong = hash_tables(), list[str]()
    for address in addresses():
        if address.pattern.name not in STREAMS | LEAVING | DESCRIPTION:
            wrong += walk(charlie, address, owned)
    for asked in ASKED_FOR:
        path = f"/{fill(asked, owned)}"
        found = leaks(charlie.get(path), path, owned)
        if found:
            wrong.append(f"get {path}: {found[:4]}")
    assert not wrong, "\n".join(wrong)
    assert [now for now, then in zip(hash_tables(), before, strict=True) if now != then] == []


def test_another_participants_key_reads_and_changes_nothing(owned: Owned) -> None:
    """As its programs come: with a token of all its scopes, every change signed."""
    from fmi.table_hashes import hash_tables
    from reference.core.actor import Role
    from reference.core.scopes import scopes_of_role
    from reference.models import Participant
    from tests.factories.market import login
    from tests.factories.signing import SigningClient, make_key

    login(participant=Participant.objects.get(code="CHARLIE"), name="charlie")
    client = SigningClient(made=make_key(*scopes_of_role(role=Role.PARTICIPANT), name="charlie"))
    before, wrong = hash_tables(), list[str]()
    walked = [one for one in addresses() if one.route in OWN | STAFF and one.route.startswith(("api/", "order/"))]
    assert len(walked) > 60
    for address in walked:
        wrong += walk(client, address, owned)
    assert not wrong, "\n".join(wrong)
    # Each signature was taken, and was good.
    assert client.signed > 40
    changed = {now[0] for now, then in zip(hash_tables(), before, strict=True) if now != then}
    assert changed <= {"reference_signedrequest"}


def walk(client: Client, address: Address, owned: Owned) -> list[str]:
    """Read an address, its CSV, and send each change that it takes; return what is wrong with the answers."""
    route, wrong = address.route, []
    names = (OWN | STAFF | SHARED).get(route, "")
    path = path_of(route, names, owned)
    body = fill(json.dumps(BODIES.get(route, {})), owned)
    page = client.get(path)
    answers = [("get", page)]
    if not page.streaming and b"format=csv" in page.content:
        answers.append(("csv", client.get(f"{path}?format=csv")))
    answers += [(method, send(client, method, path, body)) for method in address.methods]
    for method, answer in answers:
        found = leaks(answer, path + body, owned)
        is_change, status = method not in ("get", "csv"), answer.status_code
        # A page tells of a refusal on the page that it leads back to, which is walked like any other.
        allowed: tuple[int, ...] = (*HIDDEN, 302) if is_change and address.view is None else HIDDEN
        allowed = UNKNOWN if not is_change and route in OWN else allowed
        is_seen = (route in OWN or route in STAFF) and status not in allowed
        is_done = is_change and status < 400 and status != 302 and address.view is not None
        is_broken = status >= 500 and route != "ready"
        if found or is_seen or is_done or is_broken:
            wrong.append(f"{method} {path}: {status} {found[:4]}")
    return wrong

"""The parts that the operations of the schema share: headers, what a request may bring, and examples.

A drf-spectacular postprocessing hook, so that each part stands once in the schema and is referred to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reference.api.contract_examples import ExampleMaker
from reference.core.scopes import Scope

Schema = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"
TEXT = {"type": "string"}
ENTITY_TAG = {"type": "string", "pattern": '^"[!#-~]+"$'}

HEADERS: dict[str, tuple[str, Schema, bool]] = {
    "X-Request-ID": ("What logs, audit and traces know this request by.", TEXT, True),
    "WWW-Authenticate": ("How to log in (RFC 9110, RFC 6750).", TEXT, True),
    "Allow": ("The methods of this address.", TEXT, True),
    "Retry-After": ("Seconds to wait.", {"type": "string", "pattern": "^[0-9]+$"}, True),
    "RateLimit-Policy": ('The limit: `"default";q=6000;w=60` is 6000 requests in 60 seconds.', TEXT, False),
    "RateLimit": ('What is left: `"default";r=5999;t=60` is 5999 requests in the next 60 seconds.', TEXT, False),
    "ETag": ("Names this state; for If-Match and If-None-Match.", ENTITY_TAG, False),
    "Idempotent-Replayed": ("`true`: this answer was given before, and nothing was done again.", TEXT, False),
    "Deprecation": ("Since when another address has taken this one's place (RFC 9745).", TEXT, True),
    "Sunset": ("When this address will stop to answer (RFC 8594).", TEXT, True),
    "Link": ("The successor (RFC 8288).", TEXT, True),
}
IDEMPOTENCY_KEY = (
    "A new one for each thing to be done, such as a UUID. Asked again with the same key and body within 24 hours, the "
    "stored answer comes and nothing is done again."
)
PARAMETERS: dict[str, tuple[str, str, Schema, bool]] = {
    "Idempotency-Key": ("Idempotency-Key", IDEMPOTENCY_KEY, {"type": "string", "maxLength": 255}, False),
    "Idempotency-KeyRequired": ("Idempotency-Key", IDEMPOTENCY_KEY, {"type": "string", "maxLength": 255}, True),
    "If-Match": ("If-Match", "The ETag it was read with: 412 where it has changed since.", TEXT, False),
    "If-None-Match": ("If-None-Match", "The ETag it was read with: 304 where it is as it was.", TEXT, False),
    "X-Timestamp": ("X-Timestamp", "Seconds since 1970 when a key signed this request.", TEXT, False),
    "X-Nonce": ("X-Nonce", "16 to 64 characters that this key never used before.", TEXT, False),
    "X-Signature": ("X-Signature", "The key's signature (docs/security.md).", TEXT, False),
}


def add_shared_parts(result: Schema, generator: Any, request: Any, public: Any) -> Schema:
    """Add the shared headers and parameters, the scopes of a token, and an example wherever there is none."""
    components = result.setdefault("components", {})
    components["headers"] = {
        name: {"description": words, "schema": dict(shape), "required": always}
        for name, (words, shape, always) in HEADERS.items()
    }
    components["parameters"] = {
        key: {"in": "header", "name": name, "description": words, "schema": dict(shape), "required": always}
        for key, (name, words, shape, always) in PARAMETERS.items()
    }
    token = components.get("securitySchemes", {}).get("bearerToken")
    if token is not None:
        flow = {"tokenUrl": "/api/v1/auth/token", "scopes": {scope.value: _words_of(scope) for scope in Scope}}
        components["securitySchemes"]["bearerToken"] = {
            "type": "oauth2", "description": token.get("description", ""), "flows": {"clientCredentials": flow},
        }  # fmt: skip
    maker = ExampleMaker(schemas=components.get("schemas", {}))
    for media in _json_bodies(result):
        if "example" not in media and "examples" not in media:
            media["example"] = maker.make(media.get("schema", {}))
    _share_problems(result, components)
    return result


def _share_problems(result: Schema, components: Schema) -> None:
    """Have each answer of an error stand once among the components, under its status, and be referred to."""
    shared: dict[str, Schema] = components.setdefault("responses", {})
    names: dict[str, str] = {}
    for operations in result.get("paths", {}).values():
        for method in METHODS:
            responses = operations.get(method, {}).get("responses", {})
            for status, answer in responses.items():
                if status[0] not in "45" or "$ref" in answer:
                    continue
                key = json.dumps([status, answer], sort_keys=True)
                if key not in names:
                    count = sum(name.startswith(f"Problem{status}") for name in shared)
                    names[key] = f"Problem{status}{'ABCDEFGHIJ'[count]}" if count else f"Problem{status}"
                    shared[names[key]] = answer
                responses[status] = {"$ref": f"#/components/responses/{names[key]}"}


def _words_of(scope: Scope) -> str:
    """Return a scope in words."""
    room, _, right = scope.value.partition(":")
    return f"{'Read' if right == 'read' else 'Change'} {room.replace('-', ' ')}."


def _json_bodies(result: Schema) -> Iterator[Schema]:
    """Give every JSON body that an operation takes or answers with when it is done."""
    for operations in result.get("paths", {}).values():
        for method in METHODS:
            operation = operations.get(method, {})
            bodies = [operation.get("requestBody", {})]
            bodies += [answer for status, answer in operation.get("responses", {}).items() if status[0] == "2"]
            for body in bodies:
                if JSON in body.get("content", {}):
                    yield body["content"][JSON]

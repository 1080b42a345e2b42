"""The canonical text of an audit record: what its digest and its leaf are made of. Pure.

It is written by PostgreSQL, as a JSON array whose every item has one form whatever the session's time zone or date
style; the expression stands here and not in a function of the database, so that whoever verifies does not ask the
database he doubts what the rule is.
"""

NAMES = (
    "id", "recorded_at", "at", "business_date", "actor", "role", "participant_id", "door", "address", "client",
    "correlation_id", "action", "object_type", "object_id", "summary", "detail", "digest_version", "first_digest",
)  # fmt: skip
_MOMENT = """to_char({row}.{name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_FORMS = {
    "recorded_at": _MOMENT,
    "at": _MOMENT,
    "business_date": "to_char({row}.{name}, 'YYYY-MM-DD')",
    # A record of before digests were the database's own keeps the one it was written with.
    "first_digest": "CASE WHEN {row}.digest_version = 1 THEN encode({row}.digest, 'hex') END",
}


def canonical_sql(*, row: str) -> str:
    """Return the SQL expression of a record's canonical text. row: an alias of events_auditrecord."""
    items = ", ".join(_FORMS.get(name, "{row}.{name}").format(row=row, name=name) for name in NAMES)
    return f"jsonb_build_array({items})::text"

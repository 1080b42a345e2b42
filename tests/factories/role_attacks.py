"""What whoever has the product's own database role might try against what is only ever added."""

from __future__ import annotations

from typing import Final

AUDIT_TABLES: Final = ("events_auditrecord", "events_auditleaf", "events_sealedbatch", "events_auditverification")

# Each is refused for want of a right (SQLSTATE 42501), before any trigger is asked.
ROLE_ATTACKS: Final = (
    "UPDATE events_auditrecord SET actor = 'nobody'",
    "DELETE FROM events_auditrecord",
    "TRUNCATE events_auditrecord CASCADE",
    "ALTER TABLE events_auditrecord DISABLE TRIGGER ALL",
    "ALTER TABLE events_auditrecord OWNER TO CURRENT_ROLE",
    "CREATE TRIGGER mine BEFORE INSERT ON events_auditrecord EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE mine AS ON INSERT TO events_auditrecord DO INSTEAD NOTHING",
    "DROP TABLE events_auditverification",
    "SET session_replication_role = replica",
    "UPDATE events_auditleaf SET leaf = ''",
    "DELETE FROM events_sealedbatch",
    "DELETE FROM events_auditverification",
    "UPDATE ledger_posting SET amount = 0",
    "DELETE FROM ledger_journalentry",
    "UPDATE trades_match SET cleared = false",
    "DELETE FROM trades_trade",
    "TRUNCATE trades_trade CASCADE",
    "UPDATE django_migrations SET name = ''",
    "CREATE TABLE mine (id int)",
    "CREATE OR REPLACE FUNCTION pgtrigger_events_auditrecord_append_only_d634f() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NULL; END'",
    "ALTER ROLE CURRENT_ROLE SUPERUSER",
)

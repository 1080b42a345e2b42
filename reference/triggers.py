"""Database triggers that several apps need, in one form: append-only tables, and references checked per statement.

A row-level foreign key costs three to four microseconds a row, so a bulk insert with five of them
spends most of its time there. Participants, assets, accounts and trades are never deleted and their
ids never change (the database refuses both), so one check per statement over the inserted rows
gives the same guarantee. Fields checked this way carry `db_constraint=False`.
"""

from collections.abc import Mapping

import pgtrigger

# From so many rows on planning a check anew costs nothing beside running it.
MANY_ROWS = 100


def append_only(*, table: str, expires: bool = False) -> list[pgtrigger.Trigger]:
    """Refuse UPDATE, DELETE and TRUNCATE: the rows are facts.

    expires: only UPDATE and TRUNCATE; which rows may go, a trigger of the table's own says.
    """
    return [
        pgtrigger.Trigger(
            name=f"{table}_append_only",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Update if expires else pgtrigger.Update | pgtrigger.Delete,
            func=f"RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'restrict_violation';",
        ),
        refuse_truncate(table=table),
    ]


def refuse_delete(*, table: str) -> list[pgtrigger.Trigger]:
    """Refuse DELETE and TRUNCATE: the row may move on, it may not vanish."""
    return [
        pgtrigger.Trigger(
            name=f"{table}_no_delete",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Delete,
            func=f"RAISE EXCEPTION '{table} rows are never deleted' USING ERRCODE = 'restrict_violation';",
        ),
        refuse_truncate(table=table),
    ]


def refuse_truncate(*, table: str) -> pgtrigger.Trigger:
    """Refuse TRUNCATE, unless the session says `fmi.allow_truncate = on` (a test of it does)."""
    return pgtrigger.Trigger(
        name=f"{table}_no_truncate",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=f"""
            IF coalesce(current_setting('fmi.allow_truncate', true), '') <> 'on' THEN
                RAISE EXCEPTION '{table} is never truncated' USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NULL;
        """,
    )


def immutable_columns(*, table: str, columns: tuple[str, ...]) -> pgtrigger.Trigger:
    """Refuse any UPDATE that names one of the columns, whether or not it changes the value."""
    return pgtrigger.Trigger(
        name=f"{table}_immutable",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.UpdateOf(*columns),
        func=f"RAISE EXCEPTION 'these columns of {table} never change' USING ERRCODE = 'restrict_violation';",
    )


def references_checked(
    *, table: str, references: Mapping[str, str], distinct: tuple[str, ...] = ()
) -> pgtrigger.Trigger:
    """Check, once per INSERT statement, that every reference points at a row.

    references: column -> referred table; the referred key is its `id` unless given as "table.key".
    distinct: the columns whose values hardly repeat. With many rows their check is planned anew for each statement,
    since the plan that suits one row, or a table that was small, would go through a million of them one by one.
    """
    checks = []
    if distinct:
        checks.append(f"are_many := {MANY_ROWS} = (SELECT count(*) FROM (SELECT FROM new_rows LIMIT {MANY_ROWS}) n);\n")
    for column, target in references.items():
        referred, _, key = target.partition(".")
        if column in distinct:
            exists = f"""EXISTS (
                SELECT 1 FROM new_rows n WHERE n.{column} IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM {referred} r WHERE r.{key or "id"} = n.{column}))"""
            find = f"""
            IF are_many THEN
                EXECUTE 'SELECT {exists}' INTO is_missing;
            ELSE
                is_missing := {exists};
            END IF;
            IF is_missing THEN
            """
        else:
            find = f"""
            IF EXISTS (
                SELECT 1 FROM (SELECT DISTINCT {column} FROM new_rows WHERE {column} IS NOT NULL) n
                WHERE NOT EXISTS (SELECT 1 FROM {referred} r WHERE r.{key or "id"} = n.{column})
            ) THEN
            """
        checks.append(
            f"""{find.rstrip()}
                RAISE EXCEPTION '{table}.{column} refers to no row of {referred}'
                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = '{table}_{column}_exists';
            END IF;
            """
        )
    return pgtrigger.Trigger(
        name=f"{table}_references",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        declare=[("are_many", "boolean"), ("is_missing", "boolean")] if distinct else None,
        func="".join(checks) + "RETURN NULL;",
    )


def legal_steps(*, table: str, column: str, transitions: Mapping[str, frozenset[str]]) -> pgtrigger.Trigger:
    """Refuse an UPDATE that moves `column` along a step the transition table does not hold.

    The legality is the trigger's WHEN clause, so a legal step never enters PL/pgSQL. AFTER, since a BEFORE
    trigger makes PostgreSQL lock each row once more ahead of the update, which costs a third of its WAL.
    """
    legal = ", ".join(
        f"('{before}', '{after}')" for before, afters in sorted(transitions.items()) for after in sorted(afters)
    )
    return pgtrigger.Trigger(
        name=f"{table}_legal_step",
        when=pgtrigger.After,
        operation=pgtrigger.UpdateOf(column),
        condition=pgtrigger.Condition(
            f"OLD.{column} IS DISTINCT FROM NEW.{column} AND (OLD.{column}::text, NEW.{column}::text) NOT IN ({legal})"
        ),
        func=f"""
            RAISE EXCEPTION '{table} cannot go from % to %', OLD.{column}, NEW.{column}
                USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_legal_step';
        """,
    )

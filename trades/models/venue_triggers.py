"""What the database holds against the venues' logs: no number is left out, and a book's row says what its log says."""

import pgtrigger


def numbered_without_gap(*, table: str) -> pgtrigger.Trigger:
    """Refuse rows of a book whose numbers do not go on from the one before, from 1 on.

    A number stands once in a book, so its new rows have no gap among them where they are as many as their numbers
    span; only the first one's predecessor is looked up. Asked as NOT EXISTS, the planner may read the whole log.
    """
    return pgtrigger.Trigger(
        name=f"{table}_no_gap",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func=f"""
            IF EXISTS (
                SELECT 1 FROM (
                    SELECT book_id, min(number) AS lowest, max(number) AS highest, count(*) AS written
                    FROM new_rows GROUP BY book_id
                ) n
                WHERE n.lowest < 1 OR n.highest - n.lowest + 1 <> n.written OR (n.lowest > 1 AND (
                    SELECT t.number FROM {table} t WHERE t.book_id = n.book_id AND t.number = n.lowest - 1) IS NULL)
            ) THEN
                RAISE EXCEPTION 'a number of {table} is left out'
                    USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_no_gap';
            END IF;
            RETURN NULL;
        """,
    )


def book_keeps_to_its_log() -> list[pgtrigger.Trigger]:
    """Refuse a book whose numbers are not those of its last event and its last execution."""
    kept = """
        b.{number} = coalesce((
            SELECT t.number FROM {table} t WHERE t.book_id = b.id ORDER BY t.number DESC LIMIT 1), 0)
    """
    events = kept.format(number="event_number", table="trades_venueevent")
    executions = kept.format(number="execution_number", table="trades_venueexecution")
    return [
        pgtrigger.Trigger(
            name=f"trades_venuebook_{verb}_as_logged",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=operation,
            referencing=pgtrigger.Referencing(new="new_rows"),
            func=f"""
                IF EXISTS (SELECT 1 FROM new_rows b WHERE NOT ({events} AND {executions})) THEN
                    RAISE EXCEPTION 'a book does not stand where its log ends'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_venuebook_as_logged';
                END IF;
                RETURN NULL;
            """,
        )
        for verb, operation in (("made", pgtrigger.Insert), ("moved", pgtrigger.Update))
    ]

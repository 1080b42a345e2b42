"""What must hold of the outbox at any moment: a query each that returns its violations."""

EVENT_INVARIANTS = {
    "positions of events are dense, and what is published has one": """
        SELECT format('positions end at %s, and %s facts have one', max(position), count(position))
        FROM events_outboxfact HAVING max(position) <> count(position)""",
}

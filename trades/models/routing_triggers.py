"""What the database refuses of fills and marks, whoever writes them."""

import pgtrigger


def fills_agree() -> pgtrigger.Trigger:
    """Refuse a fill that is not its slice's and its trade's: another order, venue, quantity, price or security."""
    return pgtrigger.Trigger(
        name="trades_fill_agrees",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func="""
            IF EXISTS (
                SELECT 1 FROM new_rows n
                JOIN trades_orderslice s ON s.id = n.slice_id
                JOIN trades_order o ON o.id = n.order_id
                JOIN trades_trade t ON t.id = n.trade_id
                WHERE (s.order_id, s.venue_id) <> (n.order_id, n.venue_id)
                   OR (t.trade_id, t.quantity_units, t.price, t.amount_minor, t.security_id, t.currency_id)
                   <> (n.execution_id, n.quantity_units, n.price, n.amount_minor, o.security_id, o.currency_id)
                   OR o.account_id <> CASE o.side WHEN 'BUY' THEN t.buyer_account_id ELSE t.seller_account_id END
            ) THEN
                RAISE EXCEPTION 'a fill has the terms of its trade, and the order and venue of its slice'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_fill_agrees';
            END IF;
            RETURN NULL;
        """,
    )


def mark_never_goes_back() -> pgtrigger.Trigger:
    """Refuse to lower a mark: executions would be recorded twice."""
    return pgtrigger.Trigger(
        name="trades_executionmark_forward",
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        condition=pgtrigger.Condition("NEW.number < OLD.number OR NEW.book_id <> OLD.book_id"),
        func="""
            RAISE EXCEPTION 'a mark of executions never goes back'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_executionmark_forward';
        """,
    )

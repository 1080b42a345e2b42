"""The cash legs of a batch as payments, for contenders that know nothing else."""

import numpy as np

from settlement.core.compiled import Ints
from settlement.core.submission import FOP, NOTHING, PAY, Submission, list_movements


def keep_payments(*, submission: Submission) -> Submission:
    """Return the cash legs as payments, each from who pays to who is paid, worth their amount."""
    moves = list_movements(submission=submission, quantity=submission.quantity, cash=submission.cash)
    securities = int((submission.kind != PAY).sum())
    half = len(moves.amount) // 2
    count = int((submission.kind != FOP).sum())
    amount = moves.amount[half + securities :]
    nothing: Ints = np.zeros(count, np.int64)
    cash_accounts = submission.asset_is_cash[submission.asset]
    held = {name: getattr(submission, name)[cash_accounts] for name in ("account", "asset", "balance", "floor")}
    return submission._replace(
        kind=nothing + PAY,
        deliverer=moves.account[securities:half],
        receiver=moves.account[half + securities :],
        isin=nothing + NOTHING,
        currency=moves.asset[half + securities :],
        quantity=nothing,
        cash=amount,
        value=amount,
        priority=nothing + 1,
        partial=np.zeros(count, np.bool_),
        min_quantity=nothing,
        multiple=nothing + 1,
        linked_with=nothing + NOTHING,
        **held,
    )

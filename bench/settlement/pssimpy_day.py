"""PSSimPy's first-in-first-out queue over the payments of a batch; it knows no securities."""

import os
import tempfile
from contextlib import chdir, redirect_stdout

import numpy as np
from PSSimPy import Transaction
from PSSimPy.credit_facilities import AbstractCreditFacility
from PSSimPy.queues import FIFOQueue
from PSSimPy.simulator import BasicSim

from settlement.core.batch import Batch
from settlement.core.compiled import Flags, Ints


class NoCredit(AbstractCreditFacility):  # type: ignore[misc]
    """What may be used is the balance and the line; PSSimPy's own facilities lend whatever is asked."""

    def calculate_fee(self, *_: object) -> float:
        """Charge nothing."""
        return 0.0

    def lend_credit(self, *_: object) -> None:
        """Lend nothing."""

    def collect_repayment(self, account: object) -> None:
        """Collect nothing."""


def settle_by_pssimpy(*, batch: Batch) -> Ints:
    """Send every payment at 08:00 and let the queue be tried every quarter of an hour until 17:00.

    The accounts are the rows of the batch, opened with what may be used of them (balance less floor).
    """
    level = batch.balance - batch.floor
    payer, payee = batch.row[0::2], batch.row[1::2]
    amount = batch.amount[1::2]
    assert (batch.amount[0::2] == -amount).all()
    names = [f"A{row}" for row in range(len(level))]
    day = {"sender_account": [names[row] for row in payer], "recipient_account": [names[row] for row in payee]}
    numbers = list(range(len(amount)))
    # It writes its logs where it runs.
    with tempfile.TemporaryDirectory() as directory, chdir(directory), open(os.devnull, "w") as nowhere:
        with redirect_stdout(nowhere):
            simulation = BasicSim(
                name="day",
                banks={"name": names, "strategy_type": ["Normal"] * len(names)},
                accounts={"id": names, "owner": names, "balance": level.tolist()},
                transactions={**day, "amount": amount.tolist(), "time": ["08:00"] * len(amount), "number": numbers},
                queue=FIFOQueue(),
                credit_facility=NoCredit(),
            )
            simulation.run()
        settled: Flags = np.zeros(len(amount), np.bool_)
        for payment, _, _ in simulation.transactions:
            settled[payment.number] = payment.settle_time is not None
        Transaction.clear_instances()
    return np.where(settled, batch.units, 0)

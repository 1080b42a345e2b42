"""The library of instances is what its index says, and its contenders are judged by the same measure."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from bench.settlement.contenders import count_overdrafts, list_contenders, measure
from bench.settlement.generate import REGIMES, generate_instance
from bench.settlement.highs import solve_batch
from bench.settlement.instance import digest_instance, write_instance
from bench.settlement.library import DIRECTORY, LARGEST_STORED, SEEDS, Entry, make_instance, name_instance, read_index
from bench.settlement.payments import keep_payments
from settlement.core.submission import DVP, FOP, NOTHING, PAY, build_submitted_batch
from settlement.files.submission import read_submission

SMALL = [entry for entry in read_index().values() if entry.size <= 1_000]


def test_the_index_lists_every_instance() -> None:
    names = {
        name_instance(size=size, regime=regime, seed=seed)
        for size in SEEDS
        for regime in REGIMES
        for seed in SEEDS[size]
    }
    assert set(read_index()) == names


@pytest.mark.parametrize("entry", SMALL, ids=lambda entry: entry.name)
def test_a_seed_still_makes_the_instance_of_the_index(entry: Entry) -> None:
    assert len(make_instance(entry=entry).kind) == entry.size


def test_stored_files_read_back_as_generated() -> None:
    for entry in read_index().values():
        if entry.size > LARGEST_STORED:
            continue
        paths = [DIRECTORY / f"{entry.name}.{what}.csv.gz" for what in ("instructions", "balances")]
        instance = generate_instance(size=entry.size, regime=entry.regime, seed=entry.seed)
        files = read_submission(instructions=paths[0], balances=paths[1])
        for name in ("kind", "quantity", "cash", "value", "priority", "partial", "linked_with", "balance", "floor"):
            assert np.array_equal(getattr(files.submission, name), getattr(instance, name)), name
        assert files.currencies == ["EUR"]


def test_what_is_known_is_consistent() -> None:
    for entry in read_index().values():
        assert 0 < entry.best_known <= entry.bound <= entry.submitted


@pytest.mark.parametrize("regime", REGIMES)
def test_an_instance_has_what_its_description_promises(regime: str) -> None:
    found = generate_instance(size=20_000, regime=regime, seed=9)
    assert (found.deliverer != found.receiver).all()
    assert (found.quantity[found.kind != PAY] > 0).all()
    assert (found.min_quantity <= found.quantity).all()
    assert set(np.unique(found.kind)) == {DVP, FOP, PAY}
    assert 0.35 < found.partial.mean() < 0.45
    linked = found.linked_with != NOTHING
    assert linked.sum() == 300
    assert not found.partial[linked].any()
    assert not found.partial[found.linked_with[linked]].any()
    assert (found.balance >= found.floor).all()


def test_the_same_seed_makes_the_same_and_another_another() -> None:
    digests = [digest_instance(instance=generate_instance(size=200, regime="tight", seed=seed)) for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_nobody_settles_more_than_the_proved_optimum_and_highs_reaches_it() -> None:
    entry = read_index()["tight-200-1"]
    assert entry.proved
    batch = build_submitted_batch(submission=make_instance(entry=entry), objective="value").batch
    contenders = list_contenders(seconds=1, highs_seconds=60)
    results = {name: measure(contender=name, settle=settle, batch=batch) for name, settle in contenders.items()}
    assert all(result.value <= entry.bound for result in results.values() if not result.overdrafts)
    assert results["HiGHS"].value >= entry.bound * (1 - 1e-5)
    greedy = ("FIFO", "FIFO, repeated", "Bech–Soramäki")
    assert not any(results[name].overdrafts for name in greedy)
    assert results["FIFO"].value <= results["FIFO, repeated"].value
    assert max(results[name].value for name in ("FIFO", "Bech–Soramäki")) <= results["Mini FMI"].value


def test_the_safe_bound_holds_where_parts_round() -> None:
    batch = build_submitted_batch(
        submission=generate_instance(size=200, regime="scarce", seed=3), objective="value"
    ).batch  # fmt: skip
    assert solve_batch(batch=batch, seconds=60, safe=True).bound >= solve_batch(batch=batch, seconds=60).bound * (
        1 - 1e-6
    )


def test_an_overdraft_is_counted() -> None:
    batch = build_submitted_batch(
        submission=generate_instance(size=200, regime="scarce", seed=3), objective="value"
    ).batch  # fmt: skip
    assert count_overdrafts(batch=batch, settled_units=np.zeros_like(batch.units)) == 0
    assert count_overdrafts(batch=batch, settled_units=batch.units) > 0


def test_the_cash_legs_alone_are_payments() -> None:
    whole = generate_instance(size=200, regime="tight", seed=3)
    payments = keep_payments(submission=whole)
    assert (payments.kind == PAY).all()
    assert len(payments.kind) == (whole.kind != FOP).sum()
    assert payments.cash.sum() == whole.cash.sum()
    bought = np.flatnonzero(whole.kind == DVP)[0]
    paid = np.flatnonzero(payments.cash == whole.cash[bought])[0]
    assert (payments.deliverer[paid], payments.receiver[paid]) == (whole.receiver[bought], whole.deliverer[bought])


def test_written_files_have_the_digest_of_the_index(tmp_path: Path) -> None:
    entry = read_index()["scarce-200-2"]
    instructions = gzip.decompress((DIRECTORY / f"{entry.name}.instructions.csv.gz").read_bytes())
    write_instance(
        instance=make_instance(entry=entry), instructions=tmp_path / "i.csv", balances=tmp_path / "b.csv"
    )  # fmt: skip
    assert (tmp_path / "i.csv").read_bytes() == instructions

"""instructions.csv and balances.csv: read, checked, and made into a submission.

The columns are described in docs/engines/optimise-files.md.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from settlement.core.compiled import Flags, Ints
from settlement.core.submission import FOP, KINDS, NOTHING, PAY, Submission
from settlement.files.refusals import (
    AccountRepeated,
    CellBlank,
    CurrencyUnclear,
    FlagUnknown,
    InstructionIdRepeated,
    IntegerTooSmall,
    KindUnknown,
    LinkToItself,
    LinkUnknown,
    MinimumAboveQuantity,
    PartiesSame,
)
from settlement.files.table import BLANK, Column, Names, Table, read_table, refuse_cell

DEFAULT_CURRENCY: Final = "CASH"
"""The name of the only currency where neither file names one: then no account holds any."""

_CURRENCY_CODE_LENGTH: Final = 3
_ISIN_LENGTH: Final = 12


class SubmittedFiles(NamedTuple):
    """A submission with the names behind its codes: id of each instruction, participants and assets."""

    submission: Submission
    ids: list[str]
    participants: list[str]
    assets: list[str]
    currencies: list[str]


def read_submission(*, instructions: Path, balances: Path) -> SubmittedFiles:
    """Read both files, plain or gzipped (.gz). Raises OptimiseRefused with file, line and column."""
    ids, kinds, links, participants, assets = Names(), Names(), Names(), Names(), Names()
    table = read_table(
        path=instructions,
        columns=[
            Column("id", ids),
            Column("kind", kinds),
            Column("deliverer", participants),
            Column("receiver", participants),
            Column("isin", assets),
            Column("currency", assets, required=False),
            *(Column(name) for name in ("quantity", "cash")),
            *(
                Column(name, required=False)
                for name in ("value", "priority", "partial", "min_quantity", "multiple")
            ),
            Column("linked_with", links, required=False),
        ],
    )  # fmt: skip
    held = read_table(
        path=balances,
        columns=[
            Column("participant", participants),
            Column("asset", assets),
            Column("balance"),
            Column("floor", required=False),
        ],
    )
    _check_names(table, ids, participants)
    kind = _code_kinds(table, kinds)
    _check_balances(held, participants, assets)
    isin, currency = _code_assets(table, held, kind, assets)
    submission = Submission(
        kind=kind,
        isin=isin,
        currency=currency,
        deliverer=table["deliverer"],
        receiver=table["receiver"],
        **_read_amounts(table, kind),
        linked_with=_code_links(table, ids, links),
        account=held["participant"],
        asset=held["asset"],
        balance=held["balance"],
        floor=held.filled("floor", 0),
        asset_is_cash=_mark_cash(currency, len(assets)),
    )
    names = list(assets)
    return SubmittedFiles(
        submission,
        list(ids),
        list(participants),
        names,
        [names[code] for code in np.flatnonzero(submission.asset_is_cash)],
    )


def _check_names(table: Table, ids: Names, participants: Names) -> None:
    table.refuse_blank("id", ids)
    if len(ids) != len(table):
        # Codes are given in order of arrival, so the first that came before is out of step.
        table.refuse_where(
            np.diff(np.maximum.accumulate(table["id"]), prepend=-1) == 0, column="id", refusal=InstructionIdRepeated
        )
    table.refuse_blank("deliverer", participants)
    table.refuse_blank("receiver", participants)
    table.refuse_where(table["deliverer"] == table["receiver"], column="receiver", refusal=PartiesSame)


def _code_kinds(table: Table, kinds: Names) -> Ints:
    known = [KINDS.index(name.strip().lower()) if name.strip().lower() in KINDS else NOTHING for name in kinds]
    kind = np.array(known or [NOTHING], np.int64)[table["kind"]]
    table.refuse_where(kind == NOTHING, column="kind", refusal=KindUnknown)
    return kind


def _read_amounts(table: Table, kind: Ints) -> dict[str, Any]:
    """Return quantity, cash, value, priority, partial, min_quantity and multiple, checked."""
    delivers, pays = kind != PAY, kind != FOP
    for name, where in (("quantity", delivers), ("cash", pays)):
        table.refuse_where(where & (table[name] == BLANK), column=name, refusal=CellBlank)
    for name, where in (("quantity", delivers), ("cash", kind == PAY)):
        table.refuse_where(where & (table[name] == 0), column=name, refusal=IntegerTooSmall, why="must be 1 or more.")
    for name in ("quantity", "cash", "value", "min_quantity"):
        negative = (table[name] < 0) & (table[name] != BLANK)
        table.refuse_where(negative, column=name, refusal=IntegerTooSmall, why="must not be negative.")
    quantity = np.where(delivers, table.filled("quantity", 0), 0)
    cash = np.where(pays, table.filled("cash", 0), 0)
    flag = table.filled("partial", 0)
    table.refuse_where((flag != 0) & (flag != 1), column="partial", refusal=FlagUnknown)
    partial: Flags = flag == 1
    multiple, least = table.filled("multiple", 1), table.filled("min_quantity", 0)
    # What may not settle in part has no use for a multiple: 0 then says "none".
    wrong = (multiple < 0) | (partial & delivers & (multiple == 0))
    table.refuse_where(wrong, column="multiple", refusal=IntegerTooSmall, why="must be 1 or more.")
    table.refuse_where(delivers & (least > quantity), column="min_quantity", refusal=MinimumAboveQuantity)
    priority = table.filled("priority", 1)
    table.refuse_where(priority < 1, column="priority", refusal=IntegerTooSmall, why="must be 1 or more.")
    return {
        "quantity": quantity,
        "cash": cash,
        "value": table.filled("value", cash),
        "priority": priority,
        "partial": partial & delivers,
        "min_quantity": np.where(partial, np.maximum(least, 1), 0),
        "multiple": np.maximum(multiple, 1),
    }


def _code_links(table: Table, ids: Names, links: Names) -> Ints:
    """Return the instruction each is linked with, as its place in the file."""
    known = dict(ids)
    place = np.array([known.get(name, NOTHING) for name in links] or [NOTHING], np.int64)
    linked_with = place[table["linked_with"]]
    named = table["linked_with"] != links.get("", -1)
    table.refuse_where(named & (linked_with == NOTHING), column="linked_with", refusal=LinkUnknown)
    linked_with = np.where(named, linked_with, NOTHING)
    table.refuse_where(linked_with == np.arange(len(table)), column="linked_with", refusal=LinkToItself)
    return linked_with


def _check_balances(held: Table, participants: Names, assets: Names) -> None:
    held.refuse_blank("participant", participants)
    held.refuse_blank("asset", assets)
    held.refuse_where(held["balance"] == BLANK, column="balance", refusal=CellBlank)
    pair = held["participant"] * len(assets) + held["asset"]
    order = np.argsort(pair, kind="stable")
    repeated = np.zeros(len(pair), np.bool_)
    repeated[order[1:]] = pair[order[1:]] == pair[order[:-1]]
    held.refuse_where(repeated, column="asset", refusal=AccountRepeated)


def _code_assets(table: Table, held: Table, kind: Ints, assets: Names) -> tuple[Ints, Ints]:
    """Return isin and currency of each instruction; a currency left blank is the only one of the balances."""
    blank = assets.get("", -1)
    table.refuse_blank("isin", assets, where=kind != PAY)
    isin = np.where(kind == PAY, NOTHING, table["isin"])
    moves_cash = kind != FOP
    currency = np.where(moves_cash, table["currency"], NOTHING)
    unnamed = moves_cash & (currency == blank)
    if unnamed.any():
        untraded = np.setdiff1d(held["asset"], isin).tolist()
        names = list(assets)
        listed = [names[code] for code in untraded]
        currency[unnamed] = assets[_choose_currency(table, unnamed, listed)]
    return isin, currency


def _choose_currency(table: Table, unnamed: Flags, listed: list[str]) -> str:
    """Return the only asset of the balances that is a currency code, else the only one that is no ISIN."""
    codes = [name for name in listed if len(name) == _CURRENCY_CODE_LENGTH and name.isalpha() and name.isupper()]
    found = codes or [name for name in listed if len(name) != _ISIN_LENGTH]
    if len(found) > 1:
        refuse_cell(
            path=table.path, row=int(np.argmax(unnamed)), column="currency", refusal=CurrencyUnclear,
            why=f"no currency is named here, and the balances hold several: {', '.join(sorted(found)[:5])}.",
        )  # fmt: skip
    return found[0] if found else DEFAULT_CURRENCY


def _mark_cash(currency: Ints, assets: int) -> Flags:
    marked: Flags = np.zeros(max(assets, int(currency.max(initial=NOTHING)) + 1), np.bool_)
    marked[currency[currency != NOTHING]] = True
    return marked

"""A batch of instructions as the two CSV files of docs/engines/optimise-files.md.

Here the assets of a submission are securities but for the last, the only currency.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stdnum import isin as isin_number

from settlement.core.submission import INSTRUCTION_COLUMNS, KINDS, Submission

CURRENCY: Final = "EUR"
HEADER: Final = "id,kind,deliverer,receiver,isin,quantity,cash,value,priority,partial,min_quantity,multiple,linked_with"
BALANCE_HEADER: Final = "participant,asset,balance,floor"
WRITTEN: Final = tuple(name for name in INSTRUCTION_COLUMNS if name != "currency")


def name_securities(*, count: int) -> list[str]:
    """Return that many made-up ISINs (country code XX is nobody's) with their true check digits."""
    stems = [f"XX{number:09d}" for number in range(count)]
    return [stem + isin_number.calc_check_digit(stem) for stem in stems]


def write_instance(*, instance: Submission, instructions: Path, balances: Path) -> None:
    """Write both CSV files."""
    instructions.write_text("".join(instruction_lines(instance)), encoding="utf-8")
    balances.write_text("".join(balance_lines(instance)), encoding="utf-8")


def digest_instance(*, instance: Submission) -> str:
    """Return the SHA-256 of both files, one after the other."""
    digest = hashlib.sha256()
    for chunk in (*instruction_lines(instance), *balance_lines(instance)):
        digest.update(chunk.encode())
    return digest.hexdigest()


def instruction_lines(instance: Submission, chunk: int = 50_000) -> Iterator[str]:
    """Yield instructions.csv in pieces."""
    parties = [f"P{number:04d}" for number in range(_count_parties(instance))]
    isins = [*name_securities(count=len(instance.asset_is_cash) - 1), ""]
    yield HEADER + "\n"
    for start in range(0, len(instance.kind), chunk):
        columns = [getattr(instance, name)[start : start + chunk].tolist() for name in WRITTEN]
        yield "".join(
            f"I{number:07d},{KINDS[kind]},{parties[giver]},{parties[taker]},{isins[isin]},{quantity},{cash},{value},"
            f"{priority},{partial:d},{least},{multiple},{'' if link < 0 else f'I{link + 1:07d}'}\n"
            for number, (
                kind, giver, taker, isin, quantity, cash, value, priority, partial, least, multiple, link,
            ) in enumerate(zip(*columns, strict=True), start + 1)
        )  # fmt: skip


def _count_parties(instance: Submission) -> int:
    return int(max(instance.deliverer.max(), instance.receiver.max())) + 1


def balance_lines(instance: Submission) -> Iterator[str]:
    """Yield balances.csv in pieces."""
    assets = [*name_securities(count=len(instance.asset_is_cash) - 1), CURRENCY]
    columns = (instance.account, instance.asset, instance.balance, instance.floor)
    yield BALANCE_HEADER + "\n"
    yield "".join(
        f"P{account:04d},{assets[asset]},{balance},{floor}\n"
        for account, asset, balance, floor in zip(*(column.tolist() for column in columns), strict=True)
    )

"""The life of a trade and of an instruction, composed from what each app knows of it."""

from dataclasses import dataclass
from decimal import Decimal

from clearing.models import Obligation
from clearing.queries import life as clearing_life
from events.core.life import LifeStep, Link, order_steps
from ledger.queries import entries_of
from reference.core.actor import Actor
from settlement.models import Instruction, InstructionSource
from settlement.queries import life as settlement_life
from trades.models import Match, Trade
from trades.queries import life as trades_life


@dataclass(frozen=True)
class TradeLife:
    """A trade, the match it is in, what it became, and every step on the way, in order."""

    trade: Trade
    match: Match | None
    other: Trade | None
    obligations: list[Obligation]
    instructions: list[Instruction]
    steps: list[LifeStep]


@dataclass(frozen=True)
class InstructionLife:
    """An instruction, the obligation and the trades behind it, and every step on the way."""

    instruction: Instruction
    obligation: Obligation | None
    matches: list[Match]
    steps: list[LifeStep]


MOST_MATCHES = 50


def read_trade_life(*, trade: Trade, actor: Actor) -> TradeLife:
    """Compose a trade's life from capture to postings: about fifteen queries, whatever its length."""
    match = trades_life.match_of(trade=trade)
    steps = trades_life.life_of(trade=trade, match=match, actor=actor)
    obligations: list[Obligation] = []
    instructions: list[Instruction] = []
    if match is not None:
        cleared = clearing_life.life_of(match=match, actor=actor)
        obligations = cleared.obligations
        instructions = settlement_life.instructions_of(obligation_ids=[row.pk for row in obligations])
        steps += cleared.steps
        steps += settlement_life.life_of(instructions=instructions, actor=actor)
        steps += posting_steps(instructions=instructions, actor=actor)
    return TradeLife(
        trade=trade,
        match=match,
        other=trades_life.other_report(trade=trade, match=match),
        obligations=obligations,
        instructions=instructions,
        steps=order_steps(steps=steps),
    )


def read_instruction_life(*, instruction: Instruction, actor: Actor) -> InstructionLife:
    """Compose an instruction's life, with the obligation and up to 50 of the trades it stands for."""
    obligation = None
    matches: list[Match] = []
    if instruction.source == InstructionSource.OBLIGATION and instruction.source_id is not None:
        found = clearing_life.get_obligations(obligation_ids=[instruction.source_id])
        obligation = found.get(instruction.source_id)
        if obligation is not None:
            matches = clearing_life.trades_behind(obligation=obligation, limit=MOST_MATCHES)
    steps = settlement_life.life_of(instructions=[instruction], actor=actor)
    steps += posting_steps(instructions=[instruction], actor=actor)
    return InstructionLife(
        instruction=instruction, obligation=obligation, matches=matches, steps=order_steps(steps=steps)
    )


def instruction_life(*, instruction: Instruction, actor: Actor) -> list[LifeStep]:
    """Return every step of an instruction's life, in order."""
    return read_instruction_life(instruction=instruction, actor=actor).steps


def posting_steps(*, instructions: list[Instruction], actor: Actor) -> list[LifeStep]:
    """Tell what the journal holds of these instructions; a participant sees its own accounts' lines."""
    steps = []
    by_id = {row.pk: row for row in instructions}
    for entry in entries_of(source="INSTRUCTION", source_ids=list(by_id)):
        lines = [
            (row.account.code, f"{Decimal(row.amount).scaleb(-row.asset.digits):+,} {row.asset.code}", row.account)
            for row in entry.postings.all()
        ]
        if not actor.sees_all:
            lines = [line for line in lines if line[2].participant_id == actor.participant_id]
        steps.append(
            LifeStep(
                at=entry.at,
                recorded_at=entry.recorded_at,
                title=f"{settlement_life.subject_of(by_id[entry.source_id], among=instructions)}"
                f"{len(lines)} postings to the ledger",
                state="SETTLED",
                why=f"Journal entry {entry.pk}.",
                by="ledger",
                details=tuple((code, amount) for code, amount, _ in lines),
                link=Link("account", lines[0][0]) if lines else None,
            )
        )
    return steps

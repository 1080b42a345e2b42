"""The CSD: its business day, its settlement cycles and the instructions they settle, one noun a file."""

from settlement.models.buy_in import BuyIn
from settlement.models.corporate_action import CorporateAction, Entitlement, MarketClaim
from settlement.models.credit import CollateralHaircut, CollateralPledge, CreditDraw, CreditLine
from settlement.models.cycle import Attempt, Cycle, PartialSettlement
from settlement.models.day import BusinessDay, DayStep, Movements, ScheduledStep, StepAction
from settlement.models.day_order import DayOrder
from settlement.models.dry_run import DryRun
from settlement.models.instruction import Instruction, InstructionLink, InstructionSource, LinkKind
from settlement.models.last_try import LastTry
from settlement.models.outage import Outage
from settlement.models.party_instruction import (
    Movement,
    Partial,
    PartyInstruction,
    PartyLink,
    PartyLinkKind,
    Payment,
)
from settlement.models.penalty import Penalty, PenaltyPayment, PenaltyRate, PenaltyRun

__all__ = [
    "Attempt",
    "BusinessDay",
    "BuyIn",
    "CollateralHaircut",
    "CollateralPledge",
    "CorporateAction",
    "CreditDraw",
    "CreditLine",
    "Cycle",
    "DayOrder",
    "DayStep",
    "DryRun",
    "Entitlement",
    "Instruction",
    "InstructionLink",
    "InstructionSource",
    "LastTry",
    "LinkKind",
    "MarketClaim",
    "Movement",
    "Movements",
    "Outage",
    "Partial",
    "PartialSettlement",
    "PartyInstruction",
    "PartyLink",
    "PartyLinkKind",
    "Payment",
    "Penalty",
    "PenaltyPayment",
    "PenaltyRate",
    "PenaltyRun",
    "ScheduledStep",
    "StepAction",
]

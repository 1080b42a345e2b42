"""The CCP: novation, netting, carried positions, risk and default, one noun a file."""

from clearing.models.auction import AuctionLot, Bid, LotPosition, Porting, PortStatus
from clearing.models.carried import CarriedContract, CarryCause
from clearing.models.collateral import CallPayment, CollateralMovement, MarginCall, MovementKind
from clearing.models.default import CaseCall, CaseHedge, CaseStep, DefaultCase, DefaultDrill
from clearing.models.derivatives import (
    AccountPurpose,
    ContractKind,
    ContractStatus,
    DerivativeAccount,
    DerivativeContract,
)
from clearing.models.derivatives_events import (
    BalanceCause,
    BalanceMovement,
    DerivativeEvent,
    DerivativeTrade,
    EventKind,
    PositionChange,
    TradeCause,
)
from clearing.models.derivatives_history import Deleveraging, FundingRound, Liquidation, LiquidationOutcome, MarkPrice
from clearing.models.fund import FundContribution, FundParameters, FundSizing, SizingReason
from clearing.models.membership import Membership
from clearing.models.netting import NettingRun, Novation, Obligation, ObligationKind
from clearing.models.risk import (
    MarginMeasure,
    MarginMethod,
    MarginParameters,
    MarginRun,
    MarginRunKind,
    PortfolioMargin,
    PriceProxy,
    Procyclicality,
    RefusedMarginRun,
    VariationBy,
)
from clearing.models.stress import (
    BacktestDay,
    FactorExposure,
    ScenarioKind,
    StressFactor,
    StressLoss,
    StressScenario,
    StressShock,
)
from clearing.models.waterfall import CaseMovement, CaseMovementKind, WaterfallUse

__all__ = [
    "AccountPurpose",
    "AuctionLot",
    "BacktestDay",
    "BalanceCause",
    "BalanceMovement",
    "Bid",
    "CallPayment",
    "CarriedContract",
    "CarryCause",
    "CaseCall",
    "CaseHedge",
    "CaseMovement",
    "CaseMovementKind",
    "CaseStep",
    "CollateralMovement",
    "ContractKind",
    "ContractStatus",
    "DefaultCase",
    "DefaultDrill",
    "Deleveraging",
    "DerivativeAccount",
    "DerivativeContract",
    "DerivativeEvent",
    "DerivativeTrade",
    "EventKind",
    "FactorExposure",
    "FundContribution",
    "FundParameters",
    "FundSizing",
    "FundingRound",
    "Liquidation",
    "LiquidationOutcome",
    "LotPosition",
    "MarginCall",
    "MarginMeasure",
    "MarginMethod",
    "MarginParameters",
    "MarginRun",
    "MarginRunKind",
    "MarkPrice",
    "Membership",
    "MovementKind",
    "NettingRun",
    "Novation",
    "Obligation",
    "ObligationKind",
    "PortStatus",
    "PortfolioMargin",
    "Porting",
    "PositionChange",
    "PriceProxy",
    "Procyclicality",
    "RefusedMarginRun",
    "ScenarioKind",
    "SizingReason",
    "StressFactor",
    "StressLoss",
    "StressScenario",
    "StressShock",
    "TradeCause",
    "VariationBy",
    "WaterfallUse",
]

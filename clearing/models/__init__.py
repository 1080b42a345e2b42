"""The CCP: novation, netting, carried positions, risk and default, one noun a file."""

from clearing.models.carried import CarriedContract, CarryCause
from clearing.models.netting import NettingRun, Novation, Obligation, ObligationKind

__all__ = [
    "CarriedContract",
    "CarryCause",
    "NettingRun",
    "Novation",
    "Obligation",
    "ObligationKind",
]

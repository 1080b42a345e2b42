"""Which parameters are valid on a day."""

from datetime import date

import numpy as np

from clearing.core.risk_model import ModelSettings
from clearing.models import MarginParameters
from clearing.refusals import NoMarginParameters


def margin_parameters_on(*, day: date) -> MarginParameters:
    """Return the parameters that are valid on a day. Raises NoMarginParameters."""
    found = MarginParameters.objects.filter(valid_from__lte=day).order_by("-valid_from").first()
    if found is None:
        raise NoMarginParameters
    return found


def settings_of(*, parameters: MarginParameters) -> ModelSettings:
    """Return the parameters of the margin model as the core takes them."""
    return ModelSettings(
        method="fhs" if parameters.method == "FHS" else "hs",
        measure="es" if parameters.measure == "ES" else "var",
        confidence=float(parameters.confidence),
        lookback=parameters.lookback_days,
        mpor_days=parameters.mpor_days,
        decay=float(parameters.decay),
        seed_days=parameters.seed_days,
        procyclicality=parameters.procyclicality,
        buffer=float(parameters.buffer_percent) / 100,
        stress_weight=float(parameters.stress_weight_percent) / 100,
        stressed=(np.datetime64(parameters.stress_from), np.datetime64(parameters.stress_to)),
        long_lookback=parameters.long_lookback_days,
        participation=float(parameters.participation_percent) / 100,
        flat_rate=float(parameters.flat_percent) / 100,
    )

"""Concentration, anti-procyclicality and the flat rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.core.concentration import concentration_add_on, concentration_scale
from clearing.core.flat_rate import flat_rate_margin
from clearing.core.procyclicality import buffer_margin, floor_margin, weigh_stress
from clearing.core.refusals import NotFinite, ParameterOutOfRange, ShapesDiffer, VolumeMissing

MARGINS = st.floats(0, 1e9)


def test_a_position_of_nine_days_volume_at_two_days_scales_by_the_root_of_four_and_a_half() -> None:
    scale = concentration_scale(
        quantity_units=[-900_000, 1_000, 200_000, 0], average_volume_units=[1_000_000, 1_000_000, 1_000_000, 0],
        mpor_days=2,
    )  # fmt: skip
    assert scale == pytest.approx([4.5**0.5, 1.0, 1.0, 1.0])


def test_accounts_broadcast_against_the_volumes_of_instruments() -> None:
    quantity = np.array([[100, 0], [400, 900]])
    scale = concentration_scale(
        quantity_units=quantity, average_volume_units=np.array([1000, 1000]), participation=0.1, mpor_days=1
    )
    assert scale == pytest.approx(np.array([[1, 1], [2, 3]]))
    assert concentration_add_on(standalone_margin=np.full((2, 2), 10.0), scale=scale).tolist() == [0.0, 30.0]


def test_what_makes_no_concentration_is_refused() -> None:
    with pytest.raises(VolumeMissing, match="Instrument 2"):
        concentration_scale(quantity_units=[1, 1], average_volume_units=[5, 0], mpor_days=1)
    with pytest.raises(NotFinite):
        concentration_scale(quantity_units=[np.nan], average_volume_units=[5], mpor_days=1)
    for wrong in ({"participation": 0.0}, {"participation": 1.1}, {"mpor_days": 0}):
        with pytest.raises(ParameterOutOfRange):
            concentration_scale(quantity_units=[1], average_volume_units=[5], **({"mpor_days": 1} | wrong))


def test_a_buffer_is_full_in_calm_and_used_up_while_margins_rise() -> None:
    margins = np.array([50.0, 100.0, 110.0, 125.0, 126.0, 300.0])
    assert buffer_margin(margin=margins, calm_margin=100.0).tolist() == [62.5, 125.0, 125.0, 125.0, 126.0, 300.0]


@given(margin=MARGINS, other=MARGINS)
def test_no_choice_asks_less_than_the_margin(margin: float, other: float) -> None:
    buffered = float(buffer_margin(margin=margin, calm_margin=other))
    assert margin <= buffered <= 1.25 * margin
    assert float(weigh_stress(margin=margin, stressed_margin=other)) == pytest.approx(
        max(margin, 0.75 * margin + 0.25 * other)
    )
    assert float(floor_margin(margin=margin, long_margin=other)) == max(margin, other)


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ParameterOutOfRange):
        buffer_margin(margin=1.0, calm_margin=1.0, buffer=-0.1)
    with pytest.raises(ParameterOutOfRange):
        weigh_stress(margin=1.0, stressed_margin=1.0, weight=25)


def test_the_flat_rate_knows_no_hedge() -> None:
    values = np.array([[100.0, -50.0], [0.0, 10.0]])
    assert flat_rate_margin(values=values, rates=np.array([0.2, 0.1])).tolist() == [25.0, 1.0]
    with pytest.raises(ShapesDiffer):
        flat_rate_margin(values=values, rates=np.array([0.2]))
    with pytest.raises(NotFinite):
        flat_rate_margin(values=values, rates=np.array([0.2, np.nan]))

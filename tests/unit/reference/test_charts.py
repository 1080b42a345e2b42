"""A chart's table says what the chart draws."""

from __future__ import annotations

from reference.charts import Chart, Series


def waterfall() -> Chart:
    return Chart(
        key="layers",
        title="Layers",
        labels=["Margin", "Fund"],
        series=[
            Series("foot", [0, 1234.5], "bar", "none", stack="layer"),
            Series("Used", [1234.5, None], "bar", "bad", stack="layer"),
        ],
        unit="EUR",
    )


def test_the_table_leaves_out_what_stands_for_nothing() -> None:
    chart = waterfall()
    assert [series.name for series in chart.shown] == ["Used"]
    assert chart.rows == [("Margin", ["1,234.50"]), ("Fund", [""])]
    assert not chart.is_empty


def test_the_document_draws_every_series() -> None:
    document = waterfall().document
    assert document["labels"] == ["Margin", "Fund"]
    assert [series["tone"] for series in document["series"]] == ["none", "bad"]
    assert document["series"][1]["values"] == [1234.5, None]


def test_without_values_there_is_nothing_to_draw() -> None:
    assert Chart(key="none", title="None", labels=["a"], series=[Series("Used", [None])]).is_empty
    assert Chart(key="none", title="None", labels=[], series=[]).is_empty

/* Draws every [data-chart] from the JSON beside it (reference/charts.py), in the colours of the page's theme.
   The tooltip is drawn on the canvas: the policy forbids inline styles, which ECharts' HTML tooltips need. */
(() => {
  "use strict";

  const drawn = new WeakMap();
  const watched = new ResizeObserver((entries) => { for (const { target } of entries) drawn.get(target)?.chart.resize(); });
  const colour = (name) => {
    // light-dark() is resolved by the browser only where it is used.
    const probe = document.createElement("i");
    probe.hidden = true;
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const palette = () => Object.fromEntries(
    ["accent", "good", "warn", "bad", "idle", "ink", "ink-2", "ink-3", "line", "surface", "line-strong"].map((name) => [name, colour(name)]));
  const short = (value) => {
    const size = Math.abs(value);
    for (const [unit, letter] of [[1e9, "bn"], [1e6, "m"], [1e3, "k"]]) if (size >= unit) return `${+(value / unit).toPrecision(3)}${letter}`;
    return String(+value.toPrecision(3));
  };
  const signed = (text) => text.replace("-", "\u2212");
  const exact = (value, digits) => signed(value.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits }));

  const line = ({ name, values, kind, tone, stack }, colours) => {
    const paint = tone === "none" ? "transparent" : colours[tone];
    return {
      name, type: kind, data: values.map((value) => value ?? "-"), stack: stack || undefined, color: paint,
      silent: tone === "none", symbol: kind === "scatter" ? "diamond" : "none", symbolSize: kind === "scatter" ? 9 : 0,
      barMaxWidth: 34, lineStyle: { width: 1.75 }, itemStyle: { color: paint }, emphasis: { disabled: true }, animation: false,
    };
  };

  const option = (data, colours) => {
    const text = { color: colours["ink-3"], fontSize: 11 };
    const shown = data.series.filter((one) => one.tone !== "none");
    const places = { type: "category", data: data.labels, inverse: data.horizontal, axisLine: { lineStyle: { color: colours["line-strong"] } },
      axisTick: { show: false }, axisLabel: { ...text, hideOverlap: true } };
    const values = { type: "value", scale: !data.from_zero, axisLabel: { ...text, formatter: (value) => signed(data.from_zero ? short(value) : value.toLocaleString("en-GB", { maximumFractionDigits: 6 })) }, splitLine: { lineStyle: { color: colours.line } } };
    const tooltip = (points) => [points[0].axisValueLabel, ...points.filter((point) => shown.some((one) => one.name === point.seriesName) && typeof point.value === "number")
      .map((point) => `${point.seriesName}  ${exact(point.value, data.digits)} ${data.unit}`)].join("\n");
    return {
      animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily }, aria: { enabled: false },
      legend: { show: shown.length > 1, data: shown.map((one) => one.name), bottom: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: { color: colours["ink-2"], fontSize: 12 } },
      grid: { left: 4, right: 12, top: 12, bottom: shown.length > 1 ? 30 : 4, containLabel: true },
      tooltip: { trigger: "axis", renderMode: "richText", confine: true, formatter: tooltip, backgroundColor: colours.surface, borderColor: colours["line-strong"], textStyle: { color: colours.ink, fontSize: 12 } },
      xAxis: data.horizontal ? values : places, yAxis: data.horizontal ? places : values, series: data.series.map((one) => line(one, colours)),
    };
  };

  const draw = (again = false) => {
    let colours;
    for (const figure of document.querySelectorAll("[data-chart]")) {
      const place = figure.querySelector("[data-chart-canvas]"), source = document.getElementById(figure.dataset.chart);
      if (!place || !source) continue;
      const before = drawn.get(place);
      if (before && !again && before.text === source.textContent && place.querySelector("canvas")) continue;
      before?.chart.dispose();
      colours ??= palette();
      const chart = window.echarts.init(place, null, { renderer: "canvas" });
      chart.setOption(option(JSON.parse(source.textContent), colours));
      drawn.set(place, { chart, text: source.textContent });
      watched.observe(place);
    }
  };

  document.addEventListener("DOMContentLoaded", () => draw());
  document.addEventListener("htmx:after:swap", () => draw());
  new MutationObserver(() => draw(true)).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
})();

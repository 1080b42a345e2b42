/* Moves the quotes of the page as they come, by server-sent events (stream.js). */
(() => {
  "use strict";

  const price = (text) => Number(text).toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 6 });
  const units = (number) => number.toLocaleString("en-GB");
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: "Europe/Brussels" });

  const write = (row, field, text) => {
    const cell = row.querySelector(`[data-field="${field}"]`);
    if (!cell || cell.textContent.trim() === text) return;
    cell.textContent = text;
  };
  const flash = (cell, rises) => {
    if (!cell) return;
    cell.classList.remove("ticked-up", "ticked-down");
    // Read, so that the browser lets the movement begin again.
    void cell.offsetWidth;
    cell.classList.add(rises ? "ticked-up" : "ticked-down");
  };
  const show = (quote) => {
    for (const row of document.querySelectorAll(`[data-quote="${CSS.escape(quote.isin)}"]`)) {
      const last = row.querySelector('[data-field="last"]');
      if (!last) { reread(); return; }
      const before = Number(last.textContent.replaceAll(",", "")), now = Number(quote.last);
      for (const field of ["bid", "ask", "last"]) write(row, field, price(quote[field]));
      for (const field of ["bid_units", "ask_units"]) write(row, field, units(quote[field]));
      write(row, "at", `${clock.format(new Date(quote.at))} CET`);
      row.querySelector('[data-field="at"]')?.classList.remove("faint");
      if (now !== before) flash(last, now > before);
      if (row.dataset.previous) {
        const percent = (now / Number(row.dataset.previous) - 1) * 100;
        const size = Math.abs(percent).toFixed(2);
        write(row, "change", `${size === "0.00" ? "" : percent > 0 ? "+" : "\u2212"}${size} %`);
        const cell = row.querySelector('[data-field="change"]');
        cell.classList.toggle("good", percent > 0 && size !== "0.00");
        cell.classList.toggle("bad", percent < 0 && size !== "0.00");
      }
    }
  };
  const { reread } = window.followStream({
    resumes: true,
    on: {
      quotes: (event) => { for (const quote of JSON.parse(event.data)) show(quote); },
      gap: () => reread(),
    },
  });
})();

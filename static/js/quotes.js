/* Moves the quotes of [data-quotes] as they come, by server-sent events. Without it, without EventSource or without
   an answer, the page refreshes by itself as every other page does (fmi.js and htmx). */
(() => {
  "use strict";

  // While the stream is open the page is read again this often only, for what the stream does not carry.
  const REREAD_MS = 30000;
  let source = null, lastId = "", lastRead = Date.now(), forced = false, failures = 0, retryAt = 0;

  const place = () => document.querySelector("[data-stream]");
  const isPaused = () => { try { return localStorage.getItem("fmi.live") === "paused"; } catch { return false; } };
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
  const reread = () => { forced = true; document.body.dispatchEvent(new CustomEvent("live")); };

  const close = () => { source?.close(); source = null; };
  const open = () => {
    const here = place();
    const address = new URL(here.dataset.stream, location.href);
    address.searchParams.set("after", lastId || here.dataset.after || "");
    source = new EventSource(address);
    source.addEventListener("open", () => { failures = 0; });
    source.addEventListener("quotes", (event) => {
      lastId = event.lastEventId;
      for (const quote of JSON.parse(event.data)) show(quote);
    });
    source.addEventListener("gap", (event) => { lastId = event.lastEventId; reread(); });
    source.addEventListener("error", () => {
      // The browser tries again by itself, unless the server refused: then the page asks now and then.
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      failures += 1;
      retryAt = Date.now() + Math.min(2 ** failures, 60) * 1000;
    });
  };
  const watch = () => {
    if (!place() || isPaused() || document.hidden) close();
    else if (!source && Date.now() >= retryAt) open();
  };

  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceEvent?.type !== "live" || !ctx.sourceElement?.matches("[data-quotes]")) return;
    const streams = source?.readyState === EventSource.OPEN;
    if (streams && !forced && Date.now() - lastRead < REREAD_MS) { event.preventDefault(); return; }
    forced = false;
    lastRead = Date.now();
  });
  document.addEventListener("DOMContentLoaded", () => {
    if (!place() || !("EventSource" in window)) return;
    watch();
    setInterval(watch, 1000);
    addEventListener("pagehide", close);
  });
})();

/* The tape of events: as soon as one is published the list is read again, at most once a second, and what is new in it
   is shown to be new. What the list holds, and whose it is, stays the server's to say. */
(() => {
  "use strict";

  const LEAST_MS = 1000, PATIENCE_MS = 10000;
  let wanted = false, asked = 0, waits = false, known = null;

  const want = () => { wanted = true; };
  const { reread, isPaused } = window.followStream({ on: { open: want, message: want }, resumes: false });
  const rows = () => [...document.querySelectorAll("[data-stream] tbody tr[id]")];
  const address = () => document.querySelector("[data-stream]")?.dataset.stream;

  const ask = () => {
    const since = Date.now() - asked;
    if (!wanted || isPaused() || since < (waits ? PATIENCE_MS : LEAST_MS)) return;
    wanted = false;
    waits = true;
    asked = Date.now();
    reread();
  };
  const mark = () => {
    // Another filter shows other events, not new ones.
    if (known?.address === address()) for (const row of rows()) row.classList.toggle("arrived", !known.ids.has(row.id));
    known = { address: address(), ids: new Set(rows().map((row) => row.id)) };
  };

  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.sourceElement?.querySelector?.("[data-stream]")) waits = false;
  });
  document.addEventListener("fmi:swapped", mark);
  document.addEventListener("DOMContentLoaded", () => { mark(); setInterval(ask, 100); });
})();

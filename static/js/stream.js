/* Follows the server-sent events that the page's [data-stream] names. While they come, the page is read again only now
   and then; without EventSource or without an answer it refreshes by itself as every other page does (fmi.js, htmx). */
(() => {
  "use strict";

  // While the stream is open the page is read again this often only, for what the stream does not carry.
  const REREAD_MS = 30000;
  const WORDS = { live: "Live", paused: "Paused", stalled: "Reconnecting", asking: "Every few seconds" };
  const TITLES = {
    live: "Each shows as it comes. Click to pause.",
    paused: "Nothing moves. Click to go on.",
    stalled: "The stream broke off; trying again.",
    asking: "No stream: the page is read again every few seconds. Click to pause.",
  };

  /* on: a function for each name of an event, "open" among them; it is given the event.
     resumes: whether a stream that is opened anew goes on after the last event, or begins with what is new.
     Returns reread: read the page now; isPaused: whether nothing may move. */
  window.followStream = ({ on, resumes }) => {
    let source = null, address = "", lastId = "", lastRead = Date.now(), forced = false, failures = 0, retryAt = 0, broke = false;
    const place = () => document.querySelector("[data-stream]");
    const isPaused = () => { try { return localStorage.getItem("fmi.live") === "paused"; } catch { return false; } };
    const isOpen = () => source?.readyState === EventSource.OPEN;
    const reread = () => { forced = true; document.body.dispatchEvent(new CustomEvent("live")); };

    const show = () => {
      const state = isPaused() ? "paused" : isOpen() ? "live" : broke ? "stalled" : "asking";
      for (const button of document.querySelectorAll("[data-stream-state]")) {
        if (button.dataset.state === state) continue;
        button.dataset.state = state;
        button.title = TITLES[state];
        button.setAttribute("aria-pressed", String(state !== "paused"));
        button.querySelector("[data-stream-word]").textContent = WORDS[state];
      }
    };
    const close = () => { source?.close(); source = null; };
    const open = () => {
      const here = place(), after = (resumes && lastId) || here.dataset.after;
      address = here.dataset.stream;
      const url = new URL(address, location.href);
      if (after) url.searchParams.set("after", after);
      source = new EventSource(url);
      source.addEventListener("open", () => { failures = 0; broke = false; show(); });
      for (const [name, act] of Object.entries(on)) {
        source.addEventListener(name, (event) => { lastId = event.lastEventId || lastId; act(event); });
      }
      source.addEventListener("error", () => {
        // The browser tries again by itself, unless the server refused: then the page asks now and then.
        broke = source?.readyState === EventSource.CONNECTING;
        show();
        if (broke || !source) return;
        failures += 1;
        close();
        retryAt = Date.now() + Math.min(2 ** failures, 60) * 1000;
      });
    };
    const watch = () => {
      if (!place() || isPaused() || document.hidden || (source && place().dataset.stream !== address)) close();
      else if (!source && Date.now() >= retryAt) open();
      show();
    };

    document.addEventListener("htmx:config:request", (event) => {
      const { ctx } = event.detail;
      const element = ctx.sourceElement;
      if (ctx.sourceEvent?.type !== "live" || !element || !(element.matches("[data-stream]") || element.querySelector("[data-stream]"))) return;
      if (isOpen() && !forced && Date.now() - lastRead < REREAD_MS) { event.preventDefault(); return; }
      forced = false;
      lastRead = Date.now();
    });
    document.addEventListener("DOMContentLoaded", () => {
      if (!("EventSource" in window)) return;
      watch();
      setInterval(watch, 500);
      addEventListener("pagehide", close);
    });
    return { reread, isPaused };
  };
})();

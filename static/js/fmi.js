/* The little that HTML cannot do by itself. Loaded without `defer` in the head, so that the theme is set before
   the first paint; everything that needs the page waits for it. No inline script anywhere: a strict CSP is on. */
(() => {
  "use strict";

  const remember = (key, value) => { try { localStorage.setItem("fmi." + key, value); } catch { /* Private mode: forget. */ } };
  const recall = (key) => { try { return localStorage.getItem("fmi." + key); } catch { return null; } };

  // ---- Theme: auto, light, dark ----
  const THEMES = ["auto", "light", "dark"];
  const root = document.documentElement;
  const setTheme = (theme) => {
    if (theme === "auto") root.removeAttribute("data-theme"); else root.dataset.theme = theme;
    const button = document.querySelector("[data-theme-toggle]");
    if (!button) return;
    button.title = `Theme: ${theme}. Click to change.`;
    button.setAttribute("aria-label", `Theme: ${theme}`);
    for (const icon of button.querySelectorAll("[data-icon]")) icon.hidden = icon.dataset.icon !== theme;
  };
  const theme = () => (THEMES.includes(recall("theme")) ? recall("theme") : "auto");
  setTheme(theme());

  // ---- Live refresh: 3 s when somebody is there, 15 s when idle, nothing while hidden or paused ----
  const ACTIVE_MS = 3000, IDLE_MS = 15000, IDLE_AFTER_MS = 120000;
  let lastTouch = Date.now(), lastTick = Date.now(), stalled = false;
  const paused = () => recall("live") === "paused";
  const showLive = () => {
    const button = document.querySelector("[data-live-toggle]");
    if (!button) return;
    const state = paused() ? "paused" : stalled ? "stalled" : "live";
    button.dataset.state = state;
    button.setAttribute("aria-pressed", String(!paused()));
    button.querySelector("[data-live-word]").textContent = { paused: "Paused", stalled: "Reconnecting", live: "Live" }[state];
    button.title = { paused: "Refresh is off. Click to turn it on.", stalled: "The server does not answer; trying again.",
      live: "This page refreshes by itself. Click to pause." }[state];
  };
  const setStalled = (value) => { if (stalled !== value) { stalled = value; showLive(); } };
  const tick = () => { lastTick = Date.now(); document.body.dispatchEvent(new CustomEvent("live")); };
  const pulse = () => {
    if (paused() || document.hidden) return;
    const every = Date.now() - lastTouch > IDLE_AFTER_MS ? IDLE_MS : ACTIVE_MS;
    if (Date.now() - lastTick >= every) tick();
  };
  const selecting = (element) => {
    const selection = getSelection();
    return selection && !selection.isCollapsed && element.contains(selection.anchorNode);
  };
  const cookie = (name) => document.cookie.split("; ").find((part) => part.startsWith(name + "="))?.slice(name.length + 1);

  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const polling = ctx.sourceEvent?.type === "live";
    if (polling && selecting(ctx.sourceElement)) { event.preventDefault(); return; }
    if (!/^(GET|HEAD)$/.test(ctx.request.method)) {
      const token = document.querySelector('meta[name="csrf-token"]')?.content || cookie("csrftoken");
      if (token) ctx.request.headers["X-CSRFToken"] = token;
    } else if (ctx.request.form && ctx.request.body) {
      // An empty filter says nothing: it stays out of the address.
      for (const [key, value] of [...ctx.request.body]) if (value === "") ctx.request.body.delete(key);
    }
  });
  document.addEventListener("htmx:before:response", (event) => {
    // The session ended: the sign-in page belongs to the whole window, not to a table.
    const raw = event.detail.ctx.response.raw;
    if (raw.redirected && new URL(raw.url).pathname.includes("/login")) { event.preventDefault(); location.reload(); }
  });
  document.addEventListener("htmx:after:request", (event) => setStalled(event.detail.ctx.response.status >= 500));
  document.addEventListener("htmx:error", (event) => { if (event.detail.ctx) setStalled(true); });

  // ---- Times: the server writes them in its zone; the reader sees their own, with the zone named ----
  const FORMATS = {
    datetime: { day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" },
    time: { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" },
    date: { day: "2-digit", month: "short", year: "numeric" },
  };
  const formatters = {};
  const localTimes = (within) => {
    for (const element of within.querySelectorAll("time[data-time]")) {
      const moment = new Date(element.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      const kind = element.dataset.time in FORMATS ? element.dataset.time : "datetime";
      formatters[kind] ||= new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", ...FORMATS[kind] });
      const text = formatters[kind].format(moment).replace(",", "").replace("Sept", "Sep");
      if (element.textContent !== text) element.textContent = text;
    }
  };
  // A table that fits its place sticks its head to the page; a wider one scrolls inside itself.
  const fitTables = () => {
    for (const box of document.querySelectorAll(".table-scroll")) {
      const table = box.querySelector("table");
      box.toggleAttribute("data-fits", Boolean(table) && table.scrollWidth <= box.clientWidth + 1);
    }
  };

  document.addEventListener("htmx:after:swap", (event) => { localTimes(document); fitTables(); document.dispatchEvent(new CustomEvent("fmi:swapped", { detail: event.detail })); });

  // ---- Keyboard ----
  let going = false, goingTimer = 0;
  const typing = (element) => element.matches?.("input:not([type=checkbox], [type=radio], [type=submit]), textarea, select, [contenteditable]");
  const step = (by) => {
    const links = [...document.querySelectorAll("[data-list] :is(tbody tr, li)")].map((row) => row.querySelector("a[href], button, summary")).filter(Boolean);
    if (!links.length) return;
    const here = links.findIndex((link) => link.closest("tr, li") === document.activeElement?.closest("tr, li"));
    const next = links[Math.min(links.length - 1, Math.max(0, here + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const goTo = (letter) => {
    const link = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === letter);
    if (link) location.assign(link.href);
  };
  const onKey = (event) => {
    lastTouch = Date.now();
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (going) { going = false; event.preventDefault(); goTo(event.key.toLowerCase()); return; }
    const help = document.getElementById("help");
    const deeds = {
      "/": () => document.querySelector("[data-search]")?.focus(),
      "?": () => help?.showModal(),
      g: () => { going = true; clearTimeout(goingTimer); goingTimer = setTimeout(() => { going = false; }, 1200); },
      j: () => step(1),
      k: () => step(-1),
      l: () => document.querySelector("[data-live-toggle]")?.click(),
    };
    if (Object.hasOwn(deeds, event.key)) { event.preventDefault(); deeds[event.key](); }
  };

  const onClick = (event) => {
    lastTouch = Date.now();
    if (event.target.closest("[data-theme-toggle]")) {
      const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
      remember("theme", next);
      setTheme(next);
    } else if (event.target.closest("[data-live-toggle]")) {
      remember("live", paused() ? "on" : "paused");
      showLive();
      if (!paused()) tick();
    } else if (event.target.closest("[data-help]")) {
      document.getElementById("help")?.showModal();
    } else if (event.target.closest("[data-copy]")) {
      const button = event.target.closest("[data-copy]");
      // Where the browser has no clipboard for a page (plain HTTP), the text is marked, ready for the keyboard.
      const text = document.querySelector(button.dataset.copy);
      getSelection().selectAllChildren(text);
      navigator.clipboard?.writeText(text.textContent).then(() => { button.textContent = "Copied"; }, () => {});
    } else if (event.target.closest("[data-print]")) {
      window.print();
    } else if (event.target.matches("dialog")) {
      event.target.close();
    }
  };

  // A filter form without htmx, or a plain GET form: the empty fields stay out of the address too.
  const onSubmit = (event) => {
    const form = event.target;
    if (form.method !== "get" || form.matches("[hx-get]")) return;
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
  };

  document.addEventListener("DOMContentLoaded", () => {
    setTheme(theme());
    showLive();
    localTimes(document);
    fitTables();
    addEventListener("resize", fitTables);
    document.addEventListener("keydown", onKey);
    document.addEventListener("click", onClick);
    document.addEventListener("submit", onSubmit);
    document.addEventListener("pointermove", () => { lastTouch = Date.now(); }, { passive: true });
    document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused()) tick(); });
    setInterval(pulse, 500);
  });
  // A page that the browser kept frozen may hold disabled fields and old figures.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const field of document.querySelectorAll("form[method=get] :disabled")) field.disabled = false;
    if (!paused()) tick();
  });
})();

// Fetches the page again every two seconds and puts its main part in the place of the one that is shown; what the reader
// has folded stays folded. The server has escaped everything: nothing here makes markup of a text.
"use strict";
(() => {
  const INTERVAL = 2000;
  const [control, button, told] = ["control", "pause", "told"].map((id) => document.getElementById(id));
  let timer = 0, paused = false;
  let latest = 0; // the number of the last look: an answer to an older one comes too late

  const say = (text) => { told.textContent = text; };
  const later = () => { timer = setTimeout(look, INTERVAL); };

  async function look() {
    if (document.hidden) return later();
    const mine = ++latest;
    try {
      const response = await fetch("?format=html", { cache: "no-store", headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
      if (!response.ok) throw new Error(response.status + " " + response.statusText);
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("live");
      if (!fresh) throw new Error("the answer is not a status page");
      if (mine === latest) show(fresh);
    } catch (error) {
      if (mine === latest) say("no answer: " + error.message);
    }
    if (mine === latest) later();
  }

  function show(fresh) {
    const live = document.getElementById("live");
    if (live.contains(document.getSelection().anchorNode) && !document.getSelection().isCollapsed) return; // somebody copies
    for (const old of live.querySelectorAll("details[id]")) {
      const same = fresh.querySelector("#" + CSS.escape(old.id));
      if (same) same.open = old.open;
    }
    const focused = document.activeElement && document.activeElement.closest("details[id]");
    live.replaceWith(document.adoptNode(fresh));
    const again = focused && document.getElementById(focused.id);
    if (again) again.querySelector("summary").focus();
    say(new Date().toLocaleTimeString());
  }

  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
    clearTimeout(timer);
    latest++;
    if (paused) say("paused"); else look();
  });
  control.hidden = false;
  say("live");
  if (!new URLSearchParams(location.search).has("refresh")) later(); else control.hidden = true;
})();

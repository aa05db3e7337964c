// The list of orders answers while one types: the same page is asked for again, and its rows are put in place.
// Without this script the form is sent with its button.
"use strict";
const finder = document.querySelector("form[data-live]");
let timer = 0, asked = null;
async function refresh() {
  const pairs = [...new FormData(finder)].filter(([, text]) => text !== "");
  const address = `${finder.action}?${new URLSearchParams(pairs)}`;
  asked?.abort();
  asked = new AbortController();
  const place = document.querySelector(finder.dataset.live);
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { signal: asked.signal, credentials: "same-origin", redirect: "manual" });
    if (!answer.ok) { location.assign(address); return; }
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = made.querySelector(finder.dataset.live);
    if (!fresh) { location.assign(address); return; }
    // What is read out must be a change of a region that stays.
    const said = place.querySelector("[data-said]"), words = fresh.querySelector("[data-said]");
    place.replaceChildren(...[...fresh.childNodes].map((node) => (node === words ? said : node)));
    if (said.textContent !== words.textContent) said.textContent = words.textContent;
    history.replaceState(null, "", address);
    place.removeAttribute("aria-busy");
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address);
  }
}
if (finder) {
  finder.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(refresh, event.target.type === "search" ? 160 : 0);
  });
  finder.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(timer); refresh(); });
  // Enter in the search opens the only order there is.
  finder.querySelector("input[type=search]").addEventListener("keydown", (event) => {
    const rows = document.querySelectorAll("[data-rows] a[data-row]");
    if (event.key === "ArrowDown" && rows.length) { event.preventDefault(); rows[0].focus(); }
  });
}

// The console's keys: / searches, g and a letter goes to a place, j and k walk along a list's rows (Enter opens).
// Everything works without them.
"use strict";
let waiting = 0;
const typing = (element) => element.closest("input, textarea, select, [contenteditable]");
const rows = () => [...document.querySelectorAll("[data-rows] a[data-row]")];
function walk(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const after_g = Date.now() < waiting;
  waiting = 0;
  if (after_g) {
    const place = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (place) { event.preventDefault(); location.assign(place.href); }
  } else if (event.key === "g") {
    waiting = Date.now() + 1500;
  } else if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  } else if (event.key === "j") walk(1);
  else if (event.key === "k") walk(-1);
});

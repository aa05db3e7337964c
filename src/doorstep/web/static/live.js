// Keeps an open page true: asks now and then whether something happened, and puts the new page in the place of the old.
// Nothing that somebody is typing, reading or has opened is taken away. Without it the page works the same.
(() => {
  const main = document.querySelector("main[data-version]");
  if (!main) return;
  let version = main.dataset.version, wait = 5000;
  const say = () => main.querySelectorAll("[data-when-live]").forEach((one) => { one.hidden = false; });
  const typed = (one) => one.type === "checkbox" || one.type === "radio" ? one.checked !== one.defaultChecked : one.value !== one.defaultValue;
  const busy = () => main.contains(document.activeElement) || [...main.querySelectorAll("input:not([type=hidden])")].some(typed);
  const show = (fresh, title) => {
    const open = [...main.querySelectorAll("details")].map((one) => one.open), note = main.querySelector("[role=status]");
    main.replaceChildren(...fresh.childNodes);
    main.querySelectorAll("details").forEach((one, at) => { one.open ||= Boolean(open[at]); });
    if (note && !main.querySelector("[role=status]")) main.prepend(note);
    document.title = title;
    say();
  };
  const look = async () => {
    try {
      if (!document.hidden && !busy()) {
        const answer = await fetch(`${main.dataset.page}/version`, { cache: "no-store" });
        const now = answer.ok ? await answer.text() : version;
        if (now !== version) {
          const page = new DOMParser().parseFromString(await (await fetch(main.dataset.page)).text(), "text/html");
          const fresh = page.querySelector("main[data-version]");
          if (fresh && !busy()) {
            version = fresh.dataset.version;
            show(fresh, page.title);
          }
        }
      }
      wait = 5000;
    } catch { wait = Math.min(wait * 2, 60000); }
    setTimeout(look, wait);
  };
  say();
  setTimeout(look, wait);
})();

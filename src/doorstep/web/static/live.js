// Keeps an open page true: asks now and then whether something happened, and puts the new page in the place of the old.
// Without it the page works the same and shows what was true when it was loaded.
(() => {
  const main = document.querySelector("main[data-version]");
  if (!main) return;
  let version = main.dataset.version, wait = 5000;
  const busy = () => document.querySelector("details[open], dialog[open]") || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  const look = async () => {
    try {
      if (!document.hidden) {
        const now = await (await fetch(main.dataset.live, { cache: "no-store" })).text();
        if (now && now !== version && now.length < 40 && !busy()) {
          const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
          const fresh = page.querySelector("main[data-version]");
          if (fresh) {
            main.replaceChildren(...fresh.childNodes);
            version = fresh.dataset.version;
            document.title = page.title;
          }
        }
      }
      wait = 5000;
    } catch { wait = Math.min(wait * 2, 60000); }
    setTimeout(look, wait);
  };
  setTimeout(look, wait);
})();

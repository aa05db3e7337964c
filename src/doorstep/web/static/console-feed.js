// Follows a feed that moves: every two seconds the new state is put in the place of the old. Without it, one reloads.
(() => {
  const look = async () => {
    const here = document.querySelector("[data-moving]");
    if (!here) return;
    try {
      if (!document.hidden) {
        const answer = await fetch(location.href, { cache: "no-store" });
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-feed]");
        const now = document.querySelector("[data-feed]");
        if (answer.ok && fresh && now && !now.contains(document.activeElement)) now.replaceWith(fresh);
      }
    } catch { /* it is asked again */ }
    setTimeout(look, 2000);
  };
  setTimeout(look, 1000);
})();

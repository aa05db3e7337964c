// The storefront's conveniences: the name on the jersey while it is typed, a countdown that asks whether it is true, and
// ways of delivery that follow the address. Without it every page works the same, with a button more.
(() => {
  document.querySelectorAll("[data-submits]").forEach((one) => one.addEventListener("change", () => one.form.requestSubmit()));

  const jersey = document.querySelector("[data-jersey]");
  const print = (what) => jersey && jersey.querySelector(`[data-print=${what}]`);
  if (jersey && document.querySelector(".print")) {
    const show = () => {
      const name = document.getElementById("name").value.trim().toUpperCase(), number = document.getElementById("number").value.trim();
      print("name").textContent = name;
      print("name").setAttribute("font-size", name.length <= 5 ? 32 : name.length <= 7 ? 25 : name.length <= 9 ? 20 : 15);
      print("number").textContent = /^[1-9][0-9]?$/.test(number) ? number : "";
    };
    document.getElementById("name").addEventListener("input", show);
    document.getElementById("number").addEventListener("input", show);
    show();
  }

  // Between two answers of the server the time runs here; what it answers counts, also when its clock stands still.
  const held = document.querySelector("[data-held=open]");
  if (held) {
    const clock = held.querySelector("[data-clock]"), over = held.querySelector("[data-over]");
    let until = Date.now() + held.dataset.seconds * 1000, asked = Date.now();
    const left = () => Math.max(0, Math.round((until - Date.now()) / 1000));
    const ask = async () => {
      asked = Date.now();
      try {
        const [state, seconds] = (await (await fetch("/cart/held", { cache: "no-store" })).text()).split(" ");
        if (state === "open") until = Date.now() + seconds * 1000;
        else if (state !== "unknown") until = 0;
      } catch { /* no answer: the time we know goes on */ }
    };
    const tick = () => {
      const rest = left(), wait = rest ? 20000 : 5000;
      if (!document.hidden && Date.now() - asked > wait) ask();
      clock.textContent = `${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, "0")}`;
      clock.parentElement.parentElement.classList.toggle("warn", rest < 60);
      if (over) { over.hidden = rest > 0; clock.parentElement.hidden = rest === 0; }
    };
    document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
    setInterval(tick, 1000);
    tick();
  }

  const form = document.querySelector("[data-checkout]");
  if (form) {
    const told = (name, text) => form.querySelectorAll(`[data-${name}]:not(input):not(#options)`).forEach((one) => { one.textContent = text; });
    const sum = () => {
      const chosen = form.querySelector("[name=service]:checked");
      if (!chosen) return;
      told("shipping", chosen.dataset.shipping);
      told("total", chosen.dataset.total);
      told("vat", chosen.dataset.vat);
      told("vat-percent", form.querySelector("#options").dataset.vatPercent);
    };
    let latest = 0, asking = new AbortController(), pause;
    const follow = async () => {
      asking.abort();
      asking = new AbortController();
      const mine = ++latest, chosen = form.querySelector("[name=service]:checked");
      form.dataset.busy = "yes";
      const query = new URLSearchParams({ country: form.elements.country.value, postcode: form.elements.postcode.value, service: chosen ? chosen.value : "" });
      try {
        const answer = await fetch(`/checkout/options?${query}`, { cache: "no-store", signal: asking.signal });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html"), fresh = page.getElementById("options");
        if (mine === latest && fresh) { form.querySelector("#options").replaceWith(fresh); sum(); }
      } catch { /* no answer: what is shown stays, and buying asks again */ }
      if (mine === latest) delete form.dataset.busy;
    };
    const soon = () => { clearTimeout(pause); pause = setTimeout(follow, 350); };
    form.elements.postcode.addEventListener("input", soon);
    form.elements.country.addEventListener("change", follow);
    form.addEventListener("submit", () => { clearTimeout(pause); asking.abort(); });
    form.addEventListener("change", (event) => { if (event.target.name === "service") sum(); });
  }
  const alert = document.querySelector("[role=alert][tabindex]");
  if (alert) alert.focus();
})();

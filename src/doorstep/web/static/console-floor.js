// Comfort on the floor: scans count without a new page, a wrong one is heard and felt, and a page that waits for a label
// looks again. Everything works without it.
"use strict";
(() => {
  const form = document.getElementById("count"), list = document.querySelector("[data-pick]");
  if (form && list) counting(form, list);
  if (document.querySelector("[data-again]")) setTimeout(() => location.reload(), 2500);
  const print = document.querySelector("[data-print]");
  if (print) print.addEventListener("click", () => window.print());

  function counting(form, list) {
    const field = form.querySelector("#scan"), said = document.querySelector("[data-scan-said]");
    const take = document.querySelector("form[data-counted]");
    const inputs = () => [...list.querySelectorAll("input[type=number]")];
    const full = (one) => Number(one.value) >= Number(one.max);
    function show(hit) {
      let have = 0;
      for (const one of inputs()) {
        const row = one.closest("li");
        row.classList.toggle("full", full(one));
        row.classList.toggle("hit", row === hit);
        have += Number(one.value);
        if (take) take.elements[one.name].value = one.value;
      }
      if (take) {
        take.hidden = !have;
        take.querySelector("[data-have]").textContent = have;
      }
      return inputs().every(full);
    }
    function complain(text) {
      said.textContent = text;
      said.hidden = false;
      said.className = "note bad loud";
      navigator.vibrate?.([200, 80, 200]);
      beep(180, 0.5);
    }
    form.addEventListener("submit", (event) => {
      const text = field.value.trim();
      if (!text) return;
      event.preventDefault();
      field.value = "";
      field.focus();
      const same = inputs().filter((one) => one.closest("li").dataset.sku.toLowerCase() === text.toLowerCase());
      const room = same.find((one) => !full(one));
      if (!room) return complain(same.length ? said.dataset.over : `${text} ${said.dataset.wrong}`);
      said.hidden = true;
      room.value = Number(room.value) + 1;
      beep(880, 0.08);
      if (show(room.closest("li")) && take) take.requestSubmit();
    });
    list.addEventListener("input", () => show(null));
  }

  function beep(hertz, seconds) {
    try {
      const audio = new AudioContext(), tone = audio.createOscillator(), volume = audio.createGain();
      volume.gain.value = 0.2;
      tone.frequency.value = hertz;
      tone.connect(volume).connect(audio.destination);
      tone.start();
      tone.stop(audio.currentTime + seconds);
      tone.onended = () => audio.close();
    } catch { /* no sound here: the page says it too */ }
  }
})();

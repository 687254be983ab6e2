// What pages do beyond htmx: times that move on, values to copy, menus that close. All of it is a convenience.
"use strict";

(() => {
  const steps = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

  // The same words as html/words.py: one or two units, minutes alone.
  function span(seconds) {
    let rest = Math.max(0, Math.round(seconds));
    let parts = [];
    for (const [size, unit] of steps) {
      const count = Math.floor(rest / size);
      rest -= count * size;
      if (count) parts.push(`${count} ${unit}`);
    }
    if (parts.length > 1 && parts[0].endsWith("min")) parts = parts.slice(0, 1);
    return parts.slice(0, 2).join(" ") || "0 s";
  }

  function relative(ms) {
    const seconds = (Date.now() - ms) / 1000;
    if (seconds > -1 && seconds < 2) return "just now";
    return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
  }

  function tick() {
    if (document.hidden) return;
    for (const each of document.querySelectorAll("time[data-ago]")) {
      const words = relative(Number(each.dataset.ago));
      if (each.textContent !== words) each.textContent = words;
    }
  }

  setInterval(tick, 1000);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button && navigator.clipboard) {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1500);
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // A filter takes effect as soon as it is chosen; without this script its button does it.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-autosubmit]");
    if (form && event.target.matches("select, input[type=checkbox], input[type=radio]")) form.requestSubmit();
  });

  // A form is sent once, however often its button is clicked.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  const faults = document.querySelector(".faults");
  if (faults) faults.focus();
})();

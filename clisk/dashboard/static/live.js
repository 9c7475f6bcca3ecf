// Small helpers of the pages; everything works without them but news and copying.
"use strict";

const HIDE_AFTER_MS = 30000;
const SETTLE_MS = 150;
const said = document.body.dataset;

function notice(text, kind) {
  const line = document.createElement("p");
  line.className = kind;
  line.textContent = text;
  document.getElementById("notice").replaceChildren(line);
}

// News: fetch the live region of this page again. A secret that is shown, or a form
// that is being filled in, stays until the person is done with it.
function busy(region) {
  return region.querySelector("[data-secret]") || region.contains(document.activeElement);
}

let settling = 0;
function refresh() {
  clearTimeout(settling);
  settling = setTimeout(() => {
    for (const region of document.querySelectorAll("[data-live]")) {
      if (busy(region)) continue;
      htmx.ajax("GET", location.pathname + location.search, {
        target: region,
        swap: "innerHTML",
        headers: { "X-Clisk-Quiet": "1" },
      });
    }
  }, SETTLE_MS);
}

const news = new EventSource("/live");
news.addEventListener("news", refresh);
news.addEventListener("locked", () => {
  news.close();
  location.assign("/locked");
});

// What a page asks by itself does not keep the vault open.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.matches("[data-quiet]")) event.detail.headers["X-Clisk-Quiet"] = "1";
});

// Reads that stand out are marked in the list as well; the glance names them.
function markOdd() {
  for (const odd of document.querySelectorAll("[data-odd]")) {
    const row = document.getElementById(odd.dataset.odd);
    if (!row || row.querySelector("[data-mark]")) continue;
    const tag = document.createElement("span");
    tag.className = "tag warn";
    tag.dataset.mark = "";
    tag.textContent = odd.dataset.why;
    row.cells[0].append(" ", tag);
    row.classList.add("stands-out");
  }
}
document.addEventListener("htmx:afterSwap", markOdd);

// Who waits for something to be typed, such as the digits of a pairing, goes there:
// once the form is htmx's own, or Enter would load a page of its own.
document.addEventListener("htmx:afterSettle", (event) => {
  event.target.querySelector("[autofocus]")?.focus();
});

// A shown secret goes away again: a one-time code when it ends, which is counted down.
document.addEventListener("htmx:afterSwap", (event) => {
  const shown = event.target.querySelector("[data-secret]");
  if (!shown) return;
  const lasts = shown.dataset.lasts;
  if (lasts) countDown(event.target, Number(lasts));
  else setTimeout(() => shown.replaceWith("••••••••"), HIDE_AFTER_MS);
});

function countDown(place, seconds) {
  const said = place.querySelector("[data-countdown]");
  const words = said.textContent;
  const first = seconds;
  const timer = setInterval(() => {
    seconds -= 1;
    said.textContent = words.replace(String(first), String(seconds));
    if (seconds > 0) return;
    clearInterval(timer);
    place.textContent = "••• •••";
  }, 1000);
}

async function copy(path, form) {
  const answer = await fetch(path, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: { "X-Clisk-Copies": "1" },
  });
  if (!answer.ok) {
    // A form for the passphrase, where the item asks for it again.
    if (answer.headers.get("HX-Retarget")) show(await answer.text());
    else notice(said.failed, "refusal");
    return;
  }
  const { value } = await answer.json();
  try {
    await navigator.clipboard.writeText(value);
  } catch {
    notice(said.failed, "refusal");
    return;
  }
  notice(said.copied, "done");
  setTimeout(() => clear(value), HIDE_AFTER_MS);
}

function show(html) {
  const place = document.getElementById("notice");
  place.innerHTML = html;
  place.querySelector("[autofocus]")?.focus();
}

// The passphrase was taken: its form has done its work, and goes with what was typed.
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest("[data-again]");
  if (form && event.detail.successful) form.remove();
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-copies]")) return;
  event.preventDefault();
  copy(event.target.getAttribute("action"), event.target);
});

// Only what is still ours is cleared; where that cannot be read, the person is told.
async function clear(value) {
  try {
    if ((await navigator.clipboard.readText()) === value) {
      await navigator.clipboard.writeText("");
      notice(said.cleared, "done");
    }
  } catch {
    notice(said.kept, "done");
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button.dataset.copy, button.form);
});

"use strict";
// Fetches the changing part again and again and puts it in place: what did not change is not touched, so that focus,
// selection and opened details stay, and a screen reader hears what is new and nothing else.

const main = document.getElementById("main");
const stale = document.getElementById("stale");
let answered = new Date();

function attributes(old, now) {
  for (const { name, value } of [...now.attributes])
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!now.hasAttribute(name) && name !== "open") old.removeAttribute(name);
}

// Elements with a key are found again wherever they are; all others keep their place.
function children(old, now) {
  const keyed = new Map([...old.children].filter(e => e.dataset.key).map(e => [e.dataset.key, e]));
  const wanted = new Set([...now.children].map(e => e.dataset.key));
  let at = old.firstChild;
  for (const child of [...now.childNodes]) {
    while (at?.dataset?.key && !wanted.has(at.dataset.key)) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
    const key = child.dataset?.key;
    const match = key ? keyed.get(key) : at && !at.dataset?.key ? at : null;
    if (!match) old.insertBefore(child, at);
    else {
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      morph(match, child);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function morph(old, now) {
  if (old.nodeName !== now.nodeName) old.replaceWith(now);
  else if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== now.data) old.data = now.data;
  } else {
    attributes(old, now);
    children(old, now);
  }
}

async function refresh() {
  try {
    const response = await fetch("/main.html", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(response.status);
    const parsed = document.createElement("template");
    parsed.innerHTML = await response.text();
    morph(main, parsed.content.firstElementChild);
    document.title = main.dataset.title;
    answered = new Date();
    stale.hidden = true;
  } catch {
    stale.textContent = `The monitor does not answer since ${answered.toLocaleTimeString()}. What is below is old.`;
    stale.hidden = new Date() - answered < 3000;
  }
  setTimeout(refresh, document.hidden ? 10000 : 1000);
}

setTimeout(refresh, 1000);

// What was said on the line to the host, and between terminal and card, newest first.
import { $, both, make, seen, word } from "/dom.js?token={{token}}";

const CHINESE = /[\u2e80-\uffef]/;
const KEPT = 200;
const OPEN = 2; // Of the host's messages, the newest; an exchange with the card is opened by whoever wants to see it.

function field(item) {
  return make("tr", {}, make("td", { class: "number" }, item.n), make("td", { class: `label depth-${Math.min(4, item.depth ?? 0)}` }, both(item)),
    make("td", { class: "value" }, item.value ?? "", ...(item.more ?? []).map(both).map((more) => make("span", { class: `more-line ${CHINESE.test(more) ? "" : "plain"}` }, more))));
}

function entry(item) {
  const way = [word(`host.${item.way}`), item.bytes ? `${item.bytes} ${word("host.bytes")}` : "", item.dropped ? word("host.dropped") : ""];
  return make("details", { class: `entry ${item.side} ${item.way} ${item.dropped ? "bad" : item.tone ?? ""}` },
    make("summary", {}, make("i", { class: "arrow" }), make("b", { class: "mti" }, item.mti ?? "----"), make("span", { class: "what" }, both(item)),
      item.badge ? make("span", { class: "badge" }, item.badge) : null, make("time", {}, item.time ?? "")),
    make("p", { class: "way" }, way.filter(Boolean).join(" · ")),
    make("table", {}, make("tbody", {}, ...(item.fields ?? []).map(field))));
}

const wanted = (item) => seen.side === "all" || item.side === seen.side;

function openNewest() {
  [...$("talk").querySelectorAll(".entry.host")].slice(0, OPEN + 2).forEach((box, index) => { box.open = index < OPEN; });
}

export function drawTalk() {
  const shown = seen.talk.filter(wanted);
  if (!shown.length) return $("talk").replaceChildren(make("p", { class: "empty" }, word("host.none")));
  $("talk").replaceChildren(...shown.map(entry));
  openNewest();
}

export function addTalk(item) {
  seen.talk.unshift(item);
  if (seen.talk.length > KEPT) seen.talk.pop();
  if (!wanted(item)) return;
  const talk = $("talk");
  if (!talk.querySelector(".entry")) return drawTalk();
  const fresh = entry(item);
  fresh.classList.add("fresh");
  talk.prepend(fresh);
  while (talk.children.length > KEPT) talk.lastChild.remove();
  if (item.side === "host") openNewest();
}

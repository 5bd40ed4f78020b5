// The terminal's journal and the host's book, side by side; the host's totals; the journal's own rows.
import { $, both, make, seen, word } from "/dom.js?token={{token}}";

const EVENTS = 60;

export function drawBooks() {
  const books = seen.books;
  const sections = (books?.sections ?? []).filter((section) => section.rows.length);
  const sides = books?.sides?.rows?.length ? books.sides : null;
  $("book-count").textContent = sides?.verdict === "differ" ? "!" : "";
  if (!sides && !sections.length) return $("books").replaceChildren(make("p", { class: "empty" }, word("books.none")));
  $("books").replaceChildren(...(sides ? sideBySide(sides) : []), ...(sections.length ? [make("p", { class: "books-note" }, word("books.note"))] : []), ...sections.map(section));
}

function sideBySide(sides) {
  const head = ["", "sides.terminal", "sides.host", ""].map((key) => make("th", { scope: "col" }, key && word(key)));
  const rows = sides.rows.map((row) => make("tr", { class: row.tone, "data-stan": row.stan },
    make("td", {}, both(row), make("small", {}, [row.time, row.stan].filter(Boolean).join(" · "))),
    ...[row.terminal, row.host].map((state) => make("td", { class: "state" }, state ? both(state) : word("sides.none"))), make("td", { class: "money" }, row.amount)));
  return [
    make("p", { class: `verdict ${sides.verdict}`, role: "status", "data-verdict": sides.verdict }, word(`sides.${sides.verdict}`)),
    make("section", { class: "sides" }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows))),
  ];
}

function section(part) {
  return make("section", {}, make("h3", {}, both(part)), make("table", {},
    make("tbody", {}, ...part.rows.map((row) => make("tr", { class: row.total ? "total" : "" }, ...row.cells.map((cell, at) =>
      make("td", { class: part.align?.[at] === "r" ? "money" : "" }, both(cell))))))));
}

export function addEvent(event) {
  seen.events.unshift(event);
  seen.events.length = Math.min(seen.events.length, EVENTS);
  drawJournal();
}

export function drawJournal() {
  if (!seen.events.length) return $("journal").replaceChildren(make("p", { class: "empty" }, word("journal.none")));
  $("journal").replaceChildren(make("p", { class: "books-note" }, word("journal.note")), make("table", { class: "events" }, make("tbody", {}, ...seen.events.map((event) =>
    make("tr", {}, make("td", {}, String(event.n)), make("td", {}, event.time), make("td", { class: "told", title: event.kind }, make("b", {}, both(event)), ` ${event.told}`))))));
}

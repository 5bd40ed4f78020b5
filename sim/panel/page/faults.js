// Everything that can go wrong, by name: once, until it is mended, or not at all.
import { $, both, make, seen, send, word } from "/dom.js?token={{token}}";

const values = {}; // What a person has written into the rows' fields.

export function drawFaults() {
  if (!seen.faults) return;
  $("faults").replaceChildren(make("p", { class: "books-note" }, word("faults.note")),
    make("button", { type: "button", class: "quiet", id: "faults-clear", on: () => send({ do: "clear" }) }, word("faults.clear")), ...seen.faults.groups.map((group) =>
    make("section", { class: "fault-group" }, make("h3", {}, both(group)), ...group.rows.map(faultRow))));
  drawFaultsOn();
}

function faultRow(row) {
  const key = `${row.what}:${row.name}`;
  const filled = (how) => how.replace("{value}", values[key] ?? row.value);
  const button = (mode, deed) => make("button", { type: "button", "data-mode": mode, "aria-pressed": "false", on: () => send(deed()) }, word(`faults.${mode}`));
  const buttons = [];
  if (row.once) buttons.push(button("once", () => ({ do: "happen", what: row.what, how: filled(row.once) })));
  if (row.always) buttons.push(button("always", () => ({ do: "happen", what: row.what, how: filled(row.always) })));
  if (row.always) buttons.push(button("off", () => (row.off ? { do: "happen", what: row.what, how: row.off } : { do: "mend", what: row.what, name: row.name })));
  return make("div", { class: "fault-row", "data-fault": key, role: "group", "aria-label": both(row) },
    make("span", { class: "fault-words" }, both(row),
      make("span", { class: "fault-more" }, make("code", {}, row.what === row.name || row.what === "fault" ? row.name : `${row.what} ${row.name}`), row.value ? field(row, key) : null)),
    make("span", { class: "segments small" }, ...buttons));
}

function field(row, key) {
  const input = make("input", { class: "fault-value", value: values[key] ?? row.value, maxlength: "8", size: "5", "aria-label": both(row), spellcheck: "false" });
  input.addEventListener("input", () => { values[key] = input.value.trim() || row.value; });
  return input;
}

// What is in force now, on the rows and on the tab.
export function drawFaultsOn() {
  const on = { ...seen.faultsOn };
  if (seen.reader === "unplug") on["reader:reader"] = "always";
  if (seen.tears) on["tear:tear"] = "once";
  for (const row of document.querySelectorAll("[data-fault]")) {
    const mode = on[row.dataset.fault] ?? "off";
    row.classList.toggle("on", mode !== "off");
    for (const button of row.querySelectorAll("[data-mode]")) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }
  const count = Object.keys(on).length;
  $("fault-count").textContent = count ? String(count) : "";
  $("fault-count").setAttribute("aria-label", `${count} ${word("faults.count")}`);
}

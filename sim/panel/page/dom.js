// What every part of the page stands on: the words of the language that is spoken, elements, and the way to the bench.
import { WORDS } from "/words.js?token={{token}}";

// What the bench has told so far.
export const seen = { lamps: {}, cards: [], card: "", slips: [], talk: [], phone: null, books: null, screen: null, power: false, scanner: false, many: false, layout: [], data: "", past: 0, side: "all", events: [], faults: null, faultsOn: {}, reader: "plug", tears: false, trouble: "", time: null, scenarios: [], playing: null, step: "" };
export const page = { lang: "zh", socket: null };

export const $ = (id) => document.getElementById(id);
export const word = (key) => WORDS[page.lang][key] ?? key;
export const hasWord = (key) => key in WORDS[page.lang];
export const both = (item) => (typeof item === "string" ? item : item?.[page.lang] ?? item?.en ?? "");

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function svg(markup, box = "0 0 24 24") {
  const holder = document.createElement("template");
  holder.innerHTML = `<svg viewBox="${box}" aria-hidden="true">${markup}</svg>`;
  return holder.content.firstChild;
}

export function send(message) {
  if (page.socket?.readyState === WebSocket.OPEN) page.socket.send(JSON.stringify(message));
}

export function choose(group, value) {
  for (const button of $(group).querySelectorAll("button")) button.setAttribute("aria-pressed", String((button.dataset.value ?? button.dataset.lang) === value));
}

// A file for the person who clicks: `href` a data: or blob: address.
export function saveLink(label, name, href) {
  return make("a", { class: "quiet", download: name, href }, label);
}

export const textAddress = (text) => `data:text/plain;charset=utf-8,${encodeURIComponent(text)}`;

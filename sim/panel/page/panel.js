// The page: one WebSocket, and what it says drawn. Nothing is decided here; the bench decides, the page shows.
import { WORDS } from "/words.js?token={{token}}";
import { Buzzer, darken, drawOled, drawQr } from "/device.js?token={{token}}";

const token = document.querySelector('meta[name="token"]').content;
const $ = (id) => document.getElementById(id);
const buzzer = new Buzzer();
const seen = { lamps: {}, cards: [], card: "", slips: [], talk: [], phone: null, books: null, screen: null, power: false, scanner: false, many: false, layout: [], data: "", past: 0 };
let lang = "zh";
let socket = null;

// The terminal's own bitmap font, in blocks of 256 characters that load when a character of theirs is shown.
// Only what is Chinese: Latin letters and their punctuation are the system's.
for (let block = 0x2e; block <= 0xff; block++) {
  if (block >= 0xa0 && block < 0xfe) continue;
  const name = block.toString(16).padStart(2, "0");
  document.fonts.add(new FontFace("Zhanggui Pixel", `url(/font/${name}.ttf?token=${token})`, { unicodeRange: `U+${name}00-${name}FF`, display: "block" }));
}

const word = (key) => WORDS[lang][key] ?? key;
const both = (item) => item?.[lang] ?? item?.en ?? "";

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function svg(markup, box = "0 0 24 24") {
  const holder = document.createElement("template");
  holder.innerHTML = `<svg viewBox="${box}" aria-hidden="true">${markup}</svg>`;
  return holder.content.firstChild;
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// Keys.

const ICONS = {
  cancel: '<path d="M7 7l10 10M17 7L7 17"/>',
  clear: '<path d="M15.5 6l-7 6 7 6"/>',
  enter: '<circle cx="12" cy="12" r="5.6"/>',
  up: '<path d="M12 7.5l5.5 9h-11z" class="full"/>',
  down: '<path d="M12 16.5l5.5-9h-11z" class="full"/>',
};
const KEYBOARD = { Enter: "enter", Backspace: "clear", Delete: "clear", Escape: "cancel", ArrowUp: "up", ArrowDown: "down", ".": "00", ",": "00" };

function press(key) {
  buzzer.wake();
  send({ do: "press", key });
}

function flash(key) {
  const button = document.querySelector(`[data-key="${key}"]`);
  button?.classList.add("pressed");
  setTimeout(() => button?.classList.remove("pressed"), 110);
}

function drawKeys() {
  $("keys").replaceChildren(...seen.layout.map((key) => {
    const digit = /^\d/.test(key);
    const label = digit ? make("span", { class: "digit" }, key) : make("span", { class: "name" }, word(`key.${key}`));
    const button = make("button", { type: "button", class: `key ${digit ? "" : key}`, "data-key": key, "aria-label": digit ? key : word(`key.${key}`) }, digit ? null : svg(ICONS[key]), label);
    button.addEventListener("pointerdown", (event) => { if (event.button === 0) press(key); });
    button.addEventListener("click", (event) => { if (event.detail === 0) press(key); }); // A screen reader's click.
    return button;
  }));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
  const keys = pressed(event.key);
  if (!keys) return;
  // Enter on a focused button of the bench is that button's; everywhere else it is the keypad's.
  if (event.key === "Enter" && event.target.closest("button:not(.key), a, summary")) return;
  event.preventDefault();
  if (event.repeat) return;
  for (const key of keys) {
    flash(key);
    press(key);
  }
});

// What the keypad needs for a key of the computer: a to f, where hex is typed, are ▲ and 1 to 6.
function pressed(name) {
  if (/^\d$/.test(name)) return [name];
  if (KEYBOARD[name]) return [KEYBOARD[name]];
  const letter = /^[a-f]$/i.test(name) && seen.screen?.name === "type_component";
  return letter ? ["up", String("abcdef".indexOf(name.toLowerCase()) + 1)] : null;
}

// Display, lamps, power.

function drawScreen() {
  const screen = seen.screen;
  const canvas = $("oled");
  if (!screen) {
    darken(canvas);
    canvas.setAttribute("aria-label", "");
    $("screen-text").textContent = "";
  } else {
    drawOled(canvas, screen.width, screen.height, screen.pixels);
    const text = (screen.text ?? []).join("\n");
    canvas.setAttribute("aria-label", text);
    $("screen-text").textContent = text;
    canvas.dataset.screen = screen.name ?? "";
  }
  drawHint();
}

function drawHint() {
  const name = seen.power ? seen.screen?.name ?? "boot" : "off";
  const keys = [`hint.${name}.${seen.screen?.mode}`, `hint.${name}`, "hint.other"]; // What ENTER does depends on the mode.
  const text = word(keys.find((key) => WORDS[lang][key])).replace("{data}", seen.data);
  if ($("next-text").textContent !== text) $("next-text").textContent = text;
}

function drawLamps() {
  $("lamps").replaceChildren(...["power", "online", "card", "alert"].map((lamp) =>
    make("span", { class: `lamp ${lamp} ${seen.lamps[lamp] ? "lit" : ""}`, "data-lamp": lamp }, make("i"), make("em", {}, word(`lamp.${lamp}`)))));
}

function drawPower(message) {
  $("handheld").dataset.power = message.on ? "on" : "off";
  $("power").setAttribute("aria-checked", String(message.on));
  const fallen = WORDS[lang][`fallen.${message.why}`];
  $("fallen").hidden = !fallen;
  $("fallen").textContent = fallen ?? "";
}

// Cards.

const CARDS_FIRST = 4;

function drawCards() {
  const shown = seen.many ? seen.cards : seen.cards.slice(0, CARDS_FIRST);
  const faces = shown.flatMap((card, index) => {
    const inside = card.name === seen.card;
    const group = both(card.group);
    const heading = group && group !== both(shown[index - 1]?.group) ? [make("h3", { class: "group" }, group)] : [];
    const face = cardFace(card, index);
    const swipe = make("button", { type: "button", class: "quiet swipe", "data-swipe": card.name, on: () => { buzzer.wake(); send({ do: "swipe", card: card.name }); } }, word("cards.swipe"));
    return [...heading, make("div", { class: "card-cell" }, make("button", { type: "button", class: `card-choice ${inside ? "inside" : ""}`, "data-card": card.name, disabled: inside, title: both(card.note), on: () => { buzzer.wake(); send({ do: "insert", card: card.name }); } },
      face, make("span", { class: "card-name" }, inside ? word("cards.inserted") : both(card))), swipe)];
  });
  $("cards").classList.toggle("many", seen.many);
  $("cards").replaceChildren(...faces);
  if (seen.cards.length > CARDS_FIRST) {
    $("cards").append(make("button", { type: "button", class: "quiet more", on: () => { seen.many = !seen.many; drawCards(); } }, word(seen.many ? "cards.fewer" : "cards.more")));
  }
  const card = seen.cards.find((one) => one.name === seen.card);
  const holder = $("inserted");
  if (holder.dataset.card !== seen.card || card) {
    holder.dataset.card = seen.card;
    holder.replaceChildren(...(card ? [make("button", { type: "button", class: "card-in", "aria-label": word("cards.remove"), title: word("cards.remove"), on: () => send({ do: "remove" }) }, cardFace(card, seen.cards.indexOf(card)))] : []));
  }
  $("handheld").classList.toggle("has-card", Boolean(card));
}

function cardFace(card, index) {
  return make("span", { class: `face tint-${index % 5}` },
    svg('<rect x="1" y="1" width="20" height="15" rx="3"/><path d="M1 6h6v5H1M21 6h-6v5h6M7 1v15M15 1v15"/>', "0 0 22 17"),
    card.pin ? make("b", { class: "pin" }, `${word("cards.pin")} ${card.pin}`) : null,
    make("span", { class: "pan" }, card.pan ? `•••• ${card.pan.slice(-4)}` : "••••"));
}

// Phone and scanner.

function phoneButton(name, act, extra = {}, kind = "") {
  return make("button", { type: "button", class: `app ${kind}`, "data-phone": act, on: () => { buzzer.wake(); send({ do: "phone", act, ...extra }); } }, word(name));
}

function drawPhone() {
  const phone = seen.phone;
  if (!phone) return;
  const wallets = phone.wallets ?? [];
  const wallet = wallets.find((one) => one.name === phone.wallet) ?? wallets[0];
  const tabs = make("div", { class: "wallets" }, ...wallets.map((one) =>
    make("button", { type: "button", class: one === wallet ? "chosen" : "", "aria-pressed": String(one === wallet), on: () => send({ do: "phone", act: "wallet", wallet: one.name }) }, both(one))));
  const parts = [];
  if (phone.screen === "code") {
    const canvas = make("canvas", { class: "qr", role: "img", "aria-label": phone.code });
    drawQr(canvas, phone.qr ?? []);
    parts.push(make("p", { class: "say" }, word("phone.show")), canvas, make("code", { class: "digits" }, phone.code),
      phoneButton("phone.hold", "hold", {}, "main"), phoneButton("phone.back", "cancel", {}, "plain"));
  } else if (phone.screen === "confirm") {
    parts.push(make("p", { class: "say" }, word("phone.to")), make("p", { class: "who" }, both(phone.merchant)), make("p", { class: "sum" }, `¥${phone.amount}`),
      phoneButton("phone.pay", "confirm", {}, "main"), phoneButton("phone.cancel", "cancel", {}, "plain"));
  } else if (phone.screen === "done" || phone.screen === "failed") {
    const mark = phone.screen === "done" ? '<circle cx="24" cy="24" r="20"/><path d="M15 25l6 6 12-13"/>' : '<circle cx="24" cy="24" r="20"/><path d="M17 17l14 14M31 17L17 31"/>';
    parts.push(make("div", { class: `mark ${phone.screen}` }, svg(mark, "0 0 48 48")), make("p", { class: "who" }, word(`phone.${phone.screen}`)),
      phone.amount ? make("p", { class: "sum" }, `¥${phone.amount}`) : null, phone.note ? make("p", { class: "say" }, both(phone.note)) : null, phoneButton("phone.back", "cancel", {}, "plain"));
  } else {
    parts.push(tabs, make("p", { class: "say" }, word("phone.balance")), make("p", { class: "sum" }, `¥${wallet?.balance ?? "0.00"}`));
    if (phone.note) parts.push(make("p", { class: "note" }, both(phone.note)));
    parts.push(phoneButton("phone.scan", "look", {}, "main"), phoneButton("phone.code", "code", {}, "main second"));
  }
  $("phone").className = `phone wallet-${Math.max(0, wallets.indexOf(wallet))} on-${phone.screen ?? "home"}`;
  $("phone-glass").replaceChildren(...parts.filter(Boolean));
}

function drawScanner() {
  $("scanner").classList.toggle("looking", seen.scanner);
  $("scanner-state").textContent = word(seen.scanner ? "scanner.on" : "scanner.idle");
}

$("scan-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = $("scan-code").value;
  if (code) send({ do: "scan", code });
});

// Slips.

function drawSlips() {
  $("slip-count").textContent = seen.slips.length ? String(seen.slips.length) : "";
  if (!seen.slips.length) return $("slips").replaceChildren(make("p", { class: "empty" }, word("slips.none")));
  $("slips").replaceChildren(...seen.slips.map((slip) => {
    const image = make("img", { src: `data:image/png;base64,${slip.png}`, alt: slip.text, class: "slip-image" });
    return make("article", { class: "slip" }, make("div", { class: "sheet-of-paper" }, image),
      make("div", { class: "slip-tools" },
        make("details", {}, make("summary", {}, word("slips.text")), make("pre", {}, slip.text),
          ...(slip.qr ?? []).map((code) => make("p", { class: "code" }, `${word("slips.qr")}: ${code}`))),
        make("a", { class: "quiet", download: `slip-${slip.seq}.png`, href: image.src }, word("slips.save"))));
  }));
}

function feed(slip) {
  const past = slip.seq <= seen.past;
  const image = make("img", { src: `data:image/png;base64,${slip.png}`, alt: "" });
  const paper = $("paper-out");
  image.addEventListener("load", () => {
    const seconds = past ? 0 : Math.min(4, Math.max(0.8, image.naturalHeight / 260));
    paper.style.setProperty("--feed", `${seconds}s`);
    paper.replaceChildren(image);
    paper.classList.remove("fed");
    void paper.offsetHeight; // So that the way up starts from below.
    paper.classList.add("fed");
  });
}

$("paper-out").addEventListener("click", () => openTab("slips"));

// The host's conversation and books.

const CHINESE = /[\u2e80-\uffef]/;

function field(item) {
  return make("tr", {}, make("td", { class: "number" }, item.n), make("td", { class: "label" }, both(item)),
    make("td", { class: "value" }, item.value ?? "", ...(item.more ?? []).map(both).map((more) => make("span", { class: `more-line ${CHINESE.test(more) ? "" : "plain"}` }, more))));
}

function entry(item, index) {
  const box = make("details", { class: `entry ${item.way} ${item.dropped ? "bad" : item.tone ?? ""}`, open: index < 2 },
    make("summary", {}, make("i", { class: "arrow" }), make("b", { class: "mti" }, item.mti ?? "----"), make("span", { class: "what" }, both(item)),
      item.badge ? make("span", { class: "badge" }, item.badge) : null, make("time", {}, item.time ?? "")),
    make("p", { class: "way" }, [word(`host.${item.way}`), item.bytes ? `${item.bytes} ${word("host.bytes")}` : "", item.dropped ? word("host.dropped") : ""].filter(Boolean).join(" · ")),
    make("table", {}, make("tbody", {}, ...(item.fields ?? []).map(field))));
  return box;
}

function drawTalk() {
  if (!seen.talk.length) return $("talk").replaceChildren(make("p", { class: "empty" }, word("host.none")));
  $("talk").replaceChildren(...seen.talk.map(entry));
}

function addTalk(item) {
  seen.talk.unshift(item);
  if (seen.talk.length > 200) seen.talk.pop();
  if (seen.talk.length === 1) return drawTalk();
  const talk = $("talk");
  const fresh = entry(item, 0);
  fresh.classList.add("fresh");
  talk.prepend(fresh);
  while (talk.children.length > 200) talk.lastChild.remove();
  [...talk.children].slice(2, 4).forEach((old) => old.removeAttribute("open"));
}

function drawBooks() {
  const books = seen.books;
  const empty = !books || !(books.sections ?? []).some((section) => section.rows.length);
  if (empty) return $("books").replaceChildren(make("p", { class: "empty" }, word("books.none")));
  $("books").replaceChildren(make("p", { class: "books-note" }, word("books.note")), ...books.sections.filter((section) => section.rows.length).map((section) =>
    make("section", {}, make("h3", {}, both(section)), make("table", {},
      make("tbody", {}, ...section.rows.map((row) => make("tr", { class: row.total ? "total" : "" }, ...row.cells.map((cell, at) =>
        make("td", { class: section.align?.[at] === "r" ? "money" : "" }, typeof cell === "string" ? cell : both(cell))))))))));
}

// Tabs, language, sound, switches.

function openTab(name) {
  for (const tab of document.querySelectorAll("[data-tab]")) tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
  for (const sheet of document.querySelectorAll("[data-sheet]")) sheet.hidden = sheet.dataset.sheet !== name;
  if (name === "slips") $("slip-count").classList.remove("news");
}

function choose(group, value) {
  for (const button of $(group).querySelectorAll("button")) button.setAttribute("aria-pressed", String((button.dataset.value ?? button.dataset.lang) === value));
}

function speak(to) {
  lang = to;
  try { localStorage.setItem("language", to); } catch { /* A private window keeps nothing. */ }
  document.documentElement.lang = to === "zh" ? "zh-CN" : "en";
  document.body.dataset.lang = to;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = word(element.dataset.placeholder);
  choose("language", to);
  for (const draw of [drawKeys, drawLamps, drawCards, drawPhone, drawScanner, drawSlips, drawTalk, drawBooks, drawHint, linkState]) draw();
}

for (const button of $("language").children) button.addEventListener("click", () => speak(button.dataset.lang));
for (const button of $("paper").children) button.addEventListener("click", () => send({ do: "paper", state: button.dataset.value }));
for (const button of $("host").children) button.addEventListener("click", () => send({ do: "host", behaviour: button.dataset.value }));
for (const tab of document.querySelectorAll("[data-tab]")) tab.addEventListener("click", () => openTab(tab.dataset.tab));
window.addEventListener("resize", drawScreen);
$("power").addEventListener("click", () => { buzzer.wake(); send({ do: "power", on: !seen.power }); });
$("kill").addEventListener("click", () => send({ do: "restart" }));
$("tamper").addEventListener("click", () => send({ do: "tamper" }));
$("sound").addEventListener("click", () => {
  buzzer.on = !buzzer.on;
  buzzer.wake();
  $("sound").setAttribute("aria-pressed", String(buzzer.on));
});

// The channel.

const HEARD = {
  hello(message) {
    // Everything up to this number happened before this page was open: it is shown, but not heard or acted out.
    Object.assign(seen, { lamps: {}, slips: [], talk: [], screen: null, layout: message.layout ?? [], data: message.data ?? "", past: message.seq });
    let kept = null;
    try { kept = localStorage.getItem("language"); } catch { /* As above. */ }
    speak(new URLSearchParams(location.search).get("lang") ?? kept ?? message.lang ?? "zh");
    drawScreen();
  },
  screen(message) { seen.screen = message; drawScreen(); },
  lamp(message) { seen.lamps[message.lamp] = message.lit; drawLamps(); },
  tone(message) { if (message.hertz === undefined) buzzer.sound(message.tone); else buzzer.play(message.hertz); },
  power(message) {
    seen.power = message.on;
    if (!message.on) { seen.screen = null; seen.lamps = {}; seen.scanner = false; drawLamps(); drawScanner(); }
    drawPower(message);
    drawScreen();
  },
  cards(message) { seen.cards = message.cards; drawCards(); },
  card(message) { seen.card = message.card; drawCards(); },
  scanner(message) { seen.scanner = message.on; drawScanner(); },
  phone(message) { seen.phone = message; drawPhone(); },
  slip(message) {
    seen.slips.unshift(message);
    drawSlips();
    feed(message);
    if (message.seq > seen.past && !document.querySelector('[data-tab="slips"][aria-selected="true"]')) $("slip-count").classList.add("news");
  },
  host(message) { addTalk(message); },
  books(message) { seen.books = message; drawBooks(); },
  "paper-state"(message) { choose("paper", message.state); },
  "host-state"(message) { choose("host", message.behaviour); },
  problem(message) { $("trouble").textContent = message.text; },
};

let state = "connecting";
function linkState(to = state) {
  state = typeof to === "string" ? to : state;
  $("link-state").dataset.state = state;
  $("link-state").querySelector("b").textContent = word(`link.${state}`);
}

let wait = 500;
function connect() {
  socket = new WebSocket(`ws://${location.host}/channel?token=${token}`);
  socket.addEventListener("open", () => { wait = 500; linkState("on"); $("trouble").textContent = ""; });
  socket.addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    HEARD[message.is]?.(message);
    document.body.dataset.seq = message.seq;
  });
  socket.addEventListener("close", () => {
    linkState("off");
    $("trouble").textContent = word("trouble.lost");
    setTimeout(connect, wait);
    wait = Math.min(8000, wait * 2);
  });
}

speak("zh");
darken($("oled"));
connect();

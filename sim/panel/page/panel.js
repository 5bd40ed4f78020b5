// The page: one WebSocket, and what it says drawn. Nothing is decided here; the bench decides, the page shows.
import { $, both, choose, page, seen, send, word } from "/dom.js?token={{token}}";
import { darken } from "/device.js?token={{token}}";
import { buzzer, drawHint, drawKeys, drawLamps, drawPower, drawScreen, saveScreen } from "/handheld.js?token={{token}}";
import { drawCards } from "/cards.js?token={{token}}";
import { drawPhone, drawScanner } from "/phone.js?token={{token}}";
import { drawSlips, feed } from "/slips.js?token={{token}}";
import { addTalk, drawTalk } from "/talk.js?token={{token}}";
import { addEvent, drawBooks, drawJournal } from "/books.js?token={{token}}";
import { drawFaults, drawFaultsOn } from "/faults.js?token={{token}}";
import { drawPlaying, drawTime, tellTime } from "/time.js?token={{token}}";

const token = document.querySelector('meta[name="token"]').content;

// The terminal's own bitmap font, in blocks of 256 characters that load when a character of theirs is shown.
// Only what is Chinese: Latin letters and their punctuation are the system's.
for (let block = 0x2e; block <= 0xff; block++) {
  if (block >= 0xa0 && block < 0xfe) continue;
  const name = block.toString(16).padStart(2, "0");
  document.fonts.add(new FontFace("Zhanggui Pixel", `url(/font/${name}.ttf?token=${token})`, { unicodeRange: `U+${name}00-${name}FF`, display: "block" }));
}

// Tabs, language, sound, switches.

function openTab(name) {
  for (const tab of document.querySelectorAll("[data-tab]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
    tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
  }
  for (const sheet of document.querySelectorAll("[data-sheet]")) sheet.hidden = sheet.dataset.sheet !== name;
  if (name === "slips") $("slip-count").classList.remove("news");
}

function speak(named) {
  const to = named.startsWith("zh") ? "zh" : "en"; // zh-CN is zh, too, in the address as on the command line.
  page.lang = to;
  document.documentElement.lang = to === "zh" ? "zh-CN" : "en";
  document.body.dataset.lang = to;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = word(element.dataset.placeholder);
  choose("language", to);
  choose("talk-side", seen.side);
  for (const draw of [drawKeys, drawLamps, drawCards, drawPhone, drawScanner, drawSlips, drawTalk, drawBooks, drawJournal, drawFaults, drawTime, drawHint, drawTrouble, linkState]) draw();
}

for (const button of $("language").children) button.addEventListener("click", () => {
  // Kept only if somebody chose it: otherwise the panel's own language counts.
  try { localStorage.setItem("language", button.dataset.lang); } catch { /* A private window keeps nothing. */ }
  speak(button.dataset.lang);
});
for (const button of $("paper").children) button.addEventListener("click", () => send({ do: "paper", state: button.dataset.value }));
for (const button of $("host").children) button.addEventListener("click", () => send({ do: "host", behaviour: button.dataset.value }));
for (const tab of document.querySelectorAll("[data-tab]")) tab.addEventListener("click", () => openTab(tab.dataset.tab));
$("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const tabs = [...$("tabs").children];
  const next = tabs[(tabs.indexOf(event.target.closest("[data-tab]")) + step + tabs.length) % tabs.length];
  openTab(next.dataset.tab);
  next.focus();
});
for (const button of $("talk-side").children) button.addEventListener("click", () => { seen.side = button.dataset.value; choose("talk-side", seen.side); drawTalk(); });
$("screenshot").addEventListener("click", saveScreen);
window.addEventListener("resize", drawScreen);
$("power").addEventListener("click", () => { buzzer.wake(); send({ do: "power", on: !seen.power }); });
$("paper-out").addEventListener("click", () => openTab("slips"));
$("kill").addEventListener("click", () => send({ do: "restart" }));
$("tamper").addEventListener("click", () => send({ do: "happen", what: "case", how: "open" }));
$("sound").addEventListener("click", () => {
  buzzer.on = !buzzer.on;
  buzzer.wake();
  $("sound").setAttribute("aria-pressed", String(buzzer.on));
});

// The channel.

const HEARD = {
  hello(message) {
    // Everything up to this number happened before this page was open: it is shown, but not heard or acted out.
    Object.assign(seen, { lamps: {}, slips: [], talk: [], events: [], screen: null, layout: message.layout ?? [], data: message.data ?? "", past: message.seq });
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
  phone(message) {
    const known = JSON.stringify(seen.phone) === JSON.stringify(message);
    seen.phone = message;
    if (!known) drawPhone(); // What is drawn anew under a finger takes no click.
  },
  slip(message) {
    seen.slips.unshift(message);
    drawSlips();
    feed(message);
    if (message.seq > seen.past && !document.querySelector('[data-tab="slips"][aria-selected="true"]')) $("slip-count").classList.add("news");
  },
  host(message) { addTalk({ ...message, side: "host" }); },
  apdu(message) { addTalk({ ...message, side: "card" }); },
  books(message) { seen.books = message; drawBooks(); },
  event(message) { addEvent(message); },
  faults(message) { seen.faults = message; drawFaults(); },
  "faults-on"(message) { seen.faultsOn = message.on; drawFaultsOn(); },
  "reader-state"(message) { Object.assign(seen, { reader: message.how, tears: message.tears }); drawFaultsOn(); },
  "paper-state"(message) { choose("paper", message.state); },
  "host-state"(message) { choose("host", message.behaviour); },
  time(message) { tellTime(message); },
  scenarios(message) { seen.scenarios = message.scenarios; drawTime(); },
  playing(message) { seen.playing = message; seen.step = ""; drawPlaying(); },
  step(message) { seen.step = message.text; drawPlaying(); },
  begun() {
    Object.assign(seen, { lamps: {}, slips: [], talk: [], events: [], screen: null, step: "" });
    for (const draw of [drawLamps, drawSlips, drawTalk, drawJournal, drawScreen]) draw();
    $("paper-out").replaceChildren();
    seen.trouble = "";
    drawTrouble();
  },
  problem(message) { seen.trouble = message.text; drawTrouble(); },
};

// What could not be done, until the next thing that could not, or another world. A lost line counts for more.
function drawTrouble() {
  $("trouble").textContent = state === "off" ? word("trouble.lost") : both(seen.trouble);
}

let state = "connecting";
function linkState(to = state) {
  state = typeof to === "string" ? to : state;
  $("link-state").dataset.state = state;
  $("link-state").querySelector("b").textContent = word(`link.${state}`);
}

let wait = 500;
function connect() {
  const socket = new WebSocket(`ws://${location.host}/channel?token=${token}`);
  page.socket = socket;
  socket.addEventListener("open", () => { wait = 500; linkState("on"); seen.trouble = ""; drawTrouble(); });
  socket.addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    HEARD[message.is]?.(message);
    document.body.dataset.seq = message.seq;
  });
  socket.addEventListener("close", () => {
    linkState("off");
    drawTrouble();
    setTimeout(connect, wait);
    wait = Math.min(8000, wait * 2);
  });
}

speak("zh");
darken($("oled"));
connect();

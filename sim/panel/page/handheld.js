// The handheld: its keys, display, lamps and power.
import { $, hasWord, make, seen, send, svg, word } from "/dom.js?token={{token}}";
import { Buzzer, darken, drawOled, drawPlain } from "/device.js?token={{token}}";

export const buzzer = new Buzzer();

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

export function drawKeys() {
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
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, [role=tab]")) return;
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

export function drawScreen() {
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

export function drawHint() {
  const name = seen.power ? seen.screen?.name ?? "boot" : "off";
  const keys = [`hint.${name}.${seen.screen?.mode}`, `hint.${name}`, "hint.other"]; // What ENTER does depends on the mode.
  const text = word(keys.find(hasWord)).replace("{data}", seen.data);
  if ($("next-text").textContent !== text) $("next-text").textContent = text;
}

export function drawLamps() {
  $("lamps").replaceChildren(...["power", "online", "card", "alert"].map((lamp) =>
    make("span", { class: `lamp ${lamp} ${seen.lamps[lamp] ? "lit" : ""}`, "data-lamp": lamp }, make("i"), make("em", {}, word(`lamp.${lamp}`)))));
}

export function drawPower(message) {
  $("handheld").dataset.power = message.on ? "on" : "off";
  $("power").setAttribute("aria-checked", String(message.on));
  const fallen = `fallen.${message.why}`;
  $("fallen").hidden = !hasWord(fallen);
  $("fallen").textContent = hasWord(fallen) ? word(fallen) : "";
}

// The picture that is on the glass now, as a file.
export function saveScreen() {
  const screen = seen.screen;
  if (!screen) return;
  const canvas = make("canvas");
  drawPlain(canvas, screen.width, screen.height, screen.pixels);
  canvas.toBlob((blob) => {
    const link = make("a", { download: `screen-${screen.name || "dark"}.png`, href: URL.createObjectURL(blob) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

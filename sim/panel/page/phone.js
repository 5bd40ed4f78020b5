// The customer's phone, and the scanner.
import { $, both, make, seen, send, svg, word } from "/dom.js?token={{token}}";
import { drawQr } from "/device.js?token={{token}}";
import { buzzer } from "/handheld.js?token={{token}}";

function phoneButton(name, act, extra = {}, kind = "") {
  return make("button", { type: "button", class: `app ${kind}`, "data-phone": act, on: () => { buzzer.wake(); send({ do: "phone", act, ...extra }); } }, word(name));
}

const LONG = 9; // Characters of an amount that fit in large letters.

// The picture that the camera took, with a frame about the code that it found.
function cameraView(view) {
  if (!view) return null;
  return make("figure", { class: "camera" }, make("img", { src: `data:image/png;base64,${view.png}`, alt: view.text || word("phone.nothing") }), make("figcaption", {}, view.text || word("phone.nothing")));
}

function history(rows) {
  if (!rows.length) return null;
  return make("ul", { class: "history", "aria-label": word("phone.history") }, ...rows.map((row) =>
    make("li", {}, make("time", {}, row.time), make("span", {}, both(row)), make("b", {}, row.amount))));
}

export function drawPhone() {
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
    parts.push(cameraView(phone.view), make("p", { class: "say" }, word("phone.to")), make("p", { class: "who" }, both(phone.merchant)), make("p", { class: "sum" }, `¥${phone.amount}`),
      phoneButton("phone.pay", "confirm", {}, "main"), phoneButton("phone.cancel", "cancel", {}, "plain"));
  } else if (phone.screen === "page") {
    parts.push(cameraView(phone.view), ...phone.lines.map((line) => make("p", { class: /^[¥-]/.test(line) ? "sum" : "say" }, line)),
      phone.payable ? phoneButton("phone.pay", "confirm", {}, "main") : null, phoneButton("phone.back", "cancel", {}, "plain"));
  } else if (phone.screen === "done" || phone.screen === "failed") {
    const mark = phone.screen === "done" ? '<circle cx="24" cy="24" r="20"/><path d="M15 25l6 6 12-13"/>' : '<circle cx="24" cy="24" r="20"/><path d="M17 17l14 14M31 17L17 31"/>';
    parts.push(make("div", { class: `mark ${phone.screen}` }, svg(mark, "0 0 48 48")), make("p", { class: "who" }, word(`phone.${phone.screen}`)),
      phone.amount ? make("p", { class: "sum" }, `¥${phone.amount}`) : null, phone.note ? make("p", { class: "say" }, both(phone.note)) : null, phoneButton("phone.back", "cancel", {}, "plain"));
  } else {
    parts.push(tabs, make("p", { class: "say" }, word("phone.balance")), make("p", { class: `sum ${(wallet?.balance ?? "").length > LONG ? "long" : ""}` }, `¥${wallet?.balance ?? "0.00"}`));
    if (phone.note) parts.push(make("p", { class: "note" }, both(phone.note)));
    parts.push(cameraView(phone.view));
    parts.push(phoneButton("phone.scan", "look", {}, "main"), phoneButton("phone.code", "code", {}, "main second"), history(phone.history ?? []));
  }
  $("phone").className = `phone wallet-${Math.max(0, wallets.indexOf(wallet))} on-${phone.screen ?? "home"}`;
  $("one-code").hidden = phone.one_code === undefined;
  $("one-code").setAttribute("aria-pressed", String(Boolean(phone.one_code)));
  if (phone.notice) parts.unshift(make("p", { class: "notice", role: "status" }, both(phone.notice)));
  $("phone-glass").replaceChildren(...parts.filter(Boolean));
}

export function drawScanner() {
  $("scanner").classList.toggle("looking", seen.scanner);
  $("scanner-state").textContent = word(seen.scanner ? "scanner.on" : "scanner.idle");
}

$("one-code").addEventListener("click", () => send({ do: "phone", act: "one-code" }));
$("scan-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = $("scan-code").value;
  if (code) send({ do: "scan", code });
});

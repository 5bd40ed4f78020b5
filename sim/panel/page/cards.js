// The cards that lie on the bench, and the one in the slot.
import { $, both, make, page, seen, send, svg, word } from "/dom.js?token={{token}}";
import { buzzer } from "/handheld.js?token={{token}}";

const CARDS_FIRST = 4;

export function drawCards() {
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
  const drawn = `${seen.card} ${page.lang}`;
  if (holder.dataset.drawn !== drawn) { // A button that is made anew under a finger is not clicked.
    holder.dataset.drawn = drawn;
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

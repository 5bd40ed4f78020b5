// What came out of the printer.
import { $, make, saveLink, seen, textAddress, word } from "/dom.js?token={{token}}";

export function drawSlips() {
  $("slip-count").textContent = seen.slips.length ? String(seen.slips.length) : "";
  if (!seen.slips.length) return $("slips").replaceChildren(make("p", { class: "empty" }, word("slips.none")));
  $("slips").replaceChildren(...seen.slips.map((slip) => {
    const image = make("img", { src: `data:image/png;base64,${slip.png}`, alt: slip.text, class: "slip-image" });
    return make("article", { class: "slip" }, make("div", { class: "sheet-of-paper" }, image),
      make("div", { class: "slip-tools" },
        make("details", {}, make("summary", {}, word("slips.text")), make("pre", {}, slip.text),
          ...(slip.qr ?? []).map((code) => make("p", { class: "code" }, `${word("slips.qr")}: ${code}`))),
        saveLink(word("slips.save"), `slip-${slip.seq}.png`, image.src), saveLink(word("slips.save-text"), `slip-${slip.seq}.txt`, textAddress(`${slip.text}\n`))));
  }));
}

export function feed(slip) {
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

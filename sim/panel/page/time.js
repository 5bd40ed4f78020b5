// Virtual time: its clock, its speed, the seed of the world, and a scenario that is played. Hidden on the real bench.
import { $, both, choose, make, seen, send, word } from "/dom.js?token={{token}}";

const SPEEDS = [0, 1, 10, 60, 3600];
const SECOND = 1000, MINUTE = 60000;

export function drawTime() {
  $("time-bar").hidden = !seen.time;
  if (!seen.time) return;
  $("speed").replaceChildren(...SPEEDS.map((speed) =>
    make("button", { type: "button", "data-value": String(speed), on: () => send({ do: "time", act: "speed", value: speed }) }, speed === 0 ? word("time.still") : speed === SPEEDS.at(-1) ? word("time.fast") : `${speed}×`)));
  choose("speed", String(seen.time.speed));
  const chosen = $("scenario").value;
  $("scenario").replaceChildren(...seen.scenarios.map((one) => make("option", { value: one.name }, both(one))));
  if (chosen) $("scenario").value = chosen;
  drawPlaying();
}

// The clock moves ten times a second: only what has changed is touched.
export function tellTime(time) {
  const before = seen.time;
  seen.time = time;
  if (!before) drawTime();
  $("time-clock").textContent = time.clock;
  if (before?.speed !== time.speed) choose("speed", String(time.speed));
  if (before?.seed !== time.seed) $("seed").value = time.seed;
}

export function drawPlaying() {
  const playing = seen.playing;
  const state = playing?.state ?? "";
  $("play-stop").hidden = state !== "playing";
  $("playing").className = `playing ${state}`;
  const step = state === "playing" ? seen.step : both(playing?.text);
  $("playing").textContent = state ? [word(`time.${state}`), both(playing), step].filter(Boolean).join(" · ") : "";
}

$("step-second").addEventListener("click", () => send({ do: "time", act: "step", value: SECOND }));
$("step-minute").addEventListener("click", () => send({ do: "time", act: "step", value: MINUTE }));
$("play-stop").addEventListener("click", () => send({ do: "time", act: "stop" }));
$("seed-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const seed = $("seed").value.trim();
  if (seed) send({ do: "begin", seed });
});
$("play-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("scenario").value) send({ do: "play", scenario: $("scenario").value });
});

// The handheld's face: its display's pixels, and its buzzer.

const LIT = [206, 232, 255];

const FILE_SCALE = 4; // Of a picture that is kept.

// Call `dot(x, y)` for each lit pixel of a frame: 1 bit a pixel, rows padded to bytes, in base64.
function eachLit(width, height, base64, dot) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stride = (width + 7) >> 3;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (bytes[y * stride + (x >> 3)] & (0x80 >> (x & 7))) dot(x, y);
    }
  }
}

// A frame as a picture file shows it: black and white, nothing between the pixels.
export function drawPlain(canvas, width, height, base64) {
  canvas.width = width * FILE_SCALE;
  canvas.height = height * FILE_SCALE;
  const paint = canvas.getContext("2d");
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.fillStyle = "#fff";
  eachLit(width, height, base64, (x, y) => paint.fillRect(x * FILE_SCALE, y * FILE_SCALE, FILE_SCALE, FILE_SCALE));
}

// Draw a frame so that each pixel stays a pixel: whole factors, a hair of grid.
export function drawOled(canvas, width, height, base64) {
  const room = Math.min(384, canvas.parentElement.clientWidth - 26 || 384); // Without the bezel's own rim.
  const scale = Math.max(2, Math.floor(room / width / (height > width / 2 ? 1.34 : 1)));
  const factor = Math.max(1, Math.round(window.devicePixelRatio || 1));
  const cell = scale * factor;
  canvas.width = width * cell;
  canvas.height = height * cell;
  canvas.style.width = `${width * scale}px`;
  canvas.style.height = `${height * scale}px`;
  const paint = canvas.getContext("2d");
  paint.fillStyle = "#04070a";
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.fillStyle = `rgb(${LIT})`;
  eachLit(width, height, base64, (x, y) => paint.fillRect(x * cell, y * cell, cell, cell));
  // The dark lines between an OLED's cells, faint enough to leave letters whole.
  paint.fillStyle = "rgba(4,7,10,.2)";
  const line = Math.max(1, Math.round(cell / 4));
  for (let x = 1; x <= width; x++) paint.fillRect(x * cell - line, 0, line, canvas.height);
  for (let y = 1; y <= height; y++) paint.fillRect(0, y * cell - line, canvas.width, line);
}

export function darken(canvas) {
  const paint = canvas.getContext("2d");
  paint.fillStyle = "#04070a";
  paint.fillRect(0, 0, canvas.width, canvas.height);
}

// A QR symbol from rows of "0" and "1".
export function drawQr(canvas, rows) {
  const quiet = 2, size = rows.length + 2 * quiet;
  const cell = Math.max(2, Math.floor(150 / size));
  canvas.width = canvas.height = size * cell;
  const paint = canvas.getContext("2d");
  paint.fillStyle = "#fff";
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.fillStyle = "#111";
  rows.forEach((row, y) => [...row].forEach((bit, x) => {
    if (bit === "1") paint.fillRect((x + quiet) * cell, (y + quiet) * cell, cell, cell);
  }));
}

const LONGEST = 0.5; // Seconds; a tone whose end got lost must not go on for ever.

// A piezo buzzer. The handheld says when a tone begins and ends on the pin; a bench without one names whole tones:
// hertz, start and length in seconds.
const TONES = {
  key: [[2100, 0, 0.035]],
  success: [[1760, 0, 0.09], [2349, 0.11, 0.16]],
  failure: [[330, 0, 0.18], [262, 0.22, 0.3]],
  attention: [[1320, 0, 0.12], [1320, 0.2, 0.12]],
};

export class Buzzer {
  constructor() { this.on = true; this.context = null; this.source = null; }

  wake() { // A browser lets a page sound only after a person touched it.
    if (!this.context && window.AudioContext) this.context = new AudioContext();
    if (this.context?.state === "suspended") this.context.resume();
  }

  // What the pin does now: a frequency, or 0 for silence.
  play(hertz) {
    const { context } = this;
    if (context?.state !== "running") return;
    if (this.source) {
      this.source.loudness.gain.setTargetAtTime(0, context.currentTime, 0.004);
      this.source.stop(context.currentTime + 0.03);
      this.source = null;
    }
    if (!hertz || !this.on) return;
    const source = context.createOscillator();
    source.loudness = context.createGain();
    source.type = "triangle";
    source.frequency.value = hertz;
    source.loudness.gain.setValueAtTime(0, context.currentTime);
    source.loudness.gain.linearRampToValueAtTime(0.1, context.currentTime + 0.004);
    source.connect(source.loudness).connect(context.destination);
    source.start();
    source.stop(context.currentTime + LONGEST);
    this.source = source;
  }

  sound(tone) {
    if (!this.on || this.context?.state !== "running") return;
    for (const [hertz, after, length] of TONES[tone] ?? TONES.key) {
      const start = this.context.currentTime + after;
      const source = this.context.createOscillator();
      const loudness = this.context.createGain();
      source.type = "triangle";
      source.frequency.value = hertz;
      loudness.gain.setValueAtTime(0, start);
      loudness.gain.linearRampToValueAtTime(0.11, start + 0.004);
      loudness.gain.setValueAtTime(0.11, start + length - 0.01);
      loudness.gain.linearRampToValueAtTime(0, start + length);
      source.connect(loudness).connect(this.context.destination);
      source.start(start);
      source.stop(start + length);
    }
  }
}

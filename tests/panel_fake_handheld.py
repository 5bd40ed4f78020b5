"""A handheld that speaks the panel's protocol and does nothing else: the fake on the wire for the panel's
tests.

It answers each key with a screen whose text is everything typed so far, prints a slip at ENTER, asks for hex
digits when "hex" is scanned, and ends itself with status 3 when its case is opened. Run by the tests as a
process: stdin and stdout are the wire.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 128, 64


def say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def screen(name: str, text: str) -> None:
    image = Image.new("1", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    draw.text((2, 2), name, fill=1)
    draw.text((2, 20), text[-20:], fill=1)
    pixels = base64.b64encode(image.tobytes()).decode()
    say(**{"is": "screen", "name": name, "text": [text], "width": WIDTH, "height": HEIGHT, "pixels": pixels})


def slip(text: str) -> None:
    image = Image.new("1", (384, 120), 1)
    ImageDraw.Draw(image).text((10, 10), text, fill=0)
    data = io.BytesIO()
    image.save(data, "PNG")
    say(**{"is": "paper", "text": text, "png": base64.b64encode(data.getvalue()).decode(), "qr": []})


def main() -> int:
    typed, name = "", "typed"
    say(**{"is": "ready", "pid": os.getpid()})
    say(**{"is": "lamp", "lamp": "power", "lit": True})
    screen("idle", "")
    for line in sys.stdin:
        message = json.loads(line)
        if message["do"] == "press":
            typed += f"[{message['key']}]"
            say(**{"is": "tone", "tone": "key"})
            screen(name, typed)
            if message["key"] == "enter":
                slip(f"SLIP {typed}")
        elif message["do"] == "happen" and message["what"] == "case":
            return 3
        elif message["do"] == "scan":
            name = "type_component" if message["code"] == "hex" else "typed"
            screen(name if message["code"] == "hex" else "scanned", message["code"])
        else:
            say(
                **{"is": "card", "card": message.get("card", "")}
                if message["do"] in ("insert", "remove")
                else {"is": "heard", "what": message}
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Headless Chromium, driven over the Chrome DevTools Protocol with `websockets`: as much of it as the tests
need.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import connect

START_S = 30
ANSWER_BYTES = 64 * 1024 * 1024  # A screenshot in base64.
ANSWER_S = 30
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]


def chromium() -> str | None:
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))),
        None,
    )


class Browser:
    """One page in one browser with a fresh profile."""

    def __init__(self, folder: Path, *, width: int = 1440, height: int = 940, scale: float = 1) -> None:
        program = chromium()
        if program is None:
            raise FileNotFoundError("chromium")
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}", f"--window-size={width},{height}", "about:blank"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )
        self._number = 0
        self.console: list[str] = []
        address = self._address()
        self._open = ExitStack()
        self._socket = self._open.enter_context(connect(address, max_size=ANSWER_BYTES, open_timeout=START_S))
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(width, height, scale)

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        self._process.terminate()
        self._process.wait(10)
        if self._process.stderr:
            self._process.stderr.close()

    def _address(self) -> str:
        lines: queue.Queue[str] = queue.Queue()
        stderr = self._process.stderr
        if stderr is None:
            raise RuntimeError("no stderr")

        def read() -> None:
            for line in stderr:
                lines.put(line.decode(errors="replace"))

        threading.Thread(target=read, daemon=True).start()
        while True:
            line = lines.get(timeout=START_S)
            if "DevTools listening on " in line:
                return line.split("DevTools listening on ")[1].strip()

    def _call(self, method: str, params: dict[str, Any] | None = None, session: str = "") -> Any:
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=ANSWER_S))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._event(answer)

    def _event(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"].get("exception", {}).get("description", params)))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.console.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.console.append(str(params["args"]))

    def call(self, method: str, **params: Any) -> Any:
        return self._call(method, params, self._session)

    def size(self, width: int, height: int, scale: float = 1) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def keep_downloads(self, folder: Path) -> None:
        self._call("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})

    def downloaded(self, path: Path) -> bytes:
        """What the browser has put there, once it is whole."""
        for _ in range(100):
            if path.exists() and not path.with_name(f"{path.name}.crdownload").exists():
                return path.read_bytes()
            self.run("new Promise((done) => setTimeout(done, 100))")
        raise FileNotFoundError(path)

    def run(self, script: str) -> Any:
        """The value of an expression (a promise is awaited). Raises RuntimeError when it throws."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", "it threw"))
        return result["result"].get("value")

    def until(self, condition: str, seconds: float = 15) -> Any:
        """Wait in the page until an expression is true, looking at each frame."""
        return self.run(
            f"new Promise((done, fail) => {{ const end = performance.now() + {seconds * 1000};"
            f" const look = () => {{ let value; try {{ value = ({condition}); }} catch (broken) {{ value = null; }}"
            " if (value) done(value); else if (performance.now() > end) fail(new Error("
            f"{json.dumps('never true: ' + condition)})); else setTimeout(look, 20); }}; look(); }})"
        )

    def click(self, selector: str) -> None:
        """A real mouse click in the middle of the element."""
        place = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def type_key(self, key: str, code: int, text: str = "") -> None:
        extra = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **extra)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path) -> Path:
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

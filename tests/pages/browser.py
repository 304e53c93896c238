"""Headless Chromium, steered by the DevTools protocol through a pipe.

The pipe needs no other package and no port: messages are JSON, each ended by a zero byte.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

FLAGS = (
    *("--headless=new", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--remote-debugging-pipe", "--disable-background-networking", "--disable-sync"),
)
START = """
import os, sys
read, write = (os.dup(int(each)) for each in sys.argv[1:3])
read, write = os.dup2(read, 100), os.dup2(write, 101)
os.dup2(read, 3), os.dup2(write, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""A program that becomes Chromium, with the pipe where Chromium expects it."""


class Browser:
    """A running Chromium with one page."""

    def __init__(self, program: str, folder: Path) -> None:
        (read, self._to), (self._from, write) = os.pipe(), os.pipe()
        flags = [*FLAGS, f"--user-data-dir={folder}"]
        if os.geteuid() == 0:  # Chromium has no sandbox for root
            flags.append("--no-sandbox")
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, str(read), str(write), program, *flags, "about:blank"],
            pass_fds=(read, write),
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._rest = b""
        self._count = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        targets = self.ask("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        answer = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = answer["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def close(self) -> None:
        self._session = ""
        self.ask("Browser.close")
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result. Events that arrive before are kept."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]

    def wait_for(self, event: str) -> None:
        """Wait for an event that has not been waited for."""
        while not any(each["method"] == event for each in self.events):
            self._read()
        self.events = [each for each in self.events if each["method"] != event]

    def open(self, path: Path, width: int = 1280, height: int = 720, dark: bool = False) -> None:
        """Open a file in a window of this size."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        self.wait_for("Page.loadEventFired")

    def value(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_in_page(self, promise: str) -> None:
        """Wait until a promise in the page is kept."""
        answer = self.ask("Runtime.evaluate", expression=promise, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer

    def click(self, x: float, y: float, count: int = 1) -> None:
        for number in range(1, count + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.mouse(kind, x, y, button="left", clickCount=number)

    def drag(self, x: float, y: float, dx: float, dy: float) -> None:
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        for part in (0.3, 0.6, 1.0):
            self.mouse("mouseMoved", x + part * dx, y + part * dy, button="left", buttons=1)
        self.mouse("mouseReleased", x + dx, y + dy, button="left", clickCount=1)

    def wheel(self, x: float, y: float, by: float) -> None:
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=by)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Send a touch: touchStart, touchMove or touchEnd, with all fingers."""
        fingers = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        self.ask("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

    def press(self, key: str, text: str = "") -> None:
        """Press a key; ``text`` is the character that it types."""
        down = {"key": key, **({"text": text} if text else {})}
        if key == "Enter":
            down |= {"windowsVirtualKeyCode": 13, "text": "\r"}
        if key == "Tab":
            down |= {"windowsVirtualKeyCode": 9}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **down)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def write(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def picture(self) -> bytes:
        """Return a PNG of the page."""
        return b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Send an event of the mouse."""
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._from, 1 << 20)
            assert part, "Chromium has ended"
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        answer = json.loads(line)
        if "method" in answer:
            self.events.append(answer)
        return answer

"""A real browser without a window, driven over a pipe in its own protocol (DevTools)."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"),
)

# It reads from descriptor 3 and writes to 4; first they are moved where they are in nobody's way.
MOVED = """import os, sys
kept = [os.dup2(int(each), 60 + at) for at, each in enumerate(sys.argv[1:3])]
os.dup2(60, 3), os.dup2(61, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Page:
    """One page of the browser."""

    def __init__(self, reading: int, writing: int) -> None:
        self._from, self._to = reading, writing
        self._numbers = itertools.count(1)
        self._rest = b""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self.errors: list[str] = []
        self.call("Log.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol on this page."""
        return self._call(method, self._session["sessionId"], **params)

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        self.call("Page.navigate", url=url)
        self.until(f"location.href === {url!r} && document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        """Return what JavaScript makes of `expression`."""
        told = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until `expression` is true, and return it."""
        end = time.monotonic() + 20
        while not (found := self.value(expression)) and time.monotonic() < end:
            time.sleep(0.05)
        assert found, f"{expression}; the page: {self.value('document.body.innerText')}"
        return found

    def screenshot(self, file: Path, *, wide: int, high: int, scheme: str) -> None:
        """Write what is seen into `file`, as a PNG."""
        size = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _call(self, method: str, session: str | None = None, **params: Any) -> Any:
        number = next(self._numbers)
        request: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            request["sessionId"] = session
        os.write(self._to, json.dumps(request).encode() + b"\0")
        for message in self._messages():
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            if message.get("method") == "Log.entryAdded":
                self.errors.append(message["params"]["entry"]["text"])
        raise AssertionError(method)

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" not in self._rest:
                read = os.read(self._from, 65536)
                assert read, "the browser has closed its pipe"
                self._rest += read
            message, _, self._rest = self._rest.partition(b"\0")
            yield json.loads(message)


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Run a browser with a profile in `folder`, and give one of its pages."""
    its_in, our_out = os.pipe()
    our_in, its_out = os.pipe()
    command = [sys.executable, "-c", MOVED, str(its_in), str(its_out), BROWSER, *FLAGS]
    command.append(f"--user-data-dir={folder / 'profile'}")
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, pass_fds=(its_in, its_out), **quiet)
    os.close(its_in)
    os.close(its_out)
    try:
        yield Page(our_in, our_out)
    finally:
        process.terminate()
        process.wait(20)
        os.close(our_in)
        os.close(our_out)

# SPDX-License-Identifier: MIT
"""The guest's serial line: a thread reads it always, so that the guest never waits for a reader."""

import re
import threading
import time

PROMPT = "sluice# "
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]")


class ConsoleTimeout(AssertionError):
    pass


class Console:
    def __init__(self, sock):
        self._sock = sock
        self._more = threading.Condition()
        self._raw = ""
        self.closed = False
        self.prompt = PROMPT
        self._mark = 0  # how far expect() has read
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                data = self._sock.recv(65536)
            except OSError:
                data = b""
            with self._more:
                self._raw += data.decode("utf-8", "replace")
                self.closed = not data
                self._more.notify_all()
            if not data:
                return

    def wait_closed(self, timeout):
        with self._more:
            assert self._more.wait_for(lambda: self.closed, timeout), "the console's socket stays open"

    @property
    def raw(self):
        with self._more:
            return self._raw

    @property
    def text(self):
        """All output so far, without escape sequences and carriage returns."""
        return _ESCAPES.sub("", self.raw).replace("\r", "")

    def send(self, data):
        self._sock.sendall(data.encode() if isinstance(data, str) else data)

    def mark(self):
        """Later expect() calls look at what comes from here on."""
        with self._more:
            self._mark = len(self._raw)

    def expect(self, pattern, timeout=10):
        """Wait until pattern appears after the mark; move the mark behind it."""
        regex = re.compile(pattern, re.M)
        deadline = time.monotonic() + timeout
        with self._more:
            while True:
                found = regex.search(self._raw, self._mark)
                if found:
                    self._mark = found.end()
                    return found
                left = deadline - time.monotonic()
                if left <= 0 or self.closed:
                    why = "the line closed" if self.closed else f"{timeout} s passed"
                    tail = self._raw[self._mark :][-2000:]
                    raise ConsoleTimeout(f"{why} without /{pattern}/ in:\n{tail}")
                self._more.wait(left)

    def command(self, line, timeout=10):
        """Type a command and return what it printed, up to the next prompt."""
        self.mark()
        start = self._mark
        self.send(line + "\r")
        # the echo of the line may hold anything; its end is the first newline
        self.expect(r"\n", timeout)
        self.expect(rf"(?:^|[\r\n]|\x1b\[[0-9;?]*[A-Za-z]){re.escape(self.prompt)}", timeout)
        text = _ESCAPES.sub("", self.raw[start : self._mark]).replace("\r", "")
        body = text.split("\n", 1)[1]
        return body[: body.rindex(self.prompt)]

    def interrupt(self):
        """Ctrl-C, until the prompt is there again."""
        self.mark()
        self.send("\x03")
        self.expect(re.escape(self.prompt), 5)

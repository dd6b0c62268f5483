# SPDX-License-Identifier: MIT
"""QEMU's machine protocol over a connected socket: what a test does to the machine from outside."""

import json
import socket
import time


class Qmp:
    def __init__(self, sock):
        self._sock = sock
        self._buffer = b""
        self.events = []
        self._ready = False

    def _line(self, deadline):
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError("QEMU's monitor does not answer")
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise EOFError("QEMU has ended")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def execute(self, command, timeout=10, **arguments):
        deadline = time.monotonic() + timeout
        if not self._ready and command != "qmp_capabilities":
            self._ready = True
            self.execute("qmp_capabilities")
        request = {"execute": command}
        if arguments:
            request["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self._sock.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._line(deadline)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise AssertionError(f"{command}: {answer['error']['desc']}")
            elif "return" in answer:
                return answer["return"]

    def set_link(self, up):
        self.execute("set_link", name="n0", up=up)

    def power_button(self):
        self.execute("system_powerdown")

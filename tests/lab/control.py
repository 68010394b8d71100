"""The control sockets of routerd and gatewayd (`routerd --help`, `gatewayd --help`)."""

import json
import socket


class Control:
    def __init__(self, path):
        self.path = path

    def ask(self, command):
        """The answer without its last line, "ok"."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.path))
            s.sendall(command.encode() + b"\n")
            lines = []
            for line in s.makefile():
                if line == "ok\n":
                    return "".join(lines)
                if line.startswith("error "):
                    raise RuntimeError(f"{command}: {line[6:].strip()}")
                lines.append(line)
        raise ConnectionError(f"{command}: no answer")

    def json(self, command):
        return json.loads(self.ask(command))

    def answers(self):
        """None while no process listens."""
        try:
            return self.ask("counters")
        except OSError:
            return None

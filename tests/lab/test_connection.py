"""A connection through both NATs survives the sudden end of the daemon, and its port stays open."""

import socket
import threading

from lab import CLIENTS, wait_until
from traffic import EXTERNAL

LAN1 = CLIENTS["lan1"]
STEP = 2000  # numbers between two events


class Numbers:
    """Both ends send 0, 1, 2 and so on without end, and check what arrives."""

    def __init__(self, *ends):
        self.sent = [0, 0]
        self.received = [0, 0]
        self.stopping = threading.Event()
        self.failures = []
        self.threads = [threading.Thread(target=self._guard, args=(work, i, end))
                        for i, end in enumerate(ends) for work in (self._send, self._receive)]
        for thread in self.threads:
            thread.start()

    def _guard(self, work, i, end):
        try:
            work(i, end)
        except Exception as error:  # reported by the function that waits
            self.failures.append(error)

    def _send(self, i, end):
        while not self.stopping.wait(0.001):
            first, self.sent[i] = self.sent[i], self.sent[i] + 10
            end.sendall(b"".join(n.to_bytes(4, "big") for n in range(first, self.sent[i])))
        end.shutdown(socket.SHUT_WR)

    def _receive(self, i, end):
        with end.makefile("rb") as file:
            while number := file.read(4):
                assert int.from_bytes(number, "big") == self.received[i], "a byte was lost"
                self.received[i] += 1

    def flow(self):
        """STEP more numbers in each direction."""
        goal = [count + STEP for count in self.received]
        wait_until(lambda: self.failures or (self.received[0] > goal[0] and self.received[1] > goal[1]), 30)
        assert not self.failures, self.failures

    def end(self):
        """Everything that was sent has arrived."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
        assert not self.failures, self.failures
        assert self.received == self.sent[::-1] and min(self.received) > STEP


class Watch:
    """Checks all the time whether the router's kernel has the rule."""

    def __init__(self, lab, text):
        self.lab = lab
        self.text = text
        self.looks = 0
        self.absent = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()

    def _look(self):
        while not self.stopping.is_set():
            self.absent += self.text not in self.lab.router.installed()
            self.looks += 1

    def end(self):
        self.stopping.set()
        self.thread.join(30)
        assert self.absent == 0 and self.looks > 10, (self.absent, self.looks)


def connect(lab, external):
    """(internet end, LAN end) of a connection to the port."""
    with lab.socket("lan1", socket.SOCK_STREAM, ("", 5000)) as server:
        server.listen()
        outside = lab.socket("inet", socket.SOCK_STREAM)
        outside.connect((EXTERNAL, external))
        server.settimeout(5)
        within = server.accept()[0]
    for end in (outside, within):
        end.settimeout(30)
    return outside, within


def test_a_connection_survives_kill_and_restart(lab):
    first = lab.daemon("first")
    client = lab.client("lan1")
    assert client.map("tcp", 5000, 45001, 600).external == 45001
    rule = lab.router.rule_for("tcp", LAN1, 5000)
    changes = lab.router.counters()
    watch = Watch(lab, "tcp dport 45001")
    outside, within = connect(lab, 45001)
    with outside, within:
        numbers = Numbers(outside, within)
        numbers.flow()
        first.kill()
        numbers.flow()
        second = lab.daemon("second")
        numbers.flow()
        # With the port suggested, and without a suggestion.
        assert client.map("tcp", 5000, 45001, 600).external == 45001
        numbers.flow()
        assert client.map("tcp", 5000, 0, 600).external == 45001
        again = connect(lab, 45001)
        numbers.end()
    for end in again:
        end.close()
    watch.end()
    assert lab.router.rule_for("tcp", LAN1, 5000) == rule

    def changed():
        after = lab.router.counters()
        return [after[name] - changes[name] for name in ("adds", "sets", "removes")]

    wait_until(lambda: changed() == [1, 0, 1], what="its claim is made and removed, and nothing else changes")
    assert second.stop() == 0
    assert lab.router.own_rules() == [] and lab.gateway.mappings() == {}

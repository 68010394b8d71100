"""Packets from the internet to a program on the LAN, and whether they arrive."""

import select
import socket

EXTERNAL = "11.22.33.44"
INTERNET_HOST = "11.22.33.1"


class Listener:
    """A program on a LAN client that listens on a port. `reached(port)` sends it a message from the internet host to
    that port of the external address, each time from a new port, because the kernel remembers earlier translations."""

    def __init__(self, lab, namespace, protocol, port):
        self.lab = lab
        self.protocol = protocol
        self.port = port
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        self.kind = kind
        self.socket = lab.socket(namespace, kind, ("", port))
        if protocol == "tcp":
            self.socket.listen()
        self.count = 0
        self.earlier = set() # messages of which a copy may still be on its way
        self.received = None

    def reached(self, external, limit=30.0):
        """True: the message arrived and the answer came back. False: the internet host got a refusal. Any other outcome
        fails the test."""
        self.count += 1
        message = f"hello {self.protocol} {self.port}, number {self.count}".encode()
        with self.lab.socket("inet", self.kind) as sender:
            sender.settimeout(limit)
            try:
                sender.connect((EXTERNAL, external))
                return self._stream(sender, message) if self.protocol == "tcp" else self._datagram(
                    sender, message, external, limit)
            except ConnectionRefusedError:
                return False

    def _stream(self, sender, message):
        connection, source = self.socket.accept()
        with connection:
            assert source[0] == INTERNET_HOST, source
            sender.sendall(message)
            self._take(connection.recv(100), message)
            connection.sendall(b"answer")
            assert sender.recv(100) == b"answer"
        return True

    def _datagram(self, sender, message, external, limit):
        ready = []
        # While other tests flood their networks, the kernel drops packets of all. TCP repeats its own.
        for _ in range(int(limit)):
            sender.send(message)
            ready, _, _ = select.select([self.socket, sender], [], [], 1)
            if ready:
                break
        else:
            raise TimeoutError(f"to UDP {external}: neither the message nor a refusal within {limit} s")
        if self.socket not in ready:
            sender.recv(1)  # raises the refusal
            raise AssertionError("an answer without a message")
        received, source = self.socket.recvfrom(100)
        while received in self.earlier:
            received, source = self.socket.recvfrom(100)
        assert source[0] == INTERNET_HOST, source
        self._take(received, message)
        self.earlier.add(message)
        self.socket.sendto(b"answer", source)
        assert sender.recv(100) == b"answer"
        return True

    def _take(self, received, sent):
        assert received == sent
        self.received = received.decode()

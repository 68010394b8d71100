"""Requests of a LAN client to its default gateway, and their answers: a capture of NAT-PMP on the router's bridge."""

import select
import socket
import struct
import threading
import time
from typing import NamedTuple

from natpmp import PORT, TCP, UDP, parse_mapping

ETH_P_IP = 0x0800
ETH_P_ALL = 3  # with any other number the kernel shows no outgoing packets
IPPROTO_UDP = 17
NAMES = {UDP: "udp", TCP: "tcp"}


class Datagram(NamedTuple):
    at: float  # time.monotonic()
    client: str
    request: bool
    payload: bytes


class Ask(NamedTuple):
    """A mapping that a client requested."""
    at: float
    protocol: str
    internal: int
    suggested: int
    lifetime: int


class Answer(NamedTuple):
    """The answer to it."""
    at: float
    protocol: str
    result: int
    internal: int
    external: int
    lifetime: int


class Wire:
    def __init__(self, lab):
        self.lab = lab
        self.datagrams = []
        self.socket = lab.socket("rtr", socket.SOCK_DGRAM, family=socket.AF_PACKET, bind=("bridge", ETH_P_ALL))
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._capture, daemon=True)
        self.thread.start()

    def close(self):
        self.ending.set()
        self.thread.join()
        self.socket.close()

    def _capture(self):
        while not self.ending.is_set():
            if select.select([self.socket], [], [], 0.2)[0]:
                packet, (_, protocol, *_) = self.socket.recvfrom(65536)
                if protocol == ETH_P_IP:
                    self._take(packet, time.monotonic())

    def _take(self, packet, at):
        header = (packet[0] & 15) * 4
        if packet[9] != IPPROTO_UDP or len(packet) < header + 8:
            return
        source, destination, length = struct.unpack_from("!HHH", packet, header)
        payload = packet[header + 8:header + length]
        if destination == PORT:
            self.datagrams.append(Datagram(at, socket.inet_ntoa(packet[12:16]), True, payload))
        elif source == PORT:
            self.datagrams.append(Datagram(at, socket.inet_ntoa(packet[16:20]), False, payload))

    # ---- results ----

    def asks(self, protocol=None, deletions=False):
        """Mappings that were requested, or those that were deleted, retransmissions included."""
        found = []
        for one in list(self.datagrams):
            if one.request and len(one.payload) >= 12 and one.payload[0] == 0 and one.payload[1] in NAMES:
                _, opcode, _, internal, suggested, lifetime = struct.unpack_from("!BBHHHI", one.payload)
                if (lifetime == 0) == deletions and protocol in (None, NAMES[opcode]):
                    found.append(Ask(one.at, NAMES[opcode], internal, suggested, lifetime))
        return found

    def answers(self, protocol=None):
        found = []
        for one in list(self.datagrams):
            payload = one.payload
            if not one.request and len(payload) == 16 and payload[0] == 0 and payload[1] - 128 in NAMES:
                name = NAMES[payload[1] - 128]
                reply = parse_mapping(payload, name)
                if protocol in (None, name):
                    found.append(Answer(one.at, name, reply.result, reply.internal, reply.external, reply.lifetime))
        return found

    def granted(self, protocol):
        """The last success that was sent for the protocol, or None."""
        found = [one for one in self.answers(protocol) if one.result == 0 and one.lifetime > 0]
        return found[-1] if found else None

    def has(self, kind):
        """True if a client requested PCP, or the external address."""
        version = {"pcp": 2, "address": 0}[kind]
        return any(one.request and len(one.payload) >= 2 and one.payload[0] == version and
                   (kind == "pcp" or one.payload[1] == 0) for one in list(self.datagrams))

    def text(self):
        """Everything, one line for each packet, for the report of a failure."""
        start = self.datagrams[0].at if self.datagrams else 0
        return "\n".join(f"{one.at - start:8.3f} {one.client} {'>' if one.request else '<'} {one.payload[:24].hex(' ')}"
                         for one in list(self.datagrams))

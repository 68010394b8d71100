"""NAT-PMP by the byte (RFC 6886), and natpmpc, an independent client."""

import re
import select
import socket
import struct
import time
from typing import NamedTuple

PORT = 5351
UDP, TCP = 1, 2
OPCODES = {"udp": UDP, "tcp": TCP}


class Address(NamedTuple):
    result: int
    epoch: int
    address: str


class Mapping(NamedTuple):
    result: int
    epoch: int
    internal: int
    external: int
    lifetime: int


def map_request(protocol, internal, external=0, lifetime=60, reserved=0):
    return struct.pack("!BBHHHI", 0, OPCODES[protocol], reserved, internal, external, lifetime)


def parse_address(reply):
    version, opcode, result, epoch, address = struct.unpack("!BBHI4s", reply)
    assert (version, opcode) == (0, 128), reply
    return Address(result, epoch, socket.inet_ntoa(address))


def parse_mapping(reply, protocol):
    version, opcode, result, epoch, internal, external, lifetime = struct.unpack("!BBHIHHI", reply)
    assert (version, opcode) == (0, 128 + OPCODES[protocol]), reply
    return Mapping(result, epoch, internal, external, lifetime)


class Client:
    """One socket of a host, which accepts replies only from the address and port of its request."""

    def __init__(self, lab, namespace, server="192.168.88.1", bind=None):
        self.server = (server, PORT)
        self.socket = lab.socket(namespace, socket.SOCK_DGRAM, bind)

    def send(self, payload):
        self.socket.sendto(payload, self.server)

    def receive(self, limit):
        """The next reply, or None."""
        if not select.select([self.socket], [], [], limit)[0]:
            return None
        reply, source = self.socket.recvfrom(65536)
        assert source == self.server, f"a reply from {source}, asked {self.server}"
        return reply

    def ask(self, payload, limit=5.0, retransmit=False):
        """Returns the reply, or None within the limit. Retransmits as in section 3.1."""
        end = time.monotonic() + limit
        gap = 0.25
        while True:
            self.send(payload)
            left = end - time.monotonic()
            reply = self.receive(min(gap, left) if retransmit else left)
            if reply is not None or time.monotonic() >= end:
                return reply
            gap *= 2

    def address(self, limit=5.0):
        return parse_address(self.ask(b"\0\0", limit))

    def map(self, protocol, internal, external=0, lifetime=60, limit=14.0):
        reply = self.ask(map_request(protocol, internal, external, lifetime), limit)
        assert reply is not None, f"no answer to the mapping of {protocol} {internal} within {limit} s"
        mapping = parse_mapping(reply, protocol)
        assert mapping.internal == internal, mapping
        return mapping

    def delete(self, protocol, internal, limit=14.0):
        return self.map(protocol, internal, 0, 0, limit)

    def serves(self):
        """True if there is a server: it answers an unsupported opcode without router or gateway."""
        try:
            return self.ask(b"\0\x7f", 0.25) is not None
        except ConnectionRefusedError:
            return False


def natpmpc(lab, namespace, protocol, internal, external=0, lifetime=60, server="192.168.88.1"):
    """natpmpc's mapping. natpmpc requests the external address first and fails if it gets none. On a slow machine it
    requests it twice, and takes the second answer for a mapping of an unknown protocol."""
    for _ in range(3):
        text = lab.run(namespace, "natpmpc", "-g", server, "-a", external, internal, protocol, lifetime)
        assert f"Public IP address : 11.22.33.44\n" in text, text
        found = re.search(r"Mapped public port (\d+) protocol (\w+) to local port (\d+) liftime (\d+)\n", text)
        if not found or found[2] != "UNKNOWN":
            break
    assert found and found[2] == protocol.upper(), text
    return Mapping(0, 0, int(found[3]), int(found[1]), int(found[4]))

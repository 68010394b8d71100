"""Peers on the internet that keep sending to a port since before its mapping was made. The kernel remembers where the
first packet of a connection went, as RouterOS does, and rules do not apply to what follows."""

import select
import socket

from lab import CLIENTS, GATEWAY, ROUTER_TUNNEL

PEER_PORT = 40000


class Peer:
    """One socket, so that all it sends is one connection."""

    def __init__(self, lab, port):
        self.lab = lab
        self.port = port
        self.socket = lab.socket("gw", socket.SOCK_DGRAM, (GATEWAY, PEER_PORT))
        self.send()
        lab.wait_until(self.is_remembered, what="the router's connection table has the peer")

    def is_remembered(self):
        table = self.lab.run("rtr", "cat", "/proc/net/nf_conntrack")
        return any(f"sport={PEER_PORT} dport={self.port} " in line for line in table.splitlines())

    def send(self):
        self.socket.sendto(b"still here", (ROUTER_TUNNEL, self.port))

    def arrives(self, listener, within=0.2):
        self.send()
        return bool(select.select([listener], [], [], within)[0])


# [P10]
def test_a_peer_that_sends_since_before_arrives(lab):
    peer = Peer(lab, 45001)
    lab.daemon()
    listener = lab.socket("lan1", socket.SOCK_DGRAM, ("", 5000))
    assert not peer.arrives(listener)
    assert lab.natpmpc("lan1", "udp", 5000, 45001).external == 45001
    lab.wait_until(lambda: peer.arrives(listener), what="what the peer sends arrives")
    assert listener.recvfrom(100) == (b"still here", (GATEWAY, PEER_PORT))


# [P10]
def test_a_router_that_keeps_its_connections(lab):
    """The mapping is made nevertheless, for all who come later."""
    peer = Peer(lab, 45001)
    daemon = lab.daemon()
    listener = lab.socket("lan1", socket.SOCK_DGRAM, ("", 5000))
    lab.router.ask("fail /ip/firewall/connection/remove not enough permissions (9)")
    assert lab.natpmpc("lan1", "udp", 5000, 45001).external == 45001
    lab.wait_until(lambda: "does not let double-natpmp remove old connections" in daemon.log(), what="the log says so")
    assert not peer.arrives(listener)
    assert lab.router.rule_for("udp", CLIENTS["lan1"], 5000)
    other = lab.socket("gw", socket.SOCK_DGRAM, (GATEWAY, PEER_PORT + 1))
    other.sendto(b"new", (ROUTER_TUNNEL, 45001))
    assert listener.recvfrom(100)[0] == b"new"

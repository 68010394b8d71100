"""Unsolicited packets must not cost the daemon memory, or other clients their answers."""

import os
import select
import socket
import struct

from lab import CLIENTS, ROUTER_LAN, release_build, wait_until
from natpmp import map_request

# Other versions and opcodes, garbage, deletions of one and of all, addresses, mappings of port 0.
KINDS = "vogdDaz"
SO_TIMESTAMPNS = 35


def strangers(lab, namespace, *arguments):
    return lab.run(namespace, lab.program("strangers"), *arguments, limit=120)


def test_a_million_requests_for_nothing(lab, record_property):
    """Requests and deletions for mappings that do not exist leave the memory as it was."""
    daemon = lab.daemon(build=release_build(lab))
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45001).external == 45001
    seed = int.from_bytes(os.urandom(4), "big")
    loopback = ("127.0.0.1", "127.1.0.1", 4096)
    print(strangers(lab, "ctr", *loopback, 50000, seed, KINDS))
    before = daemon.resident_bytes()
    text = strangers(lab, "ctr", *loopback, 1000000, seed + 1, KINDS)
    after = daemon.resident_bytes()
    record_property("figure", f"a million requests for nothing: {before // 1000} kB before, {after // 1000} kB after; "
                    + text.strip())
    assert int(text.split(" datagrams, ")[1].split()[0]) > 500000, text
    # A page or two, for another path through the C library.
    assert after <= before + 2 * 4096, (before, after)
    assert client.map("udp", 5000, 45001).external == 45001
    assert len(lab.router.own_rules()) == len(lab.gateway.mappings()) == 1


def test_a_flood_of_one_host_is_not_the_others(lab):
    """Garbage and requests as fast as possible. The daemon ignores that host for a time, other hosts need no second
    datagram, and at the end the host is served again."""
    daemon = lab.daemon()
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45001).external == 45001
    flood = lab.popen("flood", "lan2", [
        lab.program("strangers"), ROUTER_LAN, CLIENTS["lan2"], 1, 10 ** 12, 1, KINDS + "m", 0])
    wait_until(lambda: "floods the NAT-PMP port" in daemon.log(), 60, "the flood is noticed")
    for _ in range(100):
        assert client.map("udp", 5000, 45001).external == 45001, "one datagram, one answer"
    assert client.map("tcp", 5001).result == 0
    flood.kill()
    # Packets that were under way are still answered.
    wait_until(lambda: lab.client("lan2").serves(), 30, "the host is served again")
    wait_until(lambda: lab.client("lan2").map("udp", 0, 0, 0).result == 0, 30)
    wait_until(lambda: lab.client("lan2").map("tcp", 0, 0, 0).result == 0, 30)
    assert len(lab.router.own_rules()) == 2


def test_clients_take_turns_at_the_gateway(lab):
    """A client that requests one mapping does not wait for a neighbour that requests many."""
    lab.daemon()
    busy, other = lab.client("lan1"), lab.client("lan2")
    assert other.map("udp", 5000, 45001).external == 45001
    for client in (busy, other):
        client.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    for port in range(6000, 6060):
        busy.send(map_request("udp", port))
    other.send(map_request("udp", 5000, 45001))

    def arrival(client):
        """The time at which the kernel received the next reply, so that a delay of the test does not matter."""
        assert select.select([client.socket], [], [], 14)[0]
        _, notes, _, _ = client.socket.recvmsg(100, 100)
        return struct.unpack("qq", notes[0][2])

    answered = arrival(other)
    ahead = sum(arrival(busy) < answered for _ in range(60))
    assert ahead <= 6, "the gateway answers one request after the other, in turns"


def test_a_limit_of_one_client_is_not_the_others(lab):
    daemon = lab.daemon(env={"MAX_MAPPINGS_PER_CLIENT": "3"})
    client = lab.client("lan1")
    assert [client.map("udp", port).result for port in range(5000, 5005)] == [0, 0, 0, 4, 4]
    assert lab.client("lan2").map("udp", 5000).result == 0
    assert client.delete("udp", 5001).result == 0
    assert client.map("udp", 5003).result == 0
    assert len(lab.router.own_rules()) == len(lab.gateway.mappings()) == 4
    assert len([line for line in daemon.log_lines("warn") if "as many mappings" in line["line"]]) == 1

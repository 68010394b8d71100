"""Section 3.2.1: the daemon announces the external address to all hosts of the link, ten times, at doubling
intervals."""

import socket
import time

import pytest

from lab import EXTERNAL, GATEWAY, wait_until
from natpmp import parse_address


@pytest.fixture
def hear(lab):
    """hear(limit): (when, announcement) of the next announcement on the container's link."""
    s = lab.socket("rtr", socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"veth1")
    s.bind(("224.0.0.1", 5350))

    def receive(limit=10.0):
        s.settimeout(limit)
        payload, source = s.recvfrom(100)
        when = time.monotonic()
        assert source == ("172.17.0.2", 5351)
        return when, parse_address(payload)

    return receive


#
def test_at_the_start(lab, hear):
    lab.daemon(wait=False)
    heard = [hear() for _ in range(5)]
    assert all(a.result == 0 and a.address == EXTERNAL for _, a in heard)
    gaps = [later[0] - earlier[0] for earlier, later in zip(heard, heard[1:])]
    for gap, expected in zip(gaps, (0.25, 0.5, 1, 2)):
        assert abs(gap - expected) < 0.2, gaps
    assert [a.epoch for _, a in heard][-1] in (3, 4), "the epoch of the moment, not of the first announcement"


#
def test_when_the_external_address_changes(lab, hear):
    wait_until(lambda: lab.client("ctr", server=GATEWAY).address().epoch >= 5, 10)
    lab.daemon()
    assert hear()[1].address == EXTERNAL
    # The provider moves the customer: the gateway restarts behind another address.
    lab.gateway.kill()
    lab.ip(f"addr del {EXTERNAL}/24 dev wan0", "addr add 11.22.33.55/24 dev wan0",
           "route add default via 11.22.33.1", namespace="gw")
    lab.gateway.start()
    lab.client("lan1").map("udp", 5000, 45001)
    wait_until(lambda: hear()[1].address == "11.22.33.55", 20)
    assert lab.client("lan2").address().address == "11.22.33.55"

"""Router, gateway or both fail and recover: nothing is lost, nothing is made twice, and clients wait no longer than
necessary."""

import signal
import time

import pytest

from lab import CLIENTS, GATEWAY, wait_until
from natpmp import map_request, parse_address, parse_mapping

LAN1 = CLIENTS["lan1"]
# A transient error is sent so long after a client's first datagram, and not earlier.
PATIENCE = 12.0


def test_the_router_reboots(lab):
    daemon = lab.daemon()
    client = lab.client("lan1")
    client.map("udp", 5000, 45001)
    before = lab.router.own_rules()
    lab.router.ask("reboot 1500 reset")
    assert client.map("udp", 5000, 45001).external == 45001, "a renewal needs no router"
    # A request while the router is unreachable. Its answer comes when the router is back.
    assert client.map("tcp", 5000, 45001).external == 45001
    assert [r for r in lab.router.own_rules() if r["protocol"] == "udp"] == before
    assert len(lab.router.own_rules()) == 2
    for protocol in ("udp", "tcp"):
        assert lab.listener("lan1", protocol, 5000).reached(45001)
    assert daemon.running()


def test_the_router_comes_back_without_our_rules(lab):
    lab.daemon()
    client = lab.client("lan1")
    client.map("udp", 5000, 45001)
    client.map("tcp", 5001, 45002)
    lab.router.kill()
    lab.router.start()
    wait_until(lambda: lab.router.rule_for("udp", LAN1, 5000) and lab.router.rule_for("tcp", LAN1, 5001), 10)
    assert lab.listener("lan1", "udp", 5000).reached(45001)
    assert lab.listener("lan1", "tcp", 5001).reached(45002)
    assert len(lab.router.own_rules()) == 2


def test_the_router_says_nothing_for_a_while(lab):
    """Connections stay open, but the router does not answer. The client waits, and gets its mapping."""
    lab.daemon()
    client = lab.client("lan1")
    client.map("udp", 5000, 45001)
    lab.router.ask("mute 3000 executes")
    assert client.map("tcp", 5001, 45002).external == 45002
    assert len(lab.router.own_rules()) == 2
    assert lab.listener("lan1", "tcp", 5001).reached(45002)


def test_a_silent_router_costs_an_error_after_12_seconds(lab):
    lab.daemon()
    client = lab.client("lan1")
    client.map("udp", 5000, 45001)
    lab.router.ask("mute 3600000 executes")
    start = time.monotonic()
    reply = parse_mapping(client.ask(map_request("tcp", 5001, 45002), 20, retransmit=True), "tcp")
    assert PATIENCE - 0.5 < time.monotonic() - start < PATIENCE + 2
    assert (reply.result, reply.internal, reply.external, reply.lifetime) == (3, 5001, 0, 0)
    lab.router.ask("mute 0")
    # The client retransmits, and the daemon finds what the router has executed without an answer, instead of doing it
    # twice.
    wait_until(lambda: client.map("tcp", 5001, 45002).external == 45002, 40)
    assert len(lab.router.own_rules()) == 2
    assert lab.listener("lan1", "udp", 5000).reached(45001)
    assert lab.listener("lan1", "tcp", 5001).reached(45002)


@pytest.mark.parametrize("point", ["before", "after", "amid", "done"])
def test_the_connection_ends_around_an_add(lab, point):
    lab.daemon()
    client = lab.client("lan1")
    client.map("udp", 5000, 45001)
    lab.router.ask(f"drop-at {point} /ip/firewall/nat/add reset")
    assert client.map("tcp", 5001, 45002).external == 45002
    assert lab.router.rule_for("tcp", LAN1, 5001)["dst-port"] == "45002"
    assert len(lab.router.own_rules()) == 2
    assert lab.listener("lan1", "tcp", 5001).reached(45002)


@pytest.mark.parametrize("point", ["before", "after"])
def test_the_connection_ends_around_a_remove(lab, point):
    lab.daemon()
    client = lab.client("lan1")
    client.map("udp", 5000, 45001)
    lab.router.ask(f"drop-at {point} /ip/firewall/nat/remove reset")
    assert client.delete("udp", 5000).result == 0
    wait_until(lambda: not lab.router.own_rules(), 5)
    assert not lab.listener("lan1", "udp", 5000).reached(45001)


def test_the_router_dribbles(lab):
    lab.router.ask("dribble on")
    lab.daemon()
    assert lab.client("lan1").map("udp", 5000, 45001).external == 45001


def test_the_gateway_reboots(lab):
    """The gateway has lost its table. The epoch shows that, and the daemon requests all mappings with their ports."""
    # A small epoch looks the same after a reboot.
    wait_until(lambda: lab.client("ctr", server=GATEWAY).address().epoch >= 5, 10)
    daemon = lab.daemon()
    client = lab.client("lan1")
    client.map("udp", 5000, 45001)
    client.map("tcp", 5001, 45002)
    epoch = client.address().epoch
    expected = lab.gateway.mappings()
    lab.gateway.kill()
    lab.gateway.start()
    assert lab.client("lan2").map("udp", 6000, 45003).external == 45003
    wait_until(lambda: expected.items() <= lab.gateway.mappings().items(), 15, "the old mappings are back")
    assert lab.listener("lan1", "udp", 5000).reached(45001)
    assert lab.listener("lan1", "tcp", 5001).reached(45002)
    assert client.address().epoch >= epoch, "nothing was lost for the clients"
    assert daemon.running()


def test_a_dead_gateway_costs_an_error_after_12_seconds(lab):
    lab.daemon()
    one, two = lab.client("lan1"), lab.client("lan2")
    lab.gateway.signal(signal.SIGSTOP)
    start = time.monotonic()
    one.send(map_request("udp", 5000, 45001))
    two.send(map_request("tcp", 5000, 45002))
    # Meanwhile requests that need no gateway are answered at once.
    assert lab.client("lan2").serves()
    replies = parse_mapping(one.receive(20), "udp"), parse_mapping(two.receive(20), "tcp")
    assert PATIENCE - 0.5 < time.monotonic() - start < PATIENCE + 2
    assert [(r.result, r.internal, r.external, r.lifetime) for r in replies] == [(3, 5000, 0, 0)] * 2
    lab.gateway.signal(signal.SIGCONT)
    wait_until(lambda: one.map("udp", 5000, 45001).external == 45001, 40)
    assert lab.listener("lan1", "udp", 5000).reached(45001)


def test_the_daemon_is_there_first(make_lab):
    """The daemon starts before router and gateway, and a client that requested a mapping meanwhile gets it."""
    lab = make_lab(router=False, gateway=False)
    daemon = lab.daemon()
    address, mapping = lab.client("lan1"), lab.client("lan2")
    address.send(b"\0\0")
    mapping.send(map_request("udp", 5000, 45001))
    wait_until(lambda: daemon.log_lines("warn"), 10, "the log says what is missing")
    lab.gateway.start()
    lab.router.start()
    # [G4] As long as the gateway is known to be away, there is no external address.
    assert parse_address(address.receive(PATIENCE)).address in ("0.0.0.0", "11.22.33.44")
    assert parse_mapping(mapping.receive(PATIENCE), "udp").external == 45001
    assert lab.client("lan1").address().address == "11.22.33.44"
    assert lab.listener("lan2", "udp", 5000).reached(45001)


def test_kill_and_restart_of_the_daemon(lab):
    """Rules stay, a client that renews keeps its ports, and a mapping that nobody renews ends with its lease."""
    first = lab.daemon("first")
    client = lab.client("lan1")
    client.map("udp", 5000, 45001)
    client.map("tcp", 5001, 45002, 6)
    before = lab.router.own_rules()
    first.kill()
    lab.daemon("second")
    wait_until(lambda: lab.router.own_rules() == before, what="its claim has been removed")
    assert client.map("udp", 5000, 45001).external == 45001
    assert client.address().epoch < 5
    assert lab.listener("lan1", "tcp", 5001).reached(45002)
    wait_until(lambda: [r["protocol"] for r in lab.router.own_rules()] == ["udp"], 15)
    assert lab.listener("lan1", "udp", 5000).reached(45001)

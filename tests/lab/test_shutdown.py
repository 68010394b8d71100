"""SIGTERM: all rules and leases are removed within 5 s, also those in work, and the exit status is 0."""

import signal

import pytest

from natpmp import map_request

LIMIT = 5.5


# [G-17] [L8] No signal but SIGKILL leaves rules behind.
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
                                    signal.SIGALRM, signal.SIGPWR])
def test_everything_goes(lab, number):
    daemon = lab.daemon()
    client = lab.client("lan1")
    for port in range(5000, 5020):
        assert client.map("udp", port, 40000 + port).result == 0
    assert lab.client("lan2").map("tcp", 5000, 50000).result == 0
    assert len(lab.router.own_rules()) == len(lab.gateway.mappings()) == 21
    listener = lab.listener("lan1", "udp", 5003)
    assert listener.reached(45003)

    daemon.process.signal(number)
    assert daemon.process.wait(LIMIT) == 0
    assert lab.router.own_rules() == []
    assert lab.gateway.mappings() == {}
    assert len(lab.router.foreign_rules()) == 1
    assert not listener.reached(45003)


# [L8]
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTTOU, signal.SIGXFSZ, signal.SIGRTMIN + 3, signal.SIGPIPE])
def test_signals_that_end_nothing(lab, number):
    daemon = lab.daemon()
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45000).result == 0
    daemon.process.signal(number)
    if number == signal.SIGHUP:
        lab.wait_until(lambda: [line for line in daemon.log_lines("info") if "SIGHUP" in line["line"]])
    assert client.map("udp", 5001, 45001).result == 0
    assert len(lab.router.own_rules()) == 2
    assert daemon.stop(LIMIT) == 0
    assert lab.router.own_rules() == []


def test_requests_in_flight_go_too(lab):
    daemon = lab.daemon()
    client = lab.client("lan1")
    client.map("udp", 5000, 45000)
    lab.router.ask("latency 50 200")
    adds = lab.router.counters()["adds"]
    for name in ("lan1", "lan2"):
        other = lab.client(name)
        for port in range(6000, 6020):
            other.send(map_request("udp", port))
    lab.wait_until(lambda: lab.router.counters()["adds"] > adds, what="work is under way")
    assert daemon.stop(LIMIT) == 0
    assert lab.router.own_rules() == []
    assert lab.gateway.mappings() == {}


# [L8]
def test_a_closed_terminal_while_it_ends(lab):
    """Of several signals at once, those that a person or a service manager means to be urgent end it early, the others do
    not."""
    daemon = lab.daemon()
    lab.client("lan1").map("udp", 5000, 45000)
    lab.router.ask("latency 300")
    daemon.process.signal(signal.SIGTERM)
    lab.wait_until(lambda: [line for line in daemon.log_lines() if "stopping" in line["message"]])
    for number in (signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1):
        daemon.process.signal(number)
    assert daemon.process.wait(LIMIT) == 0
    assert lab.router.own_rules() == []


def test_a_second_signal_ends_at_once(lab):
    daemon = lab.daemon()
    lab.client("lan1").map("udp", 5000, 45000)
    lab.router.ask("mute 3600000")
    daemon.process.signal(signal.SIGTERM)
    lab.wait_until(lambda: [line for line in daemon.log_lines() if "stopping" in line["message"]])
    daemon.process.signal(signal.SIGTERM)
    assert daemon.process.wait(1) != 0


def test_a_dead_router_delays_the_end_by_5_seconds(lab):
    daemon = lab.daemon()
    lab.client("lan1").map("udp", 5000, 45000)
    lab.router.ask("mute 3600000")
    assert daemon.stop(LIMIT + 1) == 0
    assert lab.gateway.mappings() == {}

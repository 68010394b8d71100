"""A stock client maps a port, and packets from the internet reach it through both NATs."""

import pathlib
import socket

import pytest

from lab import CLIENTS, ROUTER_TUNNEL


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_natpmpc_maps_a_port(lab, protocol):
    daemon = lab.daemon()
    listener = lab.listener("lan1", protocol, 5000)
    mapping = lab.natpmpc("lan1", protocol, 5000, 45001, 60)
    assert (mapping.external, mapping.lifetime) == (45001, 60)

    rule = lab.router.rule_for(protocol, CLIENTS["lan1"], 5000)
    assert {k: rule[k] for k in ("chain", "action", "protocol", "in-interface", "dst-port", "comment")} == {
        "chain": "dstnat", "action": "dst-nat", "protocol": protocol, "in-interface": "wg-vpn",
        "dst-port": "45001", "comment": "double-natpmp/default external 45001 lease 60 s"}
    assert f"{protocol} dport 45001" in lab.router.installed()
    assert lab.gateway.mappings() == {(protocol, 45001): (ROUTER_TUNNEL, 45001)}
    assert listener.reached(45001)
    assert len(daemon.events("mapped", client=CLIENTS["lan1"], protocol=protocol, internal=5000, router=45001,
                             external=45001, lifetime=60)) == 1


# [M-04] [M-09]
def test_both_protocols_get_one_port(lab):
    lab.daemon()
    client = lab.client("lan1")
    udp = client.map("udp", 5000)
    tcp = client.map("tcp", 5000)
    assert udp.result == tcp.result == 0
    assert udp.external == tcp.external >= 1024
    assert lab.listener("lan1", "udp", 5000).reached(udp.external)
    assert lab.listener("lan1", "tcp", 5000).reached(tcp.external)


# [M-07] [M-08]
def test_a_mapping_opens_one_protocol_only(lab):
    lab.daemon()
    lab.natpmpc("lan1", "udp", 5000, 45001)
    assert not lab.listener("lan1", "tcp", 5000).reached(45001)
    assert set(lab.gateway.mappings()) == {("udp", 45001)}


def test_outgoing_packets_leave_by_the_mapped_port(lab):
    """RFC 6886 section 3.9, as far as it is possible without a rule of its own: the masquerade keeps the port."""
    lab.daemon()
    assert lab.client("lan1").map("udp", 45001, 45001).external == 45001
    receiver = lab.socket("inet", socket.SOCK_DGRAM)
    receiver.bind(("11.22.33.1", 7777))
    receiver.settimeout(5)
    sender = lab.socket("lan1", socket.SOCK_DGRAM)
    sender.bind(("", 45001))
    sender.sendto(b"of itself", ("11.22.33.1", 7777))
    assert receiver.recvfrom(100) == (b"of itself", ("11.22.33.44", 45001))


def test_a_renewal_does_not_touch_the_router(lab):
    daemon = lab.daemon(env={"LOG_LEVEL": "INFO"})
    client = lab.client("lan1")
    first = client.map("udp", 5000, 45001, 60)
    rules, changes, log = lab.router.rules(), lab.router.counters(), daemon.log()
    for suggested in (45001, 45001, 45777, 0):
        again = client.map("udp", 5000, suggested, 60)
        assert (again.result, again.external, again.lifetime) == (0, first.external, 60)
    after = lab.router.counters()
    assert [after[k] - changes[k] for k in ("adds", "sets", "removes", "prints")] == [0, 0, 0, 0]
    assert lab.router.rules() == rules
    assert daemon.log() == log, "a renewal makes no log line at INFO"


# [M-20]
def test_a_renewal_keeps_the_mapping_beyond_its_first_lease(lab):
    lab.daemon()
    client = lab.client("lan1")
    listener = lab.listener("lan1", "udp", 5000)
    mapping = client.map("udp", 5000, 45001, 3)
    for _ in range(3):
        # A lease of 3 s, which is requested again every 1.5 s. Without renewal it would end in the meantime.
        assert client.receive(1.5) is None
        assert client.map("udp", 5000, mapping.external, 3).external == mapping.external
    assert listener.reached(45001)


@pytest.mark.parametrize("version", ["6.42.9", "6.49.10", "7.12", "7.16.2", "7.18.2", "7.24"])
def test_router_versions(make_lab, version):
    lab = make_lab(router=False)
    lab.router.start(version=version)
    lab.daemon()
    mapping = lab.natpmpc("lan1", "tcp", 5000, 45001)
    assert lab.router.rule_for("tcp", CLIENTS["lan1"], 5000)["in-interface"] == "wg-vpn"
    assert lab.listener("lan1", "tcp", 5000).reached(mapping.external)


def test_the_interface_is_found_without_the_test_policy(make_lab):
    lab = make_lab(router=False)
    # As slow as a router, so that the gateway has answered when the table is read.
    lab.router.start("--policies", "read,write,api", "--latency", "100")
    daemon = lab.daemon()
    lab.natpmpc("lan1", "tcp", 5000, 45001)
    assert lab.router.rule_for("tcp", CLIENTS["lan1"], 5000)["in-interface"] == "wg-vpn"
    # The connection table shows it, so nothing has to be said about the missing policy.
    assert not [line for line in daemon.log_lines() if "/ip/route/check" in line["line"]]


def test_the_interface_may_be_given(lab):
    lab.daemon(env={"MIKROTIK_IN_INTERFACE": "ether1"})
    lab.client("lan1").map("tcp", 5000, 45001)
    assert lab.router.rule_for("tcp", CLIENTS["lan1"], 5000)["in-interface"] == "ether1"


def test_the_router_may_have_a_name(lab):
    # The mounts are the lab's own.
    lab.run("ctr", "mount", "-t", "tmpfs", "none", "/etc")
    try:
        pathlib.Path("/etc/hosts").write_text("127.0.0.1 localhost\n172.17.0.1 router.lab\n")
        pathlib.Path("/etc/nsswitch.conf").write_text("hosts: files\n")
        lab.daemon(env={"MIKROTIK_API_ADDRESS": "router.lab:8728"})
        lab.natpmpc("lan1", "tcp", 5000, 45001)
    finally:
        lab.run("ctr", "umount", "/etc")

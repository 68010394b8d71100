"""A mapping ends when its client deletes it or its lease ends: the rule, the gateway's mapping, and the packets."""

import pytest

from lab import CLIENTS, wait_until
from natpmp import map_request, parse_mapping


def ports(lab):
    """The gateway's mappings, as (protocol, external port)."""
    return set(lab.gateway.mappings())


# [D-01] [D-03]
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_delete_one(lab, protocol):
    daemon = lab.daemon()
    listener = lab.listener("lan1", protocol, 5000)
    lab.natpmpc("lan1", protocol, 5000, 45001)
    lab.natpmpc("lan1", protocol, 5001, 45002)
    assert listener.reached(45001)

    gone = lab.natpmpc("lan1", protocol, 5000, 0, 0)
    assert (gone.external, gone.lifetime) == (0, 0)
    assert lab.router.rule_for(protocol, CLIENTS["lan1"], 5000) is None
    wait_until(lambda: ports(lab) == {(protocol, 45002)}, what="the gateway's mapping is gone, and no other one")
    assert not listener.reached(45001)
    assert lab.listener("lan1", protocol, 5001).reached(45002)
    assert daemon.events("unmapped", client=CLIENTS["lan1"], protocol=protocol, internal=5000)


# [D-08] [D-09]
def test_delete_all_is_of_one_client_and_one_protocol(lab):
    lab.daemon()
    one, two = lab.client("lan1"), lab.client("lan2")
    for port in (5000, 5001, 5002):
        assert one.map("udp", port, 45000 + port).result == 0
    assert one.map("tcp", 5000, 50000).result == 0
    assert two.map("udp", 5000, 50009).result == 0

    reply = parse_mapping(one.ask(map_request("udp", 0, 0, 0), 14), "udp")
    assert (reply.result, reply.internal, reply.external, reply.lifetime) == (0, 0, 0, 0)
    left = {("tcp", CLIENTS["lan1"]), ("udp", CLIENTS["lan2"])}
    assert {(r["protocol"], r["to-addresses"]) for r in lab.router.own_rules()} == left
    wait_until(lambda: ports(lab) == {("tcp", 50000), ("udp", 50009)})
    assert lab.listener("lan2", "udp", 5000).reached(50009)
    assert not lab.listener("lan1", "udp", 5001).reached(50001)


# [D-12]
def test_a_client_cannot_delete_for_another(lab):
    lab.daemon()
    lab.client("lan1").map("udp", 5000, 45001)
    assert lab.client("lan2").delete("udp", 5000).result == 0
    assert lab.listener("lan1", "udp", 5000).reached(45001)


# [M-21]
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_lease_runs_out(lab, protocol):
    daemon = lab.daemon()
    listener = lab.listener("lan1", protocol, 5000)
    mapping = lab.natpmpc("lan1", protocol, 5000, 45001, 3)
    assert mapping.lifetime == 3
    assert listener.reached(45001)
    wait_until(lambda: not lab.router.own_rules(), 6, "the rule ends with the lease")
    wait_until(lambda: not ports(lab), 3, "the gateway's mapping ends with the lease")
    assert not listener.reached(45001)
    assert len(daemon.events("expired", client=CLIENTS["lan1"], protocol=protocol, internal=5000)) == 1


# [D-16]
def test_after_deletion_the_port_can_be_had_again(lab):
    lab.daemon()
    client = lab.client("lan1")
    for _ in range(3):
        assert client.map("udp", 5000, 45001).external == 45001
        assert client.delete("udp", 5000).result == 0
    assert not lab.router.own_rules()

"""Two daemons on one router: neither changes the other's rules, whatever happens to it."""

import pytest

from lab import CONTAINER, wait_until

OTHER_PORT = 5451


@pytest.fixture
def other_client(lab):
    client = lab.client("lan2", server=CONTAINER)
    client.server = (CONTAINER, OTHER_PORT)
    return client


def start_other(lab, client, name="other"):
    daemon = lab.daemon(name, env={"INSTANCE": "other", "LISTEN_ADDR": f":{OTHER_PORT}"}, wait=False)
    wait_until(client.serves)
    return daemon


# Predecessor fault 10: Two instances on one router remove each other's rules.
def test_neither_touches_the_other(lab, other_client):
    lab.daemon()
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45001).external == 45001
    first = lab.router.own_rules("default")

    other = start_other(lab, other_client)
    mapping = other_client.map("udp", 5000, 45001)
    assert mapping.result == 0
    second = lab.router.own_rules("other")
    assert lab.router.own_rules("default") == first
    assert second[0]["dst-port"] != first[0]["dst-port"], "what the other has is taken"
    assert second[0]["comment"] == f"double-natpmp/other external {mapping.external} lease 60 s"

    # The router ends all connections, one daemon crashes, one restarts. Each handles only its own rules.
    lab.router.ask("drop reset")
    assert client.map("tcp", 5000).result == 0 and other_client.map("tcp", 5000).result == 0
    other.kill()
    again = start_other(lab, other_client, "other-again")
    assert other_client.map("tcp", 5001).result == 0
    assert len(lab.router.own_rules("default")) == 2
    assert lab.listener("lan1", "udp", 5000).reached(45001)

    assert again.stop() == 0
    assert lab.router.own_rules("other") == []
    assert len(lab.router.own_rules("default")) == 2
    assert lab.listener("lan1", "udp", 5000).reached(45001)


def test_a_name_that_begins_like_another(lab, other_client):
    """`other` is not `other2`."""
    lab.router.add("chain=dstnat action=dst-nat protocol=udp in-interface=wg-vpn dst-port=45009 "
                   "to-addresses=192.168.88.12 to-ports=5000 "
                   'comment="double-natpmp/other2 external 45009 lease 60 s"')
    other = start_other(lab, other_client)
    assert other_client.map("udp", 5000, 45001).result == 0
    assert other.stop() == 0
    assert len(lab.router.own_rules("other2")) == 1

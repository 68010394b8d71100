"""The lab without the daemon: what the other tests rely on, with rules that are added by hand."""

import pytest

from lab import CLIENTS, GATEWAY, ROUTER_TUNNEL, wait_until


@pytest.mark.parametrize("tunnel", [None, "veth"])
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_both_halves_are_needed(make_lab, tunnel, protocol):
    lab = make_lab(tunnel=tunnel)
    listener = lab.listener("lan1", protocol, 5000)

    mapping = lab.natpmpc("ctr", protocol, 45002, 45001, server=GATEWAY)
    assert mapping.external == 45001
    assert lab.gateway.mappings() == {(protocol, 45001): (ROUTER_TUNNEL, 45002)}
    assert not listener.reached(45001)

    rule = lab.router.add(f"chain=dstnat action=dst-nat protocol={protocol} in-interface=wg-vpn "
                          f"dst-port=45002 to-addresses={CLIENTS['lan1']} to-ports=5000")
    assert listener.reached(45001)
    lab.router.ask(f"disable {rule}")
    assert not listener.reached(45001)
    lab.router.ask(f"enable {rule}")
    assert listener.reached(45001)

    lab.natpmpc("ctr", protocol, 45002, 0, 0, server=GATEWAY)
    assert lab.gateway.mappings() == {}
    assert not listener.reached(45001)


def test_a_gateway_that_was_killed_knows_nothing(lab):
    lab.natpmpc("ctr", "udp", 45002, 45001, server=GATEWAY)
    lab.gateway.kill()
    lab.gateway.start()
    wait_until(lambda: lab.run("ctr", "natpmpc", "-g", GATEWAY, check=False).returncode == 0)
    assert lab.gateway.mappings() == {}


def test_a_lease_of_the_gateway_ends(lab):
    lab.natpmpc("ctr", "udp", 45002, 45001, 1, server=GATEWAY)
    wait_until(lambda: lab.gateway.mappings() == {}, 5)

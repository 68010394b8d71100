"""Requests are for hosts of the LAN: not for the internet, the gateway, or the router itself."""

import pytest

from lab import CONTAINER, EXTERNAL, ROUTER_TUNNEL, wait_until
from natpmp import map_request

REQUESTS = (b"\0\0", b"\1\0", map_request("udp", 5000, 45001))


def count_arrivals(lab, source):
    """A counter of the requests that reach the container from there."""
    lab.nft("ctr", f"""
        table ip count {{
            counter arrived {{ }}
            chain input {{
                type filter hook input priority 0;
                ip saddr {source} udp dport 5351 counter name arrived
            }}
        }}""")
    expected = f"packets {len(REQUESTS)} "
    return lambda: expected in lab.run("ctr", "nft", "list", "counter", "ip", "count", "arrived")


def refuses(lab, client, arrived):
    for request in REQUESTS:
        client.send(request)
    wait_until(arrived, what="the requests reached the daemon")
    # Earlier requests have been handled when a later one has its answer.
    assert lab.client("lan1").address().result == 0
    assert client.receive(0.2) is None
    assert lab.router.own_rules() == []
    return True


# [M-15]
def test_the_routers_own_address(lab):
    lab.daemon()
    # The daemon knows the address when it is connected.
    assert lab.client("lan1").map("udp", 5000).result == 0
    assert lab.client("lan1").delete("udp", 5000).result == 0
    assert refuses(lab, lab.client("rtr", server=CONTAINER), count_arrivals(lab, "172.17.0.1"))


# [M-15]
@pytest.mark.parametrize("host", ["inet", "gw"])
def test_through_the_tunnel(lab, host):
    """An administrator's redirect may match more than the LAN."""
    lab.router.add("chain=dstnat action=dst-nat protocol=udp in-interface-list=WAN dst-port=5351 "
                   f"to-addresses={CONTAINER}")
    lab.nft("gw", f"""
        insert rule inet miniupnpd_nat prerouting iifname wan0 udp dport 5351 dnat ip to {ROUTER_TUNNEL}
        insert rule inet filter forward ip daddr {ROUTER_TUNNEL} accept""")
    lab.daemon()
    source, server = {"inet": ("11.22.33.1", EXTERNAL), "gw": ("10.2.0.1", ROUTER_TUNNEL)}[host]
    assert refuses(lab, lab.client(host, server=server), count_arrivals(lab, source))

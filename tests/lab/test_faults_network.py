"""Router, gateway, tunnel and the ways to them fail. Afterwards everything is as before. The daemon's answers in the
meantime are tested in test_outages.py."""

import pytest

from held import Held
from lab import GATEWAY, TUNNEL_INTERFACE, wait_until
from natpmp import map_request
from router import REDIRECT


def own_as_options(lab):
    """The daemon's rules as the router's configuration contains them."""
    names = ("chain", "action", "protocol", "in-interface", "dst-port", "to-addresses", "to-ports")
    return [" ".join([f"{name}={rule[name]}" for name in names] + [f'comment="{rule["comment"]}"'])
            for rule in lab.router.own_rules()]


def test_the_router_loses_power(lab):
    """Its rules are on its disk. Connections end without a packet, and the ids change."""
    daemon = lab.daemon()
    held = Held(lab)
    rules = own_as_options(lab)
    lab.router.kill()
    wait_until(lambda: daemon.log_lines("warn"), 10, "the daemon has noticed")
    lab.router.start(rules=[REDIRECT, *rules[::-1]])
    held.check()
    assert lab.router.counters()["adds"] == lab.router.counters()["removes"] == 0
    held.end(daemon)


def test_router_and_gateway_lose_power_together(lab):
    wait_until(lambda: lab.client("ctr", server=GATEWAY).address().epoch >= 5, 10)
    daemon = lab.daemon()
    held = Held(lab)
    lab.router.kill()
    lab.gateway.kill()
    lab.gateway.start()
    lab.router.start()
    held.check()
    held.end(daemon)


def test_the_tunnel_goes_down_and_up(lab):
    daemon = lab.daemon()
    held = Held(lab)
    lab.ip(f"link set {TUNNEL_INTERFACE} down", namespace="rtr")
    # A client requests something, because only then the daemon notices that the tunnel is down. While the lease is
    # valid, the answer comes from memory.
    wait_until(lambda: held.renew(held.mappings[0]) and daemon.log_lines("warn"), 40, "the log says so")
    assert len(lab.router.own_rules()) == len(held.mappings), "no rule is removed because of it"
    lab.ip(f"link set {TUNNEL_INTERFACE} up",
           f"route add default via {GATEWAY} dev {TUNNEL_INTERFACE} table 100", namespace="rtr")
    held.check()
    held.end(daemon)


# Where packets are lost: namespace, interface, protocol, and the server's port.
TUNNEL = ("gw", "wg0", "udp", 5351)
API = ("rtr", "veth1", "tcp", 8728)


def lossy(lab, place, verdict):
    namespace, interface, protocol, port = place
    lab.nft(namespace, f"""
        table inet loss {{
            chain input {{
                type filter hook input priority -300;
                iifname "{interface}" {protocol} dport {port} {verdict}
            }}
            chain output {{
                type filter hook output priority -300;
                oifname "{interface}" {protocol} sport {port} {verdict}
            }}
        }}""")


def lossless(lab, place):
    lab.nft(place[0], "delete table inet loss")


@pytest.mark.parametrize("place", [TUNNEL, API], ids=["tunnel", "api"])
def test_a_third_of_the_packets_is_lost(lab, place):
    """Mapping, renewal and deletion work on a link on which half of all round trips fail."""
    daemon = lab.daemon()
    wait_until(lambda: lab.client("lan1").address().result == 0)
    lossy(lab, place, "numgen random mod 100 < 30 drop")
    held = Held(lab)
    held.check()
    other = lab.client("lan2")
    for external in (46001, 46002):
        wait_until(lambda: other.map("udp", 7000, external).result == 0, 60)
        wait_until(lambda: other.delete("udp", 7000).result == 0, 60)
    lossless(lab, place)
    held.check()
    held.end(daemon)


def test_the_api_dribbles_through_all_that_it_is_asked(lab):
    """Snapshot, listen, add, set and remove arrive one byte at a time, over a connection that ends in the middle."""
    lab.router.ask("dribble on")
    daemon = lab.daemon()
    held = Held(lab)
    lab.router.ask("drop reset")
    held.check()
    lab.router.ask(f'remove {lab.router.own_rules()[0][".id"]}')
    held.check()
    assert held.renew(held.mappings[1])
    held.end(daemon)


def test_the_api_link_is_cut(lab):
    """No packet is acknowledged or refused, and the connection stays open at both ends."""
    daemon = lab.daemon()
    held = Held(lab)
    lossy(lab, API, "drop")
    client = lab.client("lan1")
    client.send(map_request("udp", 6000, 46000))
    assert held.renew(held.mappings[0]), "a renewal needs no router"
    wait_until(lambda: daemon.log_lines("warn"), 30, "the daemon notices by itself")
    lossless(lab, API)
    wait_until(lambda: client.map("udp", 6000, 46000).result == 0, 60)
    wait_until(lambda: client.delete("udp", 6000).result == 0, 60)
    held.check()
    held.end(daemon)

"""A person at WinBox: the daemon restores its rules within a second, and never changes foreign rules."""

import pytest

from lab import CLIENTS, wait_until

SECOND = 1.0
FOREIGN = (
    'chain=dstnat action=dst-nat protocol=tcp dst-port=80 to-addresses=192.168.88.50 comment="web server"',
    'chain=dstnat action=dst-nat protocol=udp in-interface=wg-vpn dst-port=46000 to-addresses=192.168.88.50',
    'chain=dstnat action=dst-nat protocol=tcp in-interface=wg-vpn dst-port=46001 to-addresses=192.168.88.50 '
    'comment="double-natpmp is down, so by hand"',
    'chain=dstnat action=dst-nat protocol=tcp in-interface=wg-vpn dst-port=46002 to-addresses=192.168.88.50 '
    'comment="double-natpmp/elsewhere external 46002 lease 60 s"',
    'chain=dstnat action=dst-nat protocol=tcp in-interface=wg-vpn dst-port=46004 to-addresses=192.168.88.50 '
    'comment="double-natpmp/default2 external 46004 lease 60 s"',
    'chain=srcnat action=masquerade out-interface=wg-vpn comment="VPN"',
)


@pytest.fixture
def mapped(lab):
    """A mapping, and the function that returns its rule."""
    lab.daemon()
    lab.natpmpc("lan1", "udp", 5000, 45001)
    return lambda: lab.router.rule_for("udp", CLIENTS["lan1"], 5000)


@pytest.mark.parametrize("change", [
    "remove {id}",
    "disable {id}",
    "set {id} to-ports=5999",
    "set {id} to-addresses=192.168.88.99",
    "set {id} dst-port=45002",
    "set {id} in-interface=ether1",
    "set {id} protocol=tcp",
    'set {id} comment="mine now"',
    "unset {id} in-interface",
], ids=lambda text: text.split()[0] + " " + text.split()[-1].split("=")[0].strip("{}"))
def test_our_rule_is_put_back(lab, mapped, change):
    keys = ("protocol", "in-interface", "dst-port", "to-addresses", "to-ports", "comment", "disabled")
    before = {k: mapped()[k] for k in keys}
    lab.router.ask(change.format(id=mapped()[".id"]))

    def as_before():
        rule = mapped()
        return rule is not None and {k: rule.get(k) for k in keys} == before

    wait_until(as_before, SECOND, "the rule is back within a second")
    assert len(lab.router.own_rules()) == 1
    assert lab.listener("lan1", "udp", 5000).reached(45001)


def test_a_rule_that_others_took_over_is_theirs(lab, mapped):
    """Without the daemon's mark it is a foreign rule, which stays. The daemon adds its own beside it."""
    taken = mapped()[".id"]
    lab.router.ask(f'set {taken} comment="mine now"')
    wait_until(lambda: mapped() and mapped()[".id"] != taken, SECOND)
    assert [r["comment"] for r in lab.router.rules() if r[".id"] == taken] == ["mine now"]


def test_foreign_rules_are_never_touched(lab):
    for rule in FOREIGN:
        lab.router.add(rule)
    lab.router.ask("add-dynamic chain=dstnat action=dst-nat protocol=udp dst-port=46003 "
                   'to-addresses=192.168.88.50 comment="upnp 192.168.88.50: game"')
    before = lab.router.rules()
    assert len(before) == len(FOREIGN) + 2 and not lab.router.own_rules()
    daemon = lab.daemon()
    client = lab.client("lan1")
    client.map("udp", 5000, 46000)
    client.map("tcp", 5001, 46001, 2)
    client.map("tcp", 5002, 46002)
    client.delete("udp", 5000)
    wait_until(lambda: len(lab.router.own_rules()) <= 2, 6)
    lab.router.ask("drop reset")
    assert client.map("udp", 5003).result == 0
    assert daemon.stop() == 0
    assert lab.router.rules() == before


@pytest.mark.parametrize("rule", [
    "protocol=udp in-interface=wg-vpn dst-port=45000-45010",
    "protocol=udp dst-port=80,45001",
    "protocol=udp in-interface-list=WAN dst-port=45001",
    "protocol=udp in-interface=!bridge dst-port=45001",
    "protocol=udp in-interface-list=!LAN dst-port=45001",
    "protocol=udp in-interface=wg-vpn dst-port=!49152-65535",
    "in-interface=wg-vpn protocol=udp dst-port=40000-45001 src-address=11.0.0.0/24",
])
def test_a_port_that_a_foreign_rule_may_match_is_taken(lab, rule):
    lab.router.add(f"chain=dstnat action=dst-nat to-addresses=192.168.88.50 {rule}")
    lab.daemon()
    mapping = lab.client("lan1").map("udp", 5000, 45001)
    assert mapping.result == 0
    assert lab.router.rule_for("udp", CLIENTS["lan1"], 5000)["dst-port"] != "45001"
    # The gateway may still grant the suggested port, with another one on the router.
    assert lab.listener("lan1", "udp", 5000).reached(mapping.external)


@pytest.mark.parametrize("rule", [
    "protocol=udp in-interface=ether1 dst-port=45001",
    "protocol=tcp in-interface=bridge dst-port=45001",
    "protocol=udp in-interface=wg-vpn dst-port=45001 disabled=yes",
    "protocol=udp in-interface-list=LAN dst-port=45001",
    "protocol=udp in-interface=wg-vpn dst-port=45002-45010",
])
def test_a_port_that_no_rule_can_match_is_free(lab, rule):
    lab.router.add(f"chain=dstnat action=dst-nat to-addresses=192.168.88.50 {rule}")
    lab.daemon()
    assert lab.client("lan1").map("udp", 5000, 45001).external == 45001
    assert lab.router.rule_for("udp", CLIENTS["lan1"], 5000)["dst-port"] == "45001"
    assert lab.listener("lan1", "udp", 5000).reached(45001)

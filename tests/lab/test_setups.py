"""The set-ups of the README, as `setup` prints them for a router with RouterOS's default configuration, with packets: a
client maps a port, and connections from the internet reach it and are answered. And what happens if a part of them is
missing or wrong: packets die, the check names the rule, and after its remedy they arrive."""

import socket

import pytest

from configured import Configured
from lab import CLIENTS, ENDPOINT
from router import MARK
from test_check_beside import run_check

def commands(lab, *arguments):
    """What `setup` prints, with this lab's names and addresses in the place of the README's."""
    text = lab.run("ctr", "env", "VPN_GATEWAY=10.2.0.1", "MIKROTIK_IN_INTERFACE=wg-vpn", "LISTEN_ADDR=172.17.0.2:5351",
                   lab.build / "double-natpmp", "setup", "--routeros", "7.18", *arguments)
    for old, new in (("veth-natpmp", "veth1"), ("192.168.88.10", CLIENTS["lan1"]), ("SERVER", ENDPOINT),
                     ("ISP", "203.0.113.1")):
        text = text.replace(old, new)
    return text


@pytest.fixture
def build(make_lab):
    """build(script, ...): a lab with a router that has executed them after its default configuration."""
    def make(*scripts):
        lab = make_lab(router=False)
        router = Configured(lab)
        for script in scripts:
            router.run(script(lab) if callable(script) else script)
        router.apply()
        return lab, router
    return make


def served(lab):
    """Asks for the external address: the request reaches the container, the gateway answers, and so does the daemon."""
    reply = lab.client("lan1").ask(b"\0\0", 3.0)
    return reply is not None and reply[2:4] == b"\0\0"


def started(lab):
    """A daemon that has the router. Whether the gateway answers it is what the tests are about."""
    daemon = lab.daemon(wait=False)
    lab.wait_until(lambda: "the router is ready" in daemon.log(), what="the daemon has the router")
    return daemon


def arrives(lab, namespace="lan1", protocol="tcp", port=5000, limit=30.0):
    """The port is mapped, and a connection from the internet reaches the host and is answered."""
    mapping = lab.client(namespace).map(protocol, port)
    assert mapping.result == 0
    try:
        return lab.listener(namespace, protocol, port).reached(mapping.external, limit)
    except OSError:  # a time-out: packets are lost
        return False


def dies(lab):
    return not arrives(lab, limit=3.0)


def works(lab):
    return served(lab) and arrives(lab, protocol="udp", port=5001) and arrives(lab)


def heal(lab, router, *names):
    """Executes the remedies of these findings, which must have failed, and applies the tables. A new daemon does not wait
    until it asks a silent gateway again."""
    found = run_check(lab)[1]
    for name in names:
        assert found[name]["status"] == "fail", found
        router.run(found[name]["cure"])
    for process in lab.processes:
        if process.name.startswith("daemon"):
            process.kill()
    router.apply()
    lab.daemon("daemon, healed")
    lab.wait_until(lambda: served(lab), what="the daemon has the gateway")
    return found


WAYS = {"answers": [], "main": ["--via", "main"], "rule": ["--via", "rule"], "mangle": ["--via", "mangle"]}


# [S1] [S2] [S3] [S4] [S5]
@pytest.mark.parametrize("way", WAYS)
def test_a_set_up_works(build, way):
    lab, _ = build(lambda lab: commands(lab, *WAYS[way]))
    status, found = run_check(lab)
    # With a routing rule for one host, the others' answers leave by the provider.
    expected = {"return-path": "warn"} if way == "rule" else {}
    if way == "rule":
        assert found.pop("return-path")["status"] == "warn"
    assert status == 0 and not {i: f for i, f in found.items() if f["status"] != expected.get(i, "pass")}, found
    lab.daemon()
    assert works(lab)
    # What the LAN's hosts begin themselves leaves by the tunnel or by the provider.
    seen = lab.run("rtr", "ip", "route", "get", "11.22.33.1", "from", CLIENTS["lan1"], "iif", "bridge")
    assert ("dev wg-vpn" in seen) == (way in ("main", "rule"))


@pytest.mark.parametrize("way", WAYS)
def test_the_removal_leaves_nothing(build, way):
    lab, router = build()
    before = router.options()
    router.run(commands(lab, *WAYS[way]))
    assert router.options() != before
    router.run(commands(lab, "--remove"))
    assert router.options() == before
    assert MARK not in str(router.options())


def test_a_routing_rule_for_the_container(build):
    """[S1] Instead of the route to the gateway. The container's answers to the LAN follow the rule into the tunnel."""
    lab, router = build(commands, "/ip/route/remove [find comment=\"double-natpmp: gateway\"]",
                        "/routing/rule/add src-address=172.17.0.2/32 action=lookup table=vpn-in")
    started(lab)
    assert not served(lab)
    found = heal(lab, router, "request-path")
    assert "routing rule *1 sends this machine's answers to the LAN to wg-vpn" in found["request-path"]["what"]
    assert served(lab)


@pytest.mark.parametrize("script,what", [
    ("/routing/rule/add src-address=192.168.88.0/24 action=lookup-only-in-table table=vpn-in", "routing rule *1 sends"),
    ("/routing/rule/add interface=bridge action=lookup table=vpn-in", "routing rule *1 sends"),
    ("/ip/firewall/mangle/add chain=prerouting in-interface-list=LAN action=mark-routing new-routing-mark=vpn-in "
     "passthrough=no", "mangle rule *3 sends"),
    # [S16]
    ("/ip/firewall/mangle/add chain=prerouting in-interface=bridge connection-nat-state=!dstnat action=mark-routing "
     "new-routing-mark=vpn-in passthrough=no", "mangle rule *3 sends"),
])
def test_the_lan_is_led_into_the_tunnel(build, script, what):
    """[S2] And its requests to the container with it."""
    lab, router = build(commands, script)
    started(lab)
    assert not served(lab)
    found = heal(lab, router, "request-path")
    assert what in found["request-path"]["what"]
    assert works(lab)


def test_fasttrack(build):
    """[S3] Packets of a fasttracked connection skip the marks: what follows the first answer leaves by the provider."""
    lab, router = build(commands, "/ip/firewall/filter/set [find action=fasttrack-connection] !connection-mark")
    lab.daemon()
    assert served(lab) and dies(lab)
    found = heal(lab, router, "fasttrack")
    assert "fasttracks connections from the internet" in found["fasttrack"]["what"]
    assert works(lab)


def test_no_mark_for_the_answers(build):
    """[S13] The LAN uses the provider, and nothing leads the answers into the tunnel."""
    lab, router = build(commands, "/ip/firewall/mangle/remove [find comment~\"return path\"]")
    lab.daemon()
    assert served(lab) and dies(lab)
    found = heal(lab, router, "return-path")
    assert "the main routing table sends clients' answers" in found["return-path"]["what"]
    assert works(lab)


def test_another_mark_replaces_ours(build):
    """[S13] The rule of another provider comes before ours, and takes the answers, too."""
    lab, router = build(commands, "/ip/firewall/mangle/add chain=prerouting in-interface=bridge action=mark-connection "
                        "new-connection-mark=isp passthrough=yes place-before=[:pick [/ip/firewall/mangle/find dynamic=no] 0]")
    lab.daemon()
    assert served(lab) and dies(lab)
    heal(lab, router, "return-path")
    assert works(lab)


def test_a_rule_for_a_queue_replaces_our_mark(build):
    """[S13] The remedy is a condition of that rule, and no second copy of ours."""
    lab, router = build(commands, "/ip/firewall/mangle/add chain=forward action=mark-connection new-connection-mark=qos "
                        "passthrough=yes")
    lab.daemon()
    assert served(lab) and dies(lab)
    found = heal(lab, router, "return-path")
    assert found["return-path"]["cure"] == "/ip/firewall/mangle/set *3 connection-mark=no-mark"
    assert works(lab)


def test_nothing_translates_the_container(build):
    """[S4] The gateway does not answer an address that it does not know."""
    lab, router = build(commands, "/ip/firewall/nat/remove [find comment=\"double-natpmp: gateway\"]")
    started(lab)
    assert not served(lab)
    found = heal(lab, router, "gateway-source")
    assert found["gateway"]["status"] == "fail" and found["gateway-path"]["status"] == "pass"
    assert works(lab)


def test_forward_ends_with_a_drop(build):
    """[S5]"""
    lab, router = build(commands, "/ip/firewall/filter/remove [find comment~\"^double-natpmp: (gateway|requests|mapped)\"]",
                        "/ip/firewall/filter/add chain=forward action=drop")
    started(lab)
    assert not served(lab)
    heal(lab, router, "request-path", "gateway-path", "forward")
    assert works(lab)


@pytest.mark.parametrize("script,names", [
    # [S6] [S14]
    ("/ip/firewall/raw/add chain=prerouting action=drop in-interface=wg-vpn src-address=10.0.0.0/8", ["gateway-path"]),
    ("/ip/firewall/raw/add chain=prerouting action=drop in-interface=wg-vpn", ["gateway-path", "forward"]),
    ("/ip/firewall/address-list/add list=bogons address=172.16.0.0/12\n"
     "/ip/firewall/raw/add chain=prerouting action=drop src-address-list=bogons dst-address=192.168.88.0/24", ["request-path"]),
    # [S15]
    ("/ip/firewall/address-list/add list=private address=192.168.0.0/16\n"
     "/ip/firewall/address-list/add list=private address=172.16.0.0/12\n"
     "/ip/firewall/address-list/add list=private address=10.0.0.0/8\n"
     "/ip/firewall/filter/add chain=forward action=drop src-address-list=private dst-address-list=!private "
     "place-before=[:pick [/ip/firewall/filter/find dynamic=no] 0]", ["return-path"]),
])
def test_rules_that_drop(build, script, names):
    lab, router = build(commands, script)
    started(lab)
    assert not works(lab)
    heal(lab, router, *names)
    assert works(lab)


@pytest.mark.parametrize("script", ["/ip/settings/set rp-filter=strict", "/ip/settings/set ip-forward=no"])
def test_the_settings_of_ip(build, script):
    """The routes lead the answers to the provider, and only marks lead them into the tunnel."""
    lab, router = build(commands, script)
    started(lab)
    assert not works(lab)
    heal(lab, router, "ip-settings")
    assert works(lab)

"""double-natpmp check: each finding passes on a router without problems and fails on one with a single problem,
together with the command that solves it. Whatever the check finds, it leaves router and gateway as they were."""

import json
import signal
from typing import NamedTuple

import librouteros
import pytest

from lab import ROOT, inside, wait_until
from stage import BASE, GATEWAY, MASQUERADE, PASSWORD, REDIRECT, ROUTER, UNREACHABLE, US, USER, Stage

NAMES = ["api", "login", "policy-read", "policy-write", "policy-test", "version", "service",
       "service-address", "second-daemon", "change-script", "interface", "interface-not-lan", "wireguard-peers", "ip-settings", "redirect", "redirect-order", "redirect-lan", "clients-visible", "container-subnet", "ports", "mapping-rules",
       "router-nat-pmp", "connection-tracking", "forward", "request-path", "gateway-path", "gateway-source", "return-path", "fasttrack",
       "gateway", "gateway-mapping", "external-address"]
# The paths to the gateway are in question only if it does not answer.
PATHS = ["gateway-path", "gateway-source"]
# Only if one is configured, as the WireGuard peers.
SCRIPT = "change-script"
# Only if the daemon has rules.
MAPPING_RULES = "mapping-rules"
ALL = [name for name in NAMES if name not in (SCRIPT, MAPPING_RULES, "wireguard-peers", *PATHS)]
ANSWERS = ["return-path", "fasttrack"]
FLOWS = ["request-path", *ANSWERS]
GATEWAY_ONES = ALL[-3:]
AFTER_REDIRECT = ["redirect-order", "redirect-lan", "clients-visible"]
TRIAL = "double-natpmp/default check, may be removed"


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


def findings_of(out):
    document = json.loads(out)
    assert list(document) == ["result", "pass", "warn", "fail", "findings"]
    found = {f["id"]: f for f in document["findings"]}
    assert [f["id"] for f in document["findings"]] == [i for i in NAMES if i in found], "in order, each once"
    for status in ("pass", "warn", "fail"):
        assert document[status] == sum(f["status"] == status for f in found.values())
    for f in found.values():
        assert set(f) == {"id", "status", "what", "cure"} and f["what"]
        assert (f["cure"] is None or f["cure"]) and (f["status"] == "pass" or "\n" not in f["what"])
    return document, found


def check(stage, router=None, **env):
    """The findings. Asserts that the exit status fits them, and that the router's table has not changed."""
    before = router.rules() if router else None
    status, out, err = stage.run("check", "--json", **env)
    # With a router that does not answer, the check says that it waits.
    assert not [line for line in err.splitlines() if " s; waiting for /" not in line]
    document, found = findings_of(out)
    assert status == (1 if document["fail"] else 0) and document["result"] == ("fail" if status else "pass")
    if router:
        assert router.rules() == before
        wait_until(lambda: router.counters()["sessions"] == 0, what="the session has ended")
    return found


class Case(NamedTuple):
    """One problem: the text of its finding, and a part of the cure. No finding other than this and `also` may fail, and
    no finding other than those of `without` may be missing."""
    finding: str
    status: str
    cure: str
    router: dict = {}
    gateway: dict = {}
    env: dict = {}
    what: str = ""
    also: dict = {}
    without: list = []


def rules(*rules):
    return {"rule": rules}


def before_redirect(rule):
    return rules(rule, REDIRECT, MASQUERADE)


def redirect(old, new, *more):
    return rules(REDIRECT.replace(old, new), MASQUERADE, *more)


def filters(*extra):
    return {"filter": extra}


POLICIES = "/user/group/set [find name=group-of-natpmp] policy=read,write,test,api"
NO_ROUTER = [i for i in ALL[:-3] if i not in ("api", "login")]
# A wg1 that the router does not count as WAN, so that the default rules accept packets from it only by the daemon's
# rule.
STRICT = ("chain=forward action=accept connection-state=established,related", "chain=forward action=drop")

CASES = {
    # ---- the API ----
    "a wrong password": Case("login", "fail", "/user/set [find name=natpmp] password=", env={
        "MIKROTIK_API_PASSWORD": "another"}, without=NO_ROUTER),
    "no policy api": Case("login", "fail", "password", {"policies": ("read,write,test",)}, what="policy api",
                          without=NO_ROUTER),
    "no policy read": Case("policy-read", "fail", "leave it the others", {"policies": ("write,test,api",)},
                           without=[i for i in ALL[5:-3]]),
    "no policy write": Case("policy-write", "fail", POLICIES, {"policies": ("read,test,api",)}),
    "no policy test": Case("policy-test", "warn", POLICIES, {"policies": ("read,write,api",)}),
    "too few sessions": Case("service", "warn", "/ip/service/set api max-sessions=20", {"max-sessions": ("4",)}),
    # [R6]
    "connections among the services": Case("service", "warn", "/ip/service/set api max-sessions=20", {
        "max-sessions": ("4",), "version": ("7.20.1",)}),
    # [S8]
    "a service for everybody": Case("service-address", "warn", "/ip/service/set api address=172.17.0.2/32", {
        "api-from": None}, what="without encryption"),
    "a service for all addresses": Case("service-address", "warn", "/ip/service/set api address=172.17.0.2/32", {
        "api-from": ("192.168.88.0/24,0.0.0.0/0",), "version": ("7.24",)}),
    "RouterOS before 6.43": Case("version", "warn", "/system/package/update", {"version": ("6.42.1",)}),
    # ---- the interface ----
    "no route": Case("interface", "fail", "/ip/route/add dst-address=10.2.0.1/32 gateway=wg1", {
        "interface": [i.replace("wg1=10.2.0.2/24", "wg1") for i in BASE["interface"]], "route": None},
        without=["interface-not-lan", "ports", "forward", *ANSWERS]),
    "the default route past the tunnel": Case(
        "interface", "fail", "/ip/route/add dst-address=10.2.0.1/32 gateway=wg1",
        {"interface": [i.replace("wg1=10.2.0.2/24", "wg1") for i in BASE["interface"]]}, what="ether1 (ether)",
        without=ANSWERS),
    "an interface that is not there": Case("interface", "fail", "MIKROTIK_IN_INTERFACE", env={
        "MIKROTIK_IN_INTERFACE": "wg9"}, without=["interface-not-lan", *ANSWERS]),
    "the LAN's interface": Case("interface", "fail", "correct MIKROTIK_IN_INTERFACE, or leave it out", env={
        "MIKROTIK_IN_INTERFACE": "bridge"}, without=["interface-not-lan", "ports", "forward", *ANSWERS]),
    "the tunnel in the list LAN": Case(
        "interface-not-lan", "warn", "unless you administer the router through it",
        {"list": ("WAN=ether1", "LAN=wg1,bridge")}, also={"redirect-lan": "fail"}),
    # ---- the redirect ----
    "no redirect": Case(
        "redirect", "fail", "/ip/firewall/nat/add chain=dstnat in-interface-list=LAN dst-address-type=local "
        "protocol=udp dst-port=5351 action=dst-nat to-addresses=172.17.0.2 comment=\"NAT-PMP to double-natpmp\" "
        "place-before=*1", rules("chain=dstnat action=dst-nat in-interface=ether1 protocol=tcp dst-port=80 "
                                 "to-addresses=192.168.88.5", MASQUERADE), without=AFTER_REDIRECT),
    "no redirect and no list LAN": Case("redirect", "fail", "chain=dstnat in-interface=bridge dst", {
        **rules(MASQUERADE), "list": ("WAN=ether1,wg1",), "filter": None}, without=AFTER_REDIRECT),
    "a disabled redirect": Case("redirect", "fail", "/ip/firewall/nat/enable *1", redirect("to-", "disabled=yes to-"),
                                without=AFTER_REDIRECT),
    "action=redirect": Case("redirect", "fail", "/ip/firewall/nat/set *1 action=dst-nat to-addresses=172.17.0.2",
                            redirect("action=dst-nat", "action=redirect"), without=AFTER_REDIRECT),
    "a redirect to another machine": Case("redirect", "fail", "/ip/firewall/nat/set *1 to-addresses=172.17.0.2",
                                          redirect("172.17.0.2", "172.17.9.9"), without=["clients-visible", "request-path"]),
    "a redirect to another port": Case("redirect", "fail", "/ip/firewall/nat/set *1 to-ports=5351",
                                       redirect("to-addresses", "to-ports=5000 to-addresses")),
    "another port to listen on": Case("redirect", "fail", "/ip/firewall/nat/set *1 to-ports=5360",
                                      env={"LISTEN_ADDR": ":5360"}),
    "an earlier redirect": Case("redirect-order", "fail", "/ip/firewall/nat/move *2 destination=*1", before_redirect(
        "chain=dstnat action=dst-nat in-interface=bridge protocol=udp dst-port=5000-6000 to-addresses=192.168.88.9")),
    "an earlier accept": Case("redirect-order", "fail", "/ip/firewall/nat/move *2 destination=*1", before_redirect(
        "chain=dstnat action=accept in-interface-list=LAN dst-address=192.168.0.0/16")),
    "an earlier rule that may match": Case("redirect-order", "warn", "/ip/firewall/nat/move *2 destination=*1",
                                           before_redirect("chain=dstnat action=accept protocol=udp "
                                                           "in-interface=bridge in-bridge-port=ether2")),
    "a chain without a jump to it": Case("redirect-order", "fail", "/ip/firewall/nat/set *1 chain=dstnat",
                                      redirect("chain=dstnat", "chain=lan")),
    "a redirect of everything": Case("redirect-lan", "fail",
                                     "/ip/firewall/nat/set *1 !in-interface in-interface-list=LAN",
                                     redirect("in-interface-list=LAN ", "")),
    "a redirect of all but the WAN port": Case("redirect-lan", "fail", "in-interface-list=LAN",
                                               redirect("in-interface-list=LAN", "in-interface=!ether1"), what="wg1"),
    "a redirect at a bridge's port": Case("redirect-lan", "warn", "in-interface-list=LAN",
                                          redirect("in-interface-list=LAN", "in-interface=ether2"),
                                          without=["clients-visible", "forward", *FLOWS]),
    "a masquerade of all": Case(
        "clients-visible", "fail", "/ip/firewall/nat/add chain=srcnat action=accept protocol=udp "
        "dst-address=172.17.0.2 dst-port=5351 place-before=*2", rules(REDIRECT, "chain=srcnat action=masquerade")),
    "a masquerade of the LAN": Case("clients-visible", "fail", "place-before=*2", rules(
        REDIRECT, "chain=srcnat action=masquerade src-address=192.168.88.0/24")),
    "a masquerade that may match": Case("clients-visible", "warn", "place-before=*2", rules(
        REDIRECT, "chain=srcnat action=masquerade in-bridge-port=ether2", MASQUERADE)),
    "a container in the LAN": Case(
        "container-subnet", "fail", "/interface/veth/add name=veth-natpmp address=172.30.254.2/30",
        {"interface": ("ether1=203.0.113.2/24", "bridge=172.17.0.1/24", "wg1=10.2.0.2/24")},
        without=["clients-visible", "request-path"]),
    "a server in one of two LANs": Case("container-subnet", "warn", "/interface/veth/add", {
        "interface": ("ether1=203.0.113.2/24", "bridge=192.168.88.1/24", "vlan20=172.17.0.1/24", "wg1=10.2.0.2/24"),
        "list": ("WAN=ether1,wg1", "LAN=vlan20,bridge")}),
    # ---- other rules ----
    "most ports": Case("ports", "warn", "/ip/firewall/nat/disable *3", rules(
        REDIRECT, MASQUERADE, "chain=dstnat action=dst-nat in-interface=wg1 protocol=udp dst-port=1024-65000 "
        "to-addresses=192.168.88.5")),
    "a rule before that of a mapping": Case(MAPPING_RULES, "fail", "/ip/firewall/nat/move *4 destination=*3", rules(
        REDIRECT, MASQUERADE, "chain=dstnat action=dst-nat in-interface=wg1 to-addresses=192.168.88.5",
        'chain=dstnat action=dst-nat in-interface=wg1 protocol=udp dst-port=50000 to-addresses=192.168.88.11 '
        'to-ports=50000 comment="double-natpmp/default external 41000 lease 60 s"')),
    "the router's own NAT-PMP": Case("router-nat-pmp", "warn", "/ip/nat-pmp/set enabled=no", {"nat-pmp": ("yes",)}),
    "a filter that drops": Case("forward", "fail", "/ip/firewall/filter/add chain=forward in-interface=wg1 "
                                "connection-nat-state=dstnat action=accept place-before=*1", filters(*STRICT),
                                also={"request-path": "fail"}),
    "a filter that drops in a chain of its own": Case("forward", "fail", "place-before=*1", filters(
        "chain=forward action=jump jump-target=tunnel in-interface=wg1", "chain=forward action=accept",
        "chain=tunnel action=reject connection-state=new protocol=tcp")),
    "a filter that may drop": Case("forward", "warn", "place-before=*1", filters(
        "chain=forward action=drop in-interface=wg1 in-bridge-port=ether2")),
    # ---- the packets ----
    "a routing rule for the LAN": Case(
        "request-path", "fail", "/routing/rule/add dst-address=172.17.0.0/30 action=lookup table=main place-before=*1",
        {"routing-rule": ("interface=bridge action=lookup-only-in-table table=vpn-in",)}, what="routing rule *1"),
    "a bogon list": Case(
        "request-path", "fail", "/ip/firewall/filter/add chain=forward dst-address=172.17.0.2 protocol=udp dst-port=5351 "
        "action=accept place-before=*1", {
            "address-list": ("list=bogons address=172.16.0.0/12", "list=others address=0.0.0.0/0"),
            "filter": ("chain=forward action=drop dst-address-list=bogons",)}, what="filter rule *1 drops"),
    "a raw rule that may match": Case("request-path", "warn", "/ip/firewall/raw/add chain=prerouting", {
        "raw": ("chain=prerouting action=drop protocol=udp dst-port=5351 in-interface=bridge in-bridge-port=ether2",)}, what="raw rule *1 may drop"),
    "answers by the provider": Case("return-path", "fail", "/ip/firewall/mangle/add chain=prerouting in-interface=wg1", {
        "mangle": None}, what="the main routing table", without=["fasttrack"]),
    "answers of some by the provider": Case("return-path", "warn", "/ip/firewall/mangle/add chain=prerouting", {
        "mangle": None, "routing-rule": ("src-address=192.168.88.10/32 action=lookup table=vpn-in",
                                         "dst-address=172.17.0.0/30 action=lookup table=main")},
        also={"request-path": "warn"}, without=["fasttrack"]),
    "fasttrack of all": Case(
        "fasttrack", "fail", "/ip/firewall/filter/set *1 connection-mark=no-mark",
        filters("chain=forward action=fasttrack-connection connection-state=established,related")),
    # ---- the gateway ----
    "a silent gateway": Case("gateway", "fail", "/tool/ping 10.2.0.1 count=3", gateway={"address": "silent"},
                             what="does not answer", without=GATEWAY_ONES[1:]),
    "a gateway without NAT-PMP": Case("gateway", "fail", "NAT-PMP (port forwarding) enabled", gateway=None,
                                      what="port unreachable", without=GATEWAY_ONES[1:]),
    "an unreachable gateway": Case("gateway", "fail", "/interface/wireguard/peers/print", env={
        "VPN_GATEWAY": UNREACHABLE}, what="no route", without=GATEWAY_ONES[1:]),
    "not authorized": Case("gateway", "fail", "NAT-PMP (port forwarding) enabled", gateway={"address": 2},
                           what="result 2, not authorized", without=GATEWAY_ONES[2:]),
    "a gateway without an address": Case("gateway", "fail", "operator", gateway={"address": 3},
                                         what="result 3, network failure", without=GATEWAY_ONES[2:]),
    "mappings not authorized": Case("gateway-mapping", "fail", "NAT-PMP", gateway={"map": 2}, what="result 2"),
    "no port left": Case("gateway-mapping", "fail", "ProtonVPN gives five", gateway={"map": 4}, what="result 4"),
    "no port left but the daemon's": Case(
        "gateway-mapping", "pass", "", rules(
            REDIRECT, MASQUERADE, 'chain=dstnat action=dst-nat in-interface=wg1 protocol=udp dst-port=50000 '
            'to-addresses=192.168.88.11 to-ports=50000 comment="double-natpmp/default external 41000 lease 60 s"'),
        gateway={"map": 4}, what="this router has 1 mapping", also={MAPPING_RULES: "pass"}),
    "no answer to a mapping": Case("gateway-mapping", "fail", "another server", gateway={"map": "silent"}),
    "an unconfirmed deletion": Case("gateway-mapping", "warn", "", gateway={"delete": "silent"},
                                    what="may remain until it expires"),
    "a private external address": Case("external-address", "fail", "public", gateway={"external": "192.168.1.7"},
                                       what="192.168.1.7 is private"),
    "a provider's NAT": Case("external-address", "fail", "public", gateway={"external": "100.64.3.4"},
                             what="of a provider's NAT"),
}


# ---- the script, which is checked if one is configured ----

@pytest.mark.parametrize("status,what,cure,router", [
    ("pass", "the user has its policies", "", {"script": ("name=changed policy=read,write,test",)}),
    ("pass", "needs no policies", "", {"script": ("name=changed policy=ftp,policy dont-require-permissions=yes",)}),
    ("fail", "needs the policy ftp", "/system/script/set [find name=changed] dont-require-permissions=yes",
     {"script": ("name=changed policy=read,ftp",)}),
    ("fail", "has no script changed", "/system/script/add name=changed", {"script": ("name=other policy=read",)}),
])
def test_script(stage, status, what, cure, router):
    with stage.router(**router) as at_router, stage.gateway():
        found = check(stage, at_router, ON_CHANGE_SCRIPT="changed")
    finding = found[SCRIPT]
    assert finding["status"] == status and what in finding["what"]
    assert cure in finding["cure"] if cure else not finding["cure"]


# ---- the paths to the gateway, which are in question if it does not answer ----

@pytest.mark.parametrize("name,status,cure,options", [
    ("gateway-path", "pass", "", {}),
    ("gateway-path", "fail", "/ip/firewall/filter/add chain=forward src-address=172.17.0.2 dst-address=10.2.0.1",
     filters("chain=forward action=drop protocol=udp dst-port=5351 in-interface=!bridge")),
    ("gateway-path", "warn", "/ip/firewall/raw/add chain=prerouting src-address=172.17.0.2",
     {"raw": ("chain=prerouting action=drop in-interface=veth1 in-bridge-port=ether2",)}),
    ("gateway-source", "pass", "", {}),
    ("gateway-source", "fail", "/ip/firewall/nat/add chain=srcnat src-address=172.17.0.0/30 out-interface=wg1 action=masquerade",
     {"list": ("WAN=ether1", "LAN=bridge")}),
    ("gateway-source", "warn", "/ip/firewall/nat/add chain=srcnat src-address=172.17.0.0/30",
     rules(REDIRECT, "chain=srcnat action=masquerade out-interface=wg1 in-bridge-port=ether2")),
])
def test_the_way_to_a_silent_gateway(stage, name, status, cure, options):
    with stage.gateway(address="silent"), stage.router(**options) as router:
        found = check(stage, router)
    assert found["gateway"]["status"] == "fail"
    assert found[name]["status"] == status and cure in (found[name]["cure"] or ""), found[name]


# ---- what the tunnel lets through ----

@pytest.mark.parametrize("name,status,cure,options", [
    ("wireguard-peers", "pass", "", {"peer": ("interface=wg1 allowed-address=0.0.0.0/0,::/0 public-key=K",)}),
    ("wireguard-peers", "fail", "/interface/wireguard/peers/set *1 allowed-address=0.0.0.0/0",
     {"peer": ("interface=wg1 allowed-address=10.2.0.0/24 public-key=K",)}),
    ("ip-settings", "fail", "/ip/settings/set ip-forward=yes", {"settings": ("ip-forward=no",)}),
    ("ip-settings", "fail", "/ip/settings/set rp-filter=loose", {"settings": ("rp-filter=strict",)}),
])
def test_the_tunnel(stage, name, status, cure, options):
    with stage.gateway(), stage.router(**options) as router:
        found = check(stage, router)
    assert found[name]["status"] == status and cure in (found[name]["cure"] or ""), found[name]
    assert {i: f["status"] for i, f in found.items() if i != name} == {i: "pass" for i in ALL if i != name}


def test_a_tunnel_in_a_vrf(stage):
    with stage.gateway(), stage.router(vrf=("name=vpn interfaces=wg1",)) as router:
        found = check(stage, router)
    assert found["return-path"]["status"] == "warn" and "the VRF vpn" in found["return-path"]["what"]
    assert {i for i in ALL if i not in found} == {"fasttrack"}


def test_all_is_well(stage):
    with stage.gateway() as gateway, stage.router() as router:
        found = check(stage, router)
        assert {i: f["status"] for i, f in found.items()} == dict.fromkeys(ALL, "pass")
        assert all(f["cure"] is None for f in found.values())
        assert gateway.granted() == 1 and gateway.leases() == []


# [R3]
def test_a_second_daemon_is_logged_in(stage):
    with stage.gateway(), stage.router(), inside("rtr"):
        api = librouteros.connect(ROUTER, USER, PASSWORD)
        found = check(stage)
        api.close()
        assert found["second-daemon"]["status"] == "warn" and found["policy-write"]["status"] == "pass"
        assert ROUTER in found["second-daemon"]["what"] and US in found["second-daemon"]["what"]


@pytest.mark.parametrize("name", CASES)
def test_one_thing_is_wrong(stage, name):
    case = CASES[name]
    with stage.router(**case.router) as router:
        if case.gateway is None:
            found = check(stage, router, **case.env)
        else:
            with stage.gateway(**case.gateway) as gateway:
                found = check(stage, router, **case.env)
                assert gateway.leases() == [] or case.gateway.get("delete") == "silent"
    told = {i: f["status"] for i, f in found.items()}
    expected = {i: "pass" for i in ALL if i not in case.without}
    assert {i: status for i, status in told.items() if i not in PATHS} == {
        **expected, **case.also, case.finding: case.status}, found
    assert case.what in found[case.finding]["what"]
    assert case.cure in (found[case.finding]["cure"] or ""), found[case.finding]


# Healthy routers differ from each other.
WELL = {
    "RouterOS 7.16, which has no /ip/route/check": dict(version=("7.16.2",)),
    "RouterOS 7.12, which has no NAT-PMP": dict(version=("7.12",)),
    "RouterOS 6": dict(version=("6.49.10",)),
    "RouterOS 7.24": dict(version=("7.24rc1",)),
    "a redirect by interface": redirect("in-interface-list=LAN dst-address-type=local",
                                        "in-interface=bridge dst-address=192.168.88.1"),
    # [P6] The daemon's rules stand before them, so they take no port.
    "a DMZ": rules(REDIRECT, MASQUERADE, "chain=dstnat action=dst-nat in-interface-list=WAN to-addresses=192.168.88.5"),
    "a DMZ of the tunnel": rules(REDIRECT, MASQUERADE, "chain=dstnat action=dst-nat in-interface=wg1 protocol=tcp "
                                 "to-addresses=192.168.88.5"),
    "an accept of what comes by the tunnel": rules(REDIRECT, MASQUERADE,
                                                   "chain=dstnat action=accept in-interface-list=WAN"),
    "a redirect by the clients' addresses": redirect("in-interface-list=LAN", "src-address=192.168.88.0/24"),
    "a redirect in a chain of its own": rules("chain=dstnat action=jump jump-target=lan in-interface-list=LAN",
                                              REDIRECT.replace("chain=dstnat", "chain=lan"), MASQUERADE),
    "earlier rules for other things": rules(
        "chain=dstnat action=dst-nat in-interface=bridge protocol=udp dst-port=53 to-addresses=192.168.88.3",
        "chain=dstnat action=dst-nat protocol=tcp dst-port=1-6000 to-addresses=192.168.88.3",
        "chain=dstnat action=accept in-interface=ether1",
        "chain=dstnat action=redirect protocol=udp dst-port=5351 disabled=yes",
        "chain=dstnat action=accept src-address=192.168.88.77",
        "chain=dstnat action=log in-interface=bridge", REDIRECT, MASQUERADE),
    "a masquerade but for the container": rules(
        REDIRECT, "chain=srcnat action=accept dst-address=172.17.0.0/30", "chain=srcnat action=masquerade"),
    "the veth in the list LAN": dict(list=("WAN=ether1,wg1", "LAN=veth1,bridge")),
    "a strict filter with an exception": filters(
        "chain=forward action=accept connection-state=established,related",
        "chain=forward action=drop src-address-list=strangers",
        "chain=forward action=accept in-interface-list=LAN",
        "chain=forward action=accept connection-nat-state=dstnat in-interface=wg1", "chain=forward action=drop"),
    "no filter at all": dict(filter=None),
}


@pytest.mark.parametrize("name", WELL)
def test_healthy_variants(stage, name):
    with stage.gateway(), stage.router(**WELL[name]) as router:
        found = check(stage, router)
    assert {i: f["status"] for i, f in found.items()} == dict.fromkeys(ALL, "pass"), found


# ---- the API cannot be reached ----

UNREACHED = [i for i in ALL if i not in ("api", *GATEWAY_ONES)]


@pytest.mark.parametrize("access,what,cure", [
    ("refused", "refuses connections", "/ip/service/set api disabled=no port=8728"),
    ("silent", "does not answer the login", "/ip/service/print detail where name=api"),
    ("close", "does not answer the login", "/ip/service/print detail where name=api"),
])
def test_the_service_is_closed(stage, access, what, cure):
    with stage.gateway(), stage.router() as router:
        router.ask(f"access {access}")
        found = check(stage)
    assert sorted(found) == sorted(["api", *GATEWAY_ONES])
    assert found["api"]["status"] == "fail" and what in found["api"]["what"] and found["api"]["cure"] == cure


@pytest.mark.parametrize("address,what,cure", [
    (f"{UNREACHABLE}:8728", "no route", "set MIKROTIK_API_ADDRESS"),
    ("router.invalid", "no address", "set MIKROTIK_API_ADDRESS"),
    (f"{GATEWAY}:5999", "refuses connections", "correct the port in MIKROTIK_API_ADDRESS"),
    # Packets to that address are not forwarded.
    ("10.77.0.1", "does not answer", "chain=input src-address=172.17.0.2 protocol=tcp dst-port=8728 action=accept"),
])
def test_the_router_is_somewhere_else(stage, address, what, cure):
    with stage.gateway():
        found = check(stage, MIKROTIK_API_ADDRESS=address)
    assert found["api"]["status"] == "fail" and what in found["api"]["what"] and cure in found["api"]["cure"]
    assert found["gateway"]["status"] == "pass"


def test_a_router_that_stops_answering(stage):
    with stage.gateway(), stage.router() as router:
        router.ask("drop-at before /ip/firewall/nat/print silent")
        found = check(stage)
        assert found["api"]["status"] == "fail" and "stopped answering" in found["api"]["what"]
        assert found["login"]["status"] == "pass" and "redirect" not in found


# ---- no rule is left ----

def trials(router):
    return [r for r in router.rules() if r.get("comment") == TRIAL]


def test_a_rule_of_a_killed_check_is_removed_by_the_next(stage):
    with stage.gateway(), stage.router() as router:
        router.ask("latency 50")
        process = stage.popen("check")
        wait_until(lambda: trials(router), what="the rule is there")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert len(trials(router)) == 1, "it was killed in time"
        router.ask("latency 0")
        status, out, _ = stage.run("check")
        assert status == 0 and "a rule that an earlier check left behind was removed" in out
        assert trials(router) == []
        # Somebody has enabled one, so it is no trial rule any more, and the daemon must not remove it.
        router.ask(f'add chain=dstnat action=passthrough comment="{TRIAL}"')
        assert stage.run("check")[0] == 0
        assert len(trials(router)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_an_interrupted_check_undoes_what_it_did(stage, number):
    with stage.gateway() as gateway, stage.router() as router:
        router.ask("latency 50")
        process = stage.popen("check")
        wait_until(lambda: trials(router), what="the rule is there")
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert process.returncode == 128 + number and (out, err) == ("", "")
        assert trials(router) == [] and gateway.leases() == []


@pytest.mark.parametrize("point", ["before", "after", "amid", "done"])
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_a_connection_lost_around_the_rule(stage, point, verb):
    with stage.gateway(), stage.router() as router:
        router.ask(f"drop-at {point} /ip/firewall/nat/{verb}")
        found = check(stage, router)
        assert found["policy-write"]["status"] == "pass"
        assert router.counters()["adds"] <= 1


def test_a_rule_that_cannot_be_removed_is_reported(stage):
    with stage.gateway(), stage.router() as router:
        router.ask("fail /ip/firewall/nat/remove failure: sorry")
        found = findings_of(stage.run("check", "--json")[1])[1]
        assert found["policy-write"]["status"] == "fail"
        assert found["policy-write"]["cure"] == f'/ip/firewall/nat/remove [find comment="{TRIAL}"]'
        assert len(trials(router)) == 1
        assert stage.run("check")[0] == 0 and trials(router) == []


def test_instances_do_not_touch_each_other(stage):
    other = TRIAL.replace("default", "other")
    with stage.gateway(), stage.router() as router:
        router.ask(f'add chain=dstnat action=passthrough disabled=yes comment="{other}"')
        check(stage, router)
        assert stage.run("check", INSTANCE="other")[0] == 0
        assert [r for r in router.rules() if r.get("comment") == other] == []


# ---- how findings are printed ----

def test_text(stage):
    with stage.gateway(), stage.router(**{"nat-pmp": ("yes",), "policies": ("read,test,api",)}) as router:
        status, out, err = stage.run("check")
        lines = out.splitlines()
        assert (status, err) == (1, "")
        assert lines[-1] == "25 pass, 1 warn, 1 fail"
        assert f"pass  the API at 172.17.0.1 port 8728 answers (service api)" in lines
        assert "warn  the router's own NAT-PMP server is enabled: it answers requests that the redirect does not take, " \
               "with a wrong address  - /ip/nat-pmp/set enabled=no" in lines
        assert f"fail  the user lacks the policy write: no rule can be added (not enough permissions (9))  - {POLICIES}" in lines
        router.ask("policies natpmp read,write,test,api")
        assert stage.run("check")[0] == 0, "a warning does not fail"


def test_names_are_quoted_for_the_router(stage):
    interfaces = [i.replace("wg1", 'a "$x" b') for i in BASE["interface"]]
    with stage.gateway(), stage.router(**{"interface": interfaces, "list": ('WAN=ether1', "LAN=bridge"),
                                          "type": ('a "$x" b=wg',), **filters("chain=forward action=drop")}) as router:
        found = check(stage, router)
    assert 'in-interface="a \\"\\$x\\" b"' in found["forward"]["cure"]
    assert 'a ?$x? b' in found["interface"]["what"]


def test_an_empty_argument_is_none(stage):
    """[S10] RouterOS passes cmd="" as one empty argument."""
    assert stage.run("--check-config", "")[0] == 0
    assert stage.run("", VPN_GATEWAY="nowhere")[2].count("\n") == 1, "no usage text"
    with stage.gateway(), stage.router():
        assert stage.run("check", "")[0] == 0


def test_wrong_arguments_and_configuration(stage):
    assert stage.run("check", "--jason")[0] == 2
    assert stage.run("check", "--json", "--json")[0] == 2
    status, out, err = stage.run("check", "--json", VPN_GATEWAY="nowhere")
    assert (status, out) == (2, "") and err.count("\n") == 1 and "VPN_GATEWAY" in err


def test_a_closed_output_is_a_failure(stage):
    with stage.gateway(), stage.router():
        process = stage.popen("check")
        process.stdout.close()
        process.stderr.close()
        assert process.wait(20) == 1


# ---- setup reads the version from the router ----

@pytest.mark.parametrize("version,word", [
    ("7.16.2", "envlist=natpmp"), ("7.20.1", "envlists=natpmp"), ("7.22rc4", "RouterOS 7.22")])
def test_setup_asks_the_router(stage, version, word):
    with stage.router(version=(version,)) as router:
        status, out, err = stage.run("setup")
        assert (status, err) == (0, "") and word in out
        assert router.counters()["adds"] == 0
        # The router already sends answers through the tunnel, and has a list LAN.
        assert "mangle" not in out and "/interface/list/add" not in out


def test_setup_asks_what_the_router_has(stage):
    """[S11] Without a list LAN, and with a tunnel of another name by which nothing goes yet."""
    interfaces = [i.replace("wg1", "proton") for i in BASE["interface"]]
    with stage.router(**{"interface": interfaces, "list": ("WAN=ether1",), "route": ("0.0.0.0/0=203.0.113.1",), "rule": None,
                         "mangle": None, "filter": None}):
        status, out, err = stage.run("setup")
    assert (status, err) == (0, "")
    assert "/interface/list/add name=LAN\n/interface/list/member/add list=LAN interface=bridge\n" in out
    assert "gateway=proton routing-table=vpn-in" in out and "in-interface=!proton" in out and "wg1" not in out


def test_setup_removes(stage):
    env = dict(MIKROTIK_API_ADDRESS=None, MIKROTIK_API_USER=None, MIKROTIK_API_PASSWORD=None)
    status, out, err = stage.run("setup", "--routeros", "7.21", "--remove", **env)
    assert (status, err, out) == (0, "", (SNAPSHOTS / "7.21-remove.rsc").read_text())
    for via in ("main", "rule", "mangle"):
        status, out, err = stage.run("setup", "--via", via, "--routeros", "7.20", **env)
        assert (status, err, out) == (0, "", (SNAPSHOTS / f"7.20-{via}.rsc").read_text())


def test_setup_of_an_image_in_a_registry(stage):
    env = dict(MIKROTIK_API_ADDRESS=None, MIKROTIK_API_USER=None, MIKROTIK_API_PASSWORD=None)
    name = "ghcr.io/owner/double-natpmp:0.1.0"
    status, out, err = stage.run("setup", "--image", name, "--routeros", "7.20", **env)
    assert (status, err, out) == (0, "", (SNAPSHOTS / "7.20-image.rsc").read_text())
    status, out, err = stage.run("setup", "--routeros", "7.20", "--image", "two words", **env)
    assert (status, out) == (2, "") and "usage: double-natpmp setup" in err
    status, out, err = stage.run("setup", "--routeros", "7.20", "--image", "https://" + name, **env)
    assert (status, out) == (2, "") and "usage: double-natpmp setup" in err and "such as ghcr.io/owner/" in err


def test_setup_without_an_answer(stage):
    with stage.router(policies=("write,api",)):
        status, out, err = stage.run("setup")
        assert (status, out) == (1, "") and "the user lacks the policy read" in err and "--routeros" in err
    status, out, err = stage.run("setup")
    assert (status, out) == (1, "") and "refuses connections" in err
    with stage.router(version=("6.49.10",)):
        status, out, err = stage.run("setup")
        assert (status, out) == (1, "") and "has no containers" in err


# ---- setup with a given version asks no router ----

SNAPSHOTS = ROOT / "tests/unit/setup"


@pytest.mark.parametrize("version", ["7.12", "7.19", "7.20", "7.21"])
def test_setup_prints_the_commands(stage, version):
    """The gateway is the only setting that it needs."""
    status, out, err = stage.run("setup", "--routeros", version, MIKROTIK_API_ADDRESS=None, MIKROTIK_API_USER=None,
                                 MIKROTIK_API_PASSWORD=None)
    assert (status, err) == (0, "")
    assert out == (SNAPSHOTS / f"{version}.rsc").read_text()


def test_setup_of_a_configuration(stage):
    env = dict(MIKROTIK_API_ADDRESS="192.168.88.1:9000", MIKROTIK_API_USER="mapper", INSTANCE="two",
               LISTEN_ADDR="172.20.0.2:5360", LOG_LEVEL="debug", MIKROTIK_IN_INTERFACE="wg one")
    status, out, err = stage.run("setup", "--routeros", "7.22.1", **env)
    assert (status, err) == (0, "")
    envs = [line.split(" ", 2)[2] for line in out.splitlines() if line.startswith("/container/envs/add")]
    assert envs == ["key=VPN_GATEWAY value=10.2.0.1", "key=MIKROTIK_API_ADDRESS value=172.20.0.1:9000",
                    "key=MIKROTIK_API_PASSWORD value=CHANGE-ME", "key=MIKROTIK_API_USER value=mapper",
                    "key=INSTANCE value=two", 'key=MIKROTIK_IN_INTERFACE value="wg one"', "key=LISTEN_ADDR value=:5360",
                    "key=LOG_LEVEL value=DEBUG"]
    assert "/user/add name=mapper group=natpmp password=CHANGE-ME address=172.20.0.2" in out
    assert "/ip/service/set api disabled=no address=172.20.0.2/32 port=9000" in out and "api-ssl" not in out
    assert "to-addresses=172.20.0.2 to-ports=5360" in out


@pytest.mark.parametrize("env,made", [
    ({}, True),
    ({"MIKROTIK_API_TLS_FINGERPRINT": "ab" * 32}, False),
    ({"MIKROTIK_API_TLS_INSECURE": "true"}, False),
    ({"MIKROTIK_API_TLS_CA": "/certificates/router.pem"}, False),
])
def test_setup_with_tls(stage, env, made):
    status, out, err = stage.run("setup", "--routeros", "7.20", MIKROTIK_API_TLS="true", MIKROTIK_API_ADDRESS=None, **env)
    assert (status, err) == (0, "")
    assert "/ip/service/set api-ssl disabled=no" in out and "dst-port=8729" in out and "set api " not in out
    assert "key=MIKROTIK_API_TLS value=true" in out
    assert ("/certificate/sign api\n" in out) == made
    assert ("key=MIKROTIK_API_TLS_FINGERPRINT value=[/certificate/get api fingerprint]" in out) == made
    assert ("dst=/certificates\n" in out) == ("MIKROTIK_API_TLS_CA" in env)


def test_setup_mounts_the_password_file(stage):
    status, out, _ = stage.run("setup", "--routeros", "7.20", MIKROTIK_API_PASSWORD=None,
                               MIKROTIK_API_PASSWORD_FILE="/run/secrets/password")
    assert status == 0 and "key=MIKROTIK_API_PASSWORD_FILE value=/run/secrets/password" in out
    assert "/container/mounts/add name=natpmp1 src=/double-natpmp1 dst=/run/secrets" in out and "mounts=natpmp1" in out


@pytest.mark.parametrize("arguments,env,what", [
    (["--routeros"], {}, "usage"),
    (["--routeros", "seven"], {}, "is not a RouterOS version"),
    (["--routeros", "7.20", "x"], {}, "usage"),
    (["--version"], {}, "usage"),
    (["--via"], {}, "usage"),
    (["--via", "answers"], {}, "usage"),
    (["--routeros", "7.20"], {"VPN_GATEWAY": None}, "VPN_GATEWAY"),
    ([], {"MIKROTIK_API_PASSWORD": None}, "the RouterOS version is unknown"),
    ([], {"MIKROTIK_API_ADDRESS": None}, "the RouterOS version is unknown"),
    ([], {"MIKROTIK_API_PASSWORD": "", "MIKROTIK_API_PASSWORD_FILE": "/nowhere"}, "/nowhere"),
])
def test_setup_is_asked_wrongly(stage, arguments, env, what):
    status, out, err = stage.run("setup", *arguments, **env)
    assert (status, out) == (2, "") and what in err and err.count("\n") == 1


# ---- a report for the developers ----

# Everything that the owner of a router has chosen.
PRIVATE = {
    "interface": ("uplink-mine=203.0.113.77/24", "brmine=192.168.99.1/24", "vethmine=172.17.0.1/30", "tunmine=10.2.0.2/24"),
    "type": ("uplink-mine=ether", "brmine=bridge", "vethmine=veth", "tunmine=wg"),
    "list": ("WAN=uplink-mine,tunmine", "LAN=brmine", "zonemine=brmine"),
    "route": ("0.0.0.0/0=203.0.113.1", "198.51.100.0/24=tunmine,table=tablemine"),
    "rule": (REDIRECT, 'chain=dstnat action=dst-nat protocol=tcp dst-port=4711 to-addresses=192.168.99.44 in-interface=brmine '
                       'comment="camera of mymother"', "chain=srcnat action=masquerade out-interface-list=WAN",
             "chain=chainmine action=accept connection-mark=markmine"),
    "filter": ('chain=forward action=drop src-address-list=listmine tls-host=hostmine comment="bad guys"',
               "chain=forward action=jump jump-target=chainmine"),
    "mangle": ("chain=prerouting action=mark-connection new-connection-mark=markmine in-bridge-port=brmine",
               "chain=prerouting action=newaction new-routing-mark=routemine"),
    "routing-rule": ("src-address=192.168.99.9/32 action=lookup table=tablemine",),
    "peer": ("interface=tunmine allowed-address=198.51.100.0/24 public-key=keymine comment=peermine",),
    "vrf": ("name=vrfmine interfaces=uplink-mine",),
    "address-list": ("list=listmine address=198.51.100.99", "list=listmine address=mydomain.example"),
}
SECRETS = ["mine", "mymother", "camera", "bad guys", "4711", "192.168.99", "203.0.113", "198.51.100", "172.17.0", "10.2.0",
           "11.22.33", "mydomain", "a stage's secret", "natpmp "]


def test_a_report_contains_nothing_private(stage):
    with stage.gateway(), stage.router(**PRIVATE, version=("7.24",)) as router:
        router.ask("fail /ip/firewall/raw/print failure: no table tablemine for 192.168.99.9 of camera (9)")
        status, out, err = stage.run("check", "--report")
        assert status in (0, 1) and err == ""
        assert not [secret for secret in SECRETS if secret in out.replace("double-natpmp ", "")], out
        assert 'router: version="7.24 (stable)" board-name="RB5009UG+S+" architecture-name="arm64"' in out
        assert "/ip/firewall/raw/print: rows=0 ms=" in out and "refused: failure: no table ... for ... ... ... (9)" in out
        assert "src-address-list" in out and "tls-host" in out and "new-routing-mark" in out
        assert "interfaces: ether bridge veth wg" in out
        assert "condition=in-bridge-port" in out and "action=newaction" in out
        assert " login=pass " in out and " gateway=pass " in out
        assert stage.run("check", "--report", "--json")[0] == 2


def test_a_report_without_a_router(stage):
    status, out, _ = stage.run("check", "--report")
    assert status == 1 and "router: not read" in out and "findings: api=fail" in out

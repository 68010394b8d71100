"""The router model speaks the API as independent clients understand it: librouteros and node-routeros.
Runs routerd on a free loopback port. BUILD_DIR says where routerd is (default build/dev).
"""

import json
import os
import pathlib
import re
import socket
import subprocess
import threading

import librouteros
import pytest
from control import Control
from librouteros.exceptions import ConnectionClosed, FatalError, MultiTrapError, TrapError
from librouteros.login import token
from librouteros.query import And, Key, Or

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / os.environ.get("BUILD_DIR", "build/dev")
ROUTERD = BUILD / "routerd"
PASSWORD = "pass word"  # with a blank inside


class Routerd:
    def __init__(self, folder, *arguments, version="7.18", prefix=(), environment=None):
        self.control = folder / "control"
        self.state = folder / "state.json"
        password = folder / "password"
        password.write_text(PASSWORD + "\n")
        self.process = subprocess.Popen(
            [*prefix, ROUTERD, "--listen", "127.0.0.1:0", "--version", version, "--password-file", password,
             "--control", self.control, "--state", self.state,
             "--interface", "ether1", "--interface", "bridge=192.168.88.1/24", "--interface", "wg0=10.2.0.2/24",
             "--route", "0.0.0.0/0=192.168.88.254", "--list", "LAN=bridge", *arguments],
            stdout=subprocess.PIPE, text=True, env=environment)
        line = self.process.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:"), line
        self.port = int(line.rsplit(":", 1)[1])

    def connect(self, user="admin", password=PASSWORD, **more):
        return librouteros.connect("127.0.0.1", user, password, port=self.port, timeout=5, **more)

    def ask(self, command):
        return Control(self.control).ask(command)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=5) == 0


@pytest.fixture
def start(tmp_path):
    running = []

    def make(*arguments, **more):
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(Routerd(folder, *arguments, **more))
        return running[-1]

    yield make
    for router in running:
        router.stop()


RULE = {"chain": "dstnat", "action": "dst-nat", "protocol": "tcp", "in-interface": "wg0",
        "to-addresses": "192.168.88.10", "to-ports": "8080"}


def nat(api):
    return api.path("/ip/firewall/nat")


# ---- librouteros ----

def test_login_and_wrong_password(start):
    router = start("--extra-user", "reader:r:read,api", "--extra-user", "nobody:n:read")
    assert tuple(router.connect()("/system/identity/print")) == ({"name": "MikroTik"},)
    for user, password in (("admin", "wrong"), ("root", PASSWORD), ("nobody", "n")):
        with pytest.raises(TrapError) as error:
            router.connect(user, password)
        assert error.value.message == "invalid user name or password (6)"
    api = router.connect("reader", "r")
    with pytest.raises(TrapError) as error:
        nat(api).add(chain="dstnat")
    assert error.value.message == "not enough permissions (9)"
    assert tuple(nat(api)) == ()


def test_login_before_6_43(start):
    router = start(version="6.42.9")
    api = router.connect(login_method=token)
    assert tuple(api("/system/resource/print"))[0]["version"] == "6.42.9 (stable)"
    with pytest.raises(TrapError) as error:
        router.connect(password="wrong", login_method=token)
    assert error.value.message == "cannot log in"


def test_challenge_is_refused_since_6_45(start):
    router = start(version="6.49.10")
    with pytest.raises(TrapError):
        router.connect(login_method=token)
    router.connect()


@pytest.mark.parametrize("version", ["6.49.10", "7.12.1", "7.16.2", "7.18.2", "7.24"])
def test_add_print_set_remove(start, version):
    router = start(version=version)
    api = router.connect()
    first = nat(api).add(**RULE, **{"dst-port": "80", "comment": "one"})
    second = nat(api).add(**RULE, **{"dst-port": "81,90-99", "comment": "two", "place-before": first})
    assert (first, second) == ("*1", "*2")
    rows = tuple(nat(api))
    assert [row["comment"] for row in rows] == ["two", "one"]
    assert rows[0] == {**RULE, ".id": "*2", "dst-port": "81,90-99", "comment": "two", "log": False, "log-prefix": "",
                       "bytes": 0, "packets": 0, "invalid": False, "dynamic": False, "disabled": False,
                       "to-ports": 8080}
    nat(api).update(**{".id": first, "comment": "changed", "disabled": True})
    assert tuple(nat(api))[1]["comment"] == "changed"
    assert tuple(nat(api))[1]["disabled"] is True
    assert json.loads(router.ask("list"))[1]["comment"] == "changed"
    nat(api).remove(first, second)
    assert tuple(nat(api)) == ()
    assert json.loads(router.state.read_text()) == []


def test_long_words(start):
    api = start().connect()
    for length in (100, 118, 119, 200, 255, 256, 16383 - 9, 16384 - 9, 40000):
        comment = "x" * length
        nat(api).add(chain="dstnat", comment=comment)
        assert tuple(nat(api))[-1]["comment"] == comment


def test_queries_and_properties(start):
    api = start().connect()
    for port in range(80, 84):
        nat(api).add(**{**RULE, "protocol": "udp" if port % 2 else "tcp", "dst-port": str(port)})
    port, protocol, ident = Key("dst-port"), Key("protocol"), Key(".id")
    def ports(*query):
        return [row["dst-port"] for row in nat(api).select(port).where(*query)]
    assert ports(protocol == "udp") == [81, 83]
    assert ports(protocol != "udp") == [80, 82]
    assert ports(port > 81) == [82, 83]
    assert ports(protocol == "tcp", port < 82) == [80]
    assert ports(Or(port == 80, port == 83)) == [80, 83]
    assert ports(And(protocol == "udp", Or(port == 80, port == 83))) == [83]
    assert ports(Key("disabled") == False) == [80, 81, 82, 83]
    assert tuple(nat(api).select(ident).where(port == 80)) == ({".id": "*1"},)
    assert tuple(api.rawCmd("/ip/firewall/nat/print", "=count-only=", "?protocol=udp")) == ({"ret": 2},)


def test_traps(start):
    api = start().connect()
    def refusal(command, **arguments):
        with pytest.raises(TrapError) as error:
            tuple(api(command, **arguments))
        return error.value.message, error.value.category
    add = "/ip/firewall/nat/add"
    assert refusal(add, **{**RULE, "in-interface": "wg9"}) == ("input does not match any value of interface", 1)
    assert refusal(add, **{**RULE, "dst-port": "99999"}) == ("value of range out of range (0..65535)", 1)
    assert refusal(add, chain="dstnat", **{"dst-port": "1"}) == (
        "failure: ports can be specified if proto is tcp,udp,udp-lite,dccp,sctp", None)
    assert refusal(add, **RULE, foo="1") == ("unknown parameter foo", None)
    assert refusal("/ip/firewall/nat/remove", **{".id": "*99"}) == ("no such item (4)", None)
    assert refusal("/ip/firewall/nat/frob") == ("no such command", 0)
    with pytest.raises(MultiTrapError) as error:
        tuple(api("/caps-man/interface/print"))
    assert str(error.value) == "no such command or directory (caps-man), no such command prefix"
    with pytest.raises(FatalError, match="session terminated on request"):
        tuple(api("/quit"))


def test_empty_is_sent_since_7_18_only(start):
    for version, words in (("7.16", ["!done"]), ("7.18", ["!empty", "!done"])):
        api = start(version=version).connect()
        api.protocol.writeSentence("/ip/firewall/nat/print")
        for word in words:
            assert api.readSentence()[0] == word


def test_route_check(start):
    router = start()
    api = router.connect()
    assert tuple(api("/ip/route/check", **{"dst-ip": "10.2.0.1", "once": ""})) == (
        {"status": "ok", "interface": "wg0"},)
    assert tuple(api("/ip/route/check", **{"dst-ip": "8.8.8.8", "once": ""})) == (
        {"status": "ok", "interface": "bridge", "nexthop": "192.168.88.254"},)
    old = start(version="7.12").connect()
    with pytest.raises(TrapError, match="no such command"):
        tuple(old("/ip/route/check", **{"dst-ip": "10.2.0.1", "once": ""}))
    rows = tuple(old.rawCmd("/ip/route/print", "?active=true", "=.proplist=dst-address,immediate-gw"))
    assert {"dst-address": "0.0.0.0/0", "immediate-gw": "192.168.88.254%bridge"} in rows


def test_listen_and_cancel(start):
    router = start()
    protocol = router.connect().protocol  # the lower level, since librouteros has no tags
    protocol.writeSentence("/ip/firewall/nat/listen", ".tag=L")
    rule = router.ask('add chain=dstnat comment="by hand"').strip()
    word, words = protocol.readSentence()
    assert word == "!re" and words[:2] == (".tag=L", f"=.id={rule}") and words[-1] == "=comment=by hand"
    router.ask(f"set {rule} disabled=yes")
    assert "=disabled=true" in protocol.readSentence()[1]
    router.ask(f"remove {rule}")
    assert protocol.readSentence() == ("!re", (".tag=L", f"=.id={rule}", "=.dead=true"))
    protocol.writeSentence("/cancel", "=tag=L", ".tag=C")
    assert protocol.readSentence() == ("!trap", (".tag=L", "=category=2", "=message=interrupted"))
    assert protocol.readSentence() == ("!done", (".tag=C",))
    assert protocol.readSentence() == ("!done", (".tag=L",))


def test_faults_by_the_control_socket(start):
    router = start()
    api = router.connect()
    router.ask("dribble on")
    assert tuple(api("/system/identity/print")) == ({"name": "MikroTik"},)
    router.ask("dribble off")
    router.ask("fail /ip/firewall/nat/add failure: as asked")
    with pytest.raises(TrapError, match="failure: as asked"):
        nat(api).add(chain="dstnat")
    router.ask("drop-at after /ip/firewall/nat/add")
    with pytest.raises(ConnectionClosed):
        nat(api).add(chain="dstnat", comment="answer lost")
    api = router.connect()
    assert [row["comment"] for row in nat(api)] == ["answer lost"]
    router.ask("access refused")
    with pytest.raises(ConnectionRefusedError):
        router.connect()
    router.ask("access close")
    with pytest.raises((ConnectionClosed, OSError)):
        router.connect()
    router.ask("access open")
    router.ask("mute 200")
    assert len(tuple(nat(api))) == 1  # late, but it arrives
    router.ask("reboot 100 reset")
    with pytest.raises((ConnectionClosed, OSError)):
        tuple(nat(api))
    wait_until(lambda: can_connect(router))
    assert len(tuple(nat(router.connect()))) == 1
    assert json.loads(router.ask("counters"))["adds"] == 1
    with pytest.raises(RuntimeError, match="unknown command"):
        router.ask("nonsense")
    assert subprocess.run([ROUTERD, "--ask", router.control, "remove", "*77"], capture_output=True).returncode == 1


def can_connect(router):
    try:
        router.connect().close()
    except OSError:
        return False
    return True


def wait_until(condition, seconds=5):
    done = threading.Event()
    for _ in range(seconds * 100):
        if condition():
            return
        done.wait(0.01)
    raise TimeoutError


# ---- nftables ----

def test_the_script_for_nft(start, tmp_path):
    script = tmp_path / "got"
    fake = tmp_path / "nft"
    fake.write_text(f'#!/bin/sh\ncase $1 in list) cat {tmp_path}/list ;; *) cat > {script} ;; esac\n')
    fake.chmod(0o755)
    (tmp_path / "list").write_text("")
    router = start("--nft-chain", "ip nat maps", "--device", "wg0=tun7",
                   environment={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert script.read_text() == "flush chain ip nat maps\n"
    api = router.connect()

    def rules():
        head, *lines = script.read_text().splitlines()
        assert head == "flush chain ip nat maps"
        return [re.sub(r' comment "\*[0-9A-F]+"$', "", line.removeprefix("add rule ip nat maps ")) for line in lines]

    def counted():
        return [(row["packets"], row["bytes"]) for row in nat(api).select(Key("packets"), Key("bytes"))]

    nat(api).add(**RULE, **{"dst-port": "80"})
    first = 'iifname { "tun7" } meta l4proto tcp tcp dport 80 counter dnat to 192.168.88.10:8080'
    assert rules() == [first]  # before the add is answered
    assert script.read_text().endswith('192.168.88.10:8080 comment "*1"\n') and counted() == [(0, 0)]
    (tmp_path / "list").write_text(f'\t\t{first.replace("counter", "counter packets 3 bytes 180")} comment "*1"\n')
    assert counted() == counted() == [(3, 180)]
    nat(api).update(**{".id": "*1", "log-prefix": "x"})  # the kernel begins again at 0
    assert counted() == [(6, 360)]
    (tmp_path / "list").write_text("")
    nat(api).update(**{".id": "*1", "disabled": True})
    assert rules() == []
    router.ask("add chain=dstnat action=dst-nat in-interface-list=!LAN protocol=udp dst-port=!1-5,9 to-addresses=1.0.0.1")
    assert rules() == ['iifname != { "bridge" } meta l4proto udp udp dport != { 1-5,9 } counter dnat to 1.0.0.1']
    router.ask("member LAN bridge remove")
    assert rules() == ["meta l4proto udp udp dport != { 1-5,9 } counter dnat to 1.0.0.1"]
    router.ask("remove *2")
    router.ask("add chain=srcnat action=masquerade")
    router.ask("add chain=dstnat action=dst-nat to-ports=7 dst-address=1.0.0.1")
    assert rules() == ["ip daddr 1.0.0.1 meta l4proto { tcp, udp } counter dnat to :7"]
    router.ask("enable *1")
    assert rules()[0] == first
    router.ask("interface wg0 down")
    assert len(rules()) == 1
    router.ask("add chain=dstnat action=dst-nat in-interface=wg0 random=50 to-addresses=1.0.0.1")
    assert len(rules()) == 1


def test_nft_takes_the_rules(start):
    chain = "nft add table ip nat && nft add chain ip nat maps && exec \"$@\""
    unshare = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--net", "sh", "-euc"]
    router = start("--nft-chain", "ip nat maps", prefix=[*unshare, f"ip link set lo up; {chain}", "-"])
    for attributes in ("in-interface=wg0 protocol=tcp dst-port=80 to-addresses=192.168.88.10 to-ports=8080",
                       "in-interface=!wg0 protocol=udp dst-port=80,90-99 to-addresses=192.168.88.10 to-ports=80-90",
                       "in-interface-list=LAN dst-address=10.2.0.2 to-addresses=192.168.88.10-192.168.88.20",
                       "src-address=!10.0.0.0/8 dst-address-type=local protocol=!icmp to-addresses=192.168.88.10",
                       "to-addresses=192.168.88.10 to-ports=9"):
        router.ask(f"add chain=dstnat action=dst-nat {attributes}")
    router.ask("add chain=dstnat action=redirect protocol=udp dst-port=5351 to-ports=53")
    router.ask("add chain=dstnat action=accept protocol=tcp src-port=!1024-65535")
    namespace = f"--net=/proc/{router.process.pid}/ns/net"
    user = [] if os.geteuid() == 0 else [f"--user=/proc/{router.process.pid}/ns/user", "--preserve-credentials"]

    def rules():
        listing = subprocess.run(["nsenter", *user, namespace, "nft", "list", "table", "ip", "nat"],
                                 capture_output=True, text=True, check=True).stdout
        return [line.strip() for line in listing.splitlines() if "counter" in line]

    assert len(rules()) == 7
    assert rules()[0] == 'iifname "wg0" tcp dport 80 counter packets 0 bytes 0 dnat to 192.168.88.10:8080 comment "*1"'
    router.ask("remove *1")
    assert len(rules()) == 6


# ---- node-routeros ----

@pytest.fixture(scope="session")
def node():
    """The folder with node_modules. Its installation needs the network, so it must be done before a namespace is
    entered."""
    subprocess.run([HERE / "node" / "install", BUILD], check=True)
    return BUILD / "lab-node"


def run_node(node, router, story):
    environment = {**os.environ, "NODE_PATH": str(node / "node_modules")}
    return subprocess.run(["node", HERE / "node" / "check.js", story, str(router.port), PASSWORD], env=environment,
                          capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("version", ["6.49.10", "7.16"])
@pytest.mark.parametrize("story", ["login", "rules", "traps", "listen"])
def test_node_routeros(start, node, story, version):
    result = run_node(node, start(version=version), story)
    assert result.returncode == 0, result.stdout + result.stderr


def test_node_routeros_logs_in_before_6_43(start, node):
    result = run_node(node, start(version="6.42.9"), "login")
    assert result.returncode == 0, result.stdout + result.stderr


def test_node_routeros_knows_no_empty_reply(start, node):
    """It is known to fail there with real routers of 7.18."""
    result = run_node(node, start(version="7.18"), "empty")
    assert result.returncode != 0 and "!empty" in result.stderr + result.stdout
    result = run_node(node, start(version="7.16"), "empty")
    assert result.returncode == 0, result.stdout + result.stderr

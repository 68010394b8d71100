"""The lab: an internet host, a VPN gateway, a router, a container with the daemon, and two LAN clients, each
in a network namespace of its own. It works only inside `tests/lab/enter`, which cleans up everything.
    inet 11.22.33.1 -- 11.22.33.44 gw 10.2.0.1 == WireGuard == 10.2.0.2 rtr 192.168.88.1 -- lan1 .11, lan2 .12
         203.0.113.1 ------------------------------ 203.0.113.2 rtr 172.17.0.1 -- 172.17.0.2 ctr
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from daemon import Daemon
from gateway import Gateway
from gateway_model import PROTON, GatewayModel
from natpmp import Client, map_request, natpmpc
from router import Router
from traffic import EXTERNAL, INTERNET_HOST, Listener
from wire import Wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMESPACES = ("inet", "gw", "rtr", "ctr", "lan1", "lan2")

# Of the tunnel. It is on the gateway's loopback interface, so that it stays when the external address changes.
ENDPOINT = "11.22.33.40"
GATEWAY = "10.2.0.1"
ROUTER_TUNNEL = "10.2.0.2"
ROUTER_LAN = "192.168.88.1"
ROUTER_CONTAINER = "172.17.0.1"
CONTAINER = "172.17.0.2"
CLIENTS = {"lan1": "192.168.88.11", "lan2": "192.168.88.12"}
# The router's interface names are those of RouterOS.
TUNNEL_INTERFACE = "wg-vpn"

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(namespace):
    """Sockets that are opened and programs that are started in the block belong to that namespace permanently."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        _setns(there.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def wait_until(condition, limit=10.0, what=None):
    """Returns the first true value of condition(). Fails if there is none within `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what or condition.__doc__ or condition}")
        time.sleep(0.01)


def release_build(lab):
    """The folder of the release build, for measurements that a sanitizer would change."""
    build = lab.build.parent / "release"
    assert (build / "double-natpmp").exists(), "build the release first: make release"
    return build


def tunnel_device_works():
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError:
        return False
    return True


class Process:
    """Starts a program in a namespace, with its output in a file, or wherever `output` leads."""

    def __init__(self, lab, name, namespace, argv, env=None, output=None):
        self.name = name
        self.log_path = lab.folder / f"{name}.log"
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", **(env or {})}
        with inside(namespace), open(self.log_path, "ab") as log:
            output = log if output is None else output
            self.popen = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={name: str(value) for name, value in environment.items()}, cwd=lab.folder)
        self.pid = self.popen.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, limit=10.0):
        return self.popen.wait(limit)

    def kill(self):
        if self.running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
        self.popen.wait()


class Lab:
    """`with Lab() as lab:` runs everything except the daemon. Without router or gateway they are started later with
    lab.router.start() and lab.gateway.start()."""

    def __init__(self, router=True, gateway=True, tunnel=None, proton=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="double-natpmp-lab-"))
        best = "wireguard" if tunnel_device_works() else "veth"
        self.tunnel = tunnel or os.environ.get("LAB_TUNNEL", best)
        self.build = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/dev")).resolve()
        self.processes = []
        self.wires = []
        self.router = Router(self)
        self.gateway = GatewayModel(self, *PROTON) if proton else Gateway(self)
        self._start_router = router
        self._start_gateway = gateway

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        self._links()
        self._tunnel()
        self._firewall()
        if self._start_gateway:
            self.gateway.start()
        if self._start_router:
            self.router.start()

    def close(self):
        for wire in self.wires:
            wire.close()
        self.gateway.close()
        for process in reversed(self.processes):
            process.kill()
        self.ip(*(f"netns del {name}" for name in os.listdir("/run/netns")))
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- tools ----

    wait_until = staticmethod(wait_until)

    def popen(self, name, namespace, argv, env=None, output=None):
        process = Process(self, name, namespace, argv, env, output)
        self.processes.append(process)
        return process

    def program(self, name):
        """A program of the tests, from the daemon's build or another one, because the release build has no tests."""
        root = self.build.parent
        for path in (self.build / name, root / "dev" / name, root / "sim" / name):
            if path.exists():
                return path
        raise FileNotFoundError(f"no {name} in {self.build}, {root}/dev, {root}/sim: build it first")

    def run(self, namespace, *argv, check=True, stdin=None, limit=30):
        """Returns the output of a program in a namespace; with check=False the whole result."""
        with inside(namespace):
            result = subprocess.run(
                [str(a) for a in argv], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                capture_output=True, text=True, timeout=limit)
        if not check:
            return result
        output = result.stdout + result.stderr
        assert result.returncode == 0, f"{argv} in {namespace}: {result.returncode}\n{output}"
        return result.stdout

    def ip(self, *lines, namespace=None):
        where = ["-n", namespace] if namespace else []
        subprocess.run(["ip", *where, "-batch", "-"], input="\n".join(lines), text=True, check=True)

    def nft(self, namespace, script):
        return self.run(namespace, "nft", "-f", "-", stdin=script)

    def socket(self, namespace, kind, bind=None, family=socket.AF_INET):
        """A socket in that namespace with a time limit, bound if an address is given."""
        with inside(namespace):
            s = socket.socket(family, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(5)
        if bind:
            s.bind(bind)
        return s

    def daemon(self, name="daemon", env=None, build=None, wait=True, output=None, wrapper=()):
        """The daemon in the container, serving, started by `wrapper`; `env` overrides, None removes a variable."""
        daemon = Daemon(self, name, env or {}, build or self.build, output=output, wrapper=wrapper)
        if wait:
            wait_until(lambda: self._serves(daemon), what="the daemon answers on the LAN")
        return daemon

    def _serves(self, daemon):
        assert daemon.running(), f"the daemon ended with status {daemon.process.wait()}:\n{daemon.log()}"
        return self.client("lan1").serves()

    def client(self, namespace, **keys):
        return Client(self, namespace, **keys)

    def open_sessions(self, daemon, count):
        """Makes the daemon open so many sessions at the router's API. Returns how many mappings that took."""
        def ready():
            return sum(one["message"] == "an additional API session is ready" for one in daemon.log_lines("debug"))

        client = self.client("lan1")
        assert client.map("udp", 5000).result == 0
        mappings = 1
        self.router.ask("latency 1500")
        for sessions in range(2, count + 1):
            # The daemon opens one more session when eight commands wait on each that is ready, and none is being
            # opened.
            for _ in range(8 * (sessions - 1) + 1):
                client.send(map_request("udp", 5000 + mappings))
                mappings += 1
            wait_until(lambda: ready() >= sessions - 1, limit=30, what=f"{sessions} sessions")
        self.router.ask("latency 0")
        assert self.router.counters()["sessions"] == count
        return mappings

    def listener(self, namespace, protocol, port):
        return Listener(self, namespace, protocol, port)

    def wire(self):
        """A capture of NAT-PMP on the LAN from now on, which ends with the lab."""
        self.wires.append(Wire(self))
        return self.wires[-1]

    def natpmpc(self, *args, **keys):
        return natpmpc(self, *args, **keys)

    def logs(self):
        """(name, text) of everything that ran, for the report of a failure."""
        return ([(p.name, p.log()) for p in self.processes] +
                [("NAT-PMP on the LAN", wire.text()) for wire in self.wires])

    # ---- topology ----

    def _links(self):
        def veth(a, a_name, b, b_name):
            return f"link add {a_name} netns {a} type veth peer name {b_name} netns {b}"

        self.ip(*(f"netns add {name}" for name in NAMESPACES))
        self.ip(veth("inet", "gw0", "gw", "wan0"), veth("inet", "isp0", "rtr", "ether1"),
                veth("lan1", "eth0", "rtr", "ether2"), veth("lan2", "eth0", "rtr", "ether3"),
                veth("ctr", "eth0", "rtr", "veth1"))
        self.ip("link set lo up", "link set gw0 up", "link set isp0 up",
                f"addr add {INTERNET_HOST}/24 dev gw0", "addr add 203.0.113.1/24 dev isp0", namespace="inet")
        self.ip("link set lo up", "link set wan0 up", f"addr add {EXTERNAL}/24 dev wan0",
                f"addr add {ENDPOINT}/32 dev lo", f"route add default via {INTERNET_HOST}", namespace="gw")
        self.ip("link set lo up", "link add bridge type bridge", "link set bridge up",
                "link set ether2 master bridge", "link set ether3 master bridge",
                *(f"link set {name} up" for name in ("ether1", "ether2", "ether3", "veth1")),
                "addr add 203.0.113.2/24 dev ether1", f"addr add {ROUTER_LAN}/24 dev bridge",
                f"addr add {ROUTER_CONTAINER}/30 dev veth1", "route add default via 203.0.113.1",
                namespace="rtr")
        self.ip("link set lo up", "link set eth0 up", f"addr add {CONTAINER}/30 dev eth0",
                f"route add default via {ROUTER_CONTAINER}", namespace="ctr")
        for name, address in CLIENTS.items():
            self.ip("link set lo up", "link set eth0 up", f"addr add {address}/24 dev eth0",
                    f"route add default via {ROUTER_LAN}", namespace=name)
        for name in ("inet", "gw", "rtr"):
            with inside(name):
                pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def _tunnel(self):
        if self.tunnel == "wireguard":
            self._wireguard()
        else:
            self.ip(f"link add wg0 netns gw type veth peer name {TUNNEL_INTERFACE} netns rtr")
        self.ip("link set wg0 up mtu 1420", f"addr add {GATEWAY}/24 dev wg0", namespace="gw")
        # As on a MikroTik with a VPN: packets from the LAN and the container leave through the tunnel, and packets that
        # came in through it are answered there.
        self.ip(f"link set {TUNNEL_INTERFACE} up mtu 1420",
                f"addr add {ROUTER_TUNNEL}/24 dev {TUNNEL_INTERFACE}",
                f"route add default via {GATEWAY} dev {TUNNEL_INTERFACE} table 100",
                "rule add to 192.168.88.0/24 lookup main pref 90",
                "rule add to 172.17.0.0/30 lookup main pref 91",
                f"rule add from {ROUTER_TUNNEL} lookup 100 pref 99",
                "rule add iif bridge lookup 100 pref 100",
                "rule add iif veth1 lookup 100 pref 101", namespace="rtr")

    def _wireguard(self):
        public = {}
        ends = {"gw": "wg0", "rtr": TUNNEL_INTERFACE}
        for namespace, device in ends.items():
            key = self.run(namespace, "wg", "genkey")
            (self.folder / f"{device}.key").write_text(key)
            # An earlier lab's wireguard-go was killed and has left its socket.
            pathlib.Path(f"/run/wireguard/{device}.sock").unlink(missing_ok=True)
            public[namespace] = self.run(namespace, "wg", "pubkey", stdin=key).strip()
            self.popen(f"wireguard-{namespace}", namespace, ["wireguard-go", device],
                       env={"WG_PROCESS_FOREGROUND": "1"})
        for device in ends.values():
            wait_until(lambda: os.path.exists(f"/run/wireguard/{device}.sock"), what=f"wireguard-go {device}")
        self.run("gw", "wg", "set", "wg0", "private-key", self.folder / "wg0.key", "listen-port", 51820,
                 "peer", public["rtr"], "allowed-ips", f"{ROUTER_TUNNEL}/32")
        self.run("rtr", "wg", "set", TUNNEL_INTERFACE, "private-key", self.folder / f"{TUNNEL_INTERFACE}.key",
                 "peer", public["gw"], "endpoint", f"{ENDPOINT}:51820", "allowed-ips", "0.0.0.0/0",
                 "persistent-keepalive", 25)

    def _firewall(self):
        # The chain dstnat contains the rules of the router's API. Until the API is up, it contains only the redirect.
        self.nft("rtr", f"""
            table ip nat {{
                chain dstnat {{
                    iifname "bridge" ip daddr {ROUTER_LAN} udp dport 5351 dnat to {CONTAINER}
                }}
                chain prerouting {{
                    type nat hook prerouting priority dstnat;
                    jump dstnat
                }}
                chain postrouting {{
                    type nat hook postrouting priority srcnat;
                    oifname {{ "{TUNNEL_INTERFACE}", "ether1" }} masquerade
                }}
            }}
            table ip filter {{
                chain forward {{
                    type filter hook forward priority filter; policy drop;
                    ct state established,related accept
                    iifname {{ "bridge", "veth1" }} accept
                    ct status dnat accept
                }}
            }}""")
        self.nft("gw", """
            table inet filter {
                chain miniupnpd { }
                chain forward {
                    type filter hook forward priority filter; policy drop;
                    ct state established,related accept
                    iifname "wg0" accept
                    jump miniupnpd
                }
            }
            table inet miniupnpd_nat {
                chain prerouting_miniupnpd { }
                chain postrouting_miniupnpd { }
                chain prerouting { type nat hook prerouting priority dstnat; jump prerouting_miniupnpd; }
                chain postrouting {
                    type nat hook postrouting priority srcnat;
                    jump postrouting_miniupnpd
                    oifname "wan0" masquerade
                }
            }""")

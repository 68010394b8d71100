"""A small stage for programs that only ask: the program in a namespace of its own, and on the other side of one link the
router model and a gateway that says what it is told to. Works inside `tests/lab/enter`, as the lab does."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from lab import ROOT, inside, wait_until

US = "172.17.0.2"
ROUTER = "172.17.0.1"
GATEWAY = "10.2.0.1"
UNREACHABLE = "10.2.0.9"
NAMESPACES = ("rtr", "ctr")
USER = "natpmp"
PASSWORD = "a stage's secret, 4711"
EXTERNAL = "11.22.33.44"

REDIRECT = ("chain=dstnat action=dst-nat in-interface-list=LAN dst-address-type=local protocol=udp dst-port=5351 "
            "to-addresses=172.17.0.2")
MASQUERADE = "chain=srcnat action=masquerade out-interface-list=WAN ipsec-policy=out,none"
# As RouterOS comes.
FILTERS = (
    "chain=input action=accept connection-state=established,related,untracked",
    "chain=input action=drop in-interface-list=!LAN",
    "chain=forward action=accept ipsec-policy=in,ipsec",
    "chain=forward action=fasttrack-connection connection-state=established,related",
    "chain=forward action=accept connection-state=established,related,untracked",
    "chain=forward action=drop connection-state=invalid",
    "chain=forward action=drop connection-state=new connection-nat-state=!dstnat in-interface-list=WAN",
)
BASE = {
    "interface": ("ether1=203.0.113.2/24", "ether2", "bridge=192.168.88.1/24", "veth1=172.17.0.1/30",
                  "wg1=10.2.0.2/24"),
    "list": ("WAN=ether1,wg1", "LAN=bridge"),
    "route": ("0.0.0.0/0=203.0.113.1",),
    "rule": (REDIRECT, MASQUERADE),
    "filter": FILTERS,
    "version": ("7.18.2",),
    "policies": ("read,write,test,api",),
}


def build():
    return pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/dev")).resolve()


class Gateway:
    """Answers each request by what `answers` holds for its opcode: a result code, or None for silence. Deletions are asked
    for under "delete"."""

    def __init__(self, external=EXTERNAL, **answers):
        self.answers = {"address": 0, "map": 0, "delete": 0, **answers}
        self.external = external
        self.mappings = {}
        self.granted = 0
        with inside("rtr"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((GATEWAY, 5351))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            request, source = self.socket.recvfrom(2048)
            if request == b"end":
                return
            reply = self._answer(request)
            if reply is not None:
                self.socket.sendto(reply, source)

    def _answer(self, request):
        epoch = int(time.monotonic())
        if len(request) < 12:
            result = self.answers["address"]
            if result is None:
                return None
            address = self.external if result == 0 else "0.0.0.0"
            return struct.pack("!BBHI4s", 0, 128, result, epoch, socket.inet_aton(address))
        _, opcode, _, internal, _, lifetime = struct.unpack("!BBHHHI", request)
        result = self.answers["map" if lifetime else "delete"]
        if result is None:
            return None
        external = 0
        if result == 0 and lifetime:
            external = 45001
            self.mappings[internal] = lifetime
            self.granted += 1
        elif result == 0:
            self.mappings.pop(internal, None)
        return struct.pack("!BBHIHHI", 0, 128 + opcode, result, epoch, internal, external,
                           lifetime if result == 0 else 0)

    def close(self):
        self.socket.sendto(b"end", (GATEWAY, 5351))
        self.thread.join()
        self.socket.close()


class Router:
    """routerd with options by name; a value of None takes the base's away."""

    def __init__(self, folder, options):
        self.folder = folder
        self.control = folder / "control"
        self.log = folder / "routerd.log"
        self.argv = [build() / "routerd", "--listen", f"{ROUTER}:8728", "--user", USER, "--password", PASSWORD,
                     "--control", self.control]
        for name, values in {**BASE, **options}.items():
            for value in values or ():
                self.argv += [f"--{name}", value]
        with open(self.log, "wb") as log, inside("rtr"):
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, what="routerd answers")

    def _answers(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.ask("counters")
        except OSError:
            return None

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.control))
            s.sendall(command.encode() + b"\n")
            lines = []
            for line in s.makefile():
                if line == "ok\n":
                    return "".join(lines)
                assert not line.startswith("error "), f"{command}: {line}"
                lines.append(line)
        raise ConnectionError(f"{command}: no answer")

    def rules(self):
        return json.loads(self.ask("list"))

    def counters(self):
        return json.loads(self.ask("counters"))

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        text = self.log.read_text()
        assert "Sanitizer" not in text and "runtime error" not in text, text


class Stage:
    def __enter__(self):
        def ip(*lines, where=()):
            subprocess.run(["ip", *where, "-batch", "-"], input="\n".join(lines), text=True, check=True)

        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="double-natpmp-stage-"))
        ip(*(f"netns add {name}" for name in NAMESPACES), "link add rtr0 netns rtr type veth peer name eth0 netns ctr")
        ip("link set lo up", "link set rtr0 up", f"addr add {ROUTER}/30 dev rtr0", f"addr add {GATEWAY}/32 dev rtr0",
           where=["-n", "rtr"])
        ip("link set lo up", "link set eth0 up", f"addr add {US}/30 dev eth0", f"route add default via {ROUTER}",
           f"route add unreachable {UNREACHABLE}", where=["-n", "ctr"])
        return self

    def __exit__(self, *_):
        for name in NAMESPACES:
            subprocess.run(["ip", "netns", "del", name], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def gateway(self, **options):
        gateway = Gateway(**options)
        try:
            yield gateway
        finally:
            gateway.close()

    @contextlib.contextmanager
    def router(self, **options):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        router = Router(folder, options)
        try:
            yield router
        finally:
            router.close()

    def popen(self, *arguments, **env):
        environment = {
            "VPN_GATEWAY": GATEWAY,
            "MIKROTIK_API_ADDRESS": ROUTER,
            "MIKROTIK_API_USER": USER,
            "MIKROTIK_API_PASSWORD": PASSWORD,
            "PATH": os.environ["PATH"],
            "UBSAN_OPTIONS": "print_stacktrace=1",
            **env,
        }
        with inside("ctr"):
            return subprocess.Popen([build() / "double-natpmp", *arguments], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                    env={k: v for k, v in environment.items() if v is not None})

    def run(self, *arguments, **env):
        """Exit status, standard output, standard error."""
        process = self.popen(*arguments, **env)
        out, err = process.communicate(timeout=60)
        assert "Sanitizer" not in err and "runtime error" not in err, err
        assert PASSWORD not in out + err
        return process.returncode, out, err

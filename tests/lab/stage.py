"""A small network for programs that only read and ask: the program in a namespace of its own, and on the other side of
one link the models of the router and of the gateway. It works inside `tests/lab/enter`, as the lab does."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from control import Control
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
# What comes in through the tunnel is answered through the tunnel, as README has it.
RETURN_PATH = (
    "chain=prerouting action=mark-connection in-interface=wg1 connection-state=new connection-mark=no-mark "
    "new-connection-mark=vpn-in passthrough=yes",
    "chain=prerouting action=mark-routing in-interface=!wg1 connection-mark=vpn-in new-routing-mark=vpn-in passthrough=no",
)
# RouterOS's default configuration, but for the last condition of fasttrack.
FILTERS = (
    "chain=input action=accept connection-state=established,related,untracked",
    "chain=input action=drop in-interface-list=!LAN",
    "chain=forward action=accept ipsec-policy=in,ipsec",
    "chain=forward action=fasttrack-connection connection-state=established,related connection-mark=no-mark",
    "chain=forward action=accept connection-state=established,related,untracked",
    "chain=forward action=drop connection-state=invalid",
    "chain=forward action=drop connection-state=new connection-nat-state=!dstnat in-interface-list=WAN",
)
BASE = {
    "interface": ("ether1=203.0.113.2/24", "ether2", "bridge=192.168.88.1/24", "veth1=172.17.0.1/30",
                  "wg1=10.2.0.2/24"),
    "list": ("WAN=ether1,wg1", "LAN=bridge"),
    "route": ("0.0.0.0/0=203.0.113.1", "0.0.0.0/0=wg1,table=vpn-in"),
    "mangle": RETURN_PATH,
    "rule": (REDIRECT, MASQUERADE),
    "filter": FILTERS,
    "version": ("7.18.2",),
    "policies": ("read,write,test,api",),
    "api-from": (f"{US}/32",),
}


def build():
    return pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/dev")).resolve()


class Model:
    """A program of tests/models in the namespace on the other side."""

    def __init__(self, folder, program, arguments):
        self.control = Control(folder / f"{program}.control")
        self.log = folder / f"{program}.log"
        self.argv = [build() / program, "--control", self.control.path, *arguments]
        with open(self.log, "wb") as log, inside("rtr"):
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, what=f"{program} answers")

    def _answers(self):
        assert self.process.poll() is None, self.log.read_text()
        return self.control.answers()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        text = self.log.read_text()
        assert "Sanitizer" not in text and "runtime error" not in text, text


class Gateway(Model):
    """Answers each request for an address, map or delete with the result of that name, or not at all: "silent"."""

    def __init__(self, folder, external=EXTERNAL, **results):
        super().__init__(folder, "gatewayd", [
            "--listen", GATEWAY, "--external", external,
            *(word for kind, result in results.items() for word in ("--result", f"{kind}={result}"))])

    def leases(self):
        return self.control.json("leases")

    def granted(self):
        return self.control.json("counters")["grants"]


class Router(Model):
    """Starts routerd with options by name. The value None removes an option of the base."""

    def __init__(self, folder, options):
        super().__init__(folder, "routerd", [
            "--listen", f"{ROUTER}:8728", "--user", USER, "--password", PASSWORD,
            *(word for name, values in {**BASE, **options}.items() for value in values or ()
              for word in (f"--{name}", value))])

    def ask(self, command):
        return self.control.ask(command)

    def rules(self):
        return self.control.json("list")

    def counters(self):
        return self.control.json("counters")


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

    def gateway(self, **options):
        return contextlib.closing(Gateway(self._new_folder(), **options))

    def router(self, **options):
        return contextlib.closing(Router(self._new_folder(), options))

    def _new_folder(self):
        return pathlib.Path(tempfile.mkdtemp(dir=self.folder))

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

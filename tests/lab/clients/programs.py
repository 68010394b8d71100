"""The programs as their users run them, in a LAN client's namespace. Each class knows how the program is reached: a
torrent is downloaded, a device connects, a message is answered."""

import json
import re
import signal
import socket
import subprocess

from lab import CLIENTS, ROOT, ROUTER_LAN, wait_until
from torrents import Torrent, Tracker, downloads, session
from traffic import EXTERNAL, INTERNET_HOST

HOME = "lan1"


def debian_version(package):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True,
                          check=True).stdout


class Program:
    protocols = ("tcp",)
    process = None

    def __init__(self, lab):
        self.lab = lab
        self.wire = lab.wire()
        self.folder = lab.folder / "home"
        self.folder.mkdir()
        self.count = 0

    def popen(self, *argv, **environment):
        self.process = self.lab.popen(type(self).__name__, HOME, argv,
                                      env={"HOME": str(self.folder), "PYTHONWARNINGS": "ignore", **environment})

    def believes(self, protocol):
        """The external port that the program announces, or None."""
        granted = self.wire.granted(protocol)
        return granted.external if granted else None

    def crash(self):
        self.process.kill()

    def stop(self):
        """Ends the program as its user does. When this returns, it has sent everything that it sends."""
        self.process.signal(signal.SIGTERM)
        self.process.wait(40)


class Listening(Program):
    """A program that only maps a port. The test listens on it."""
    port = 5000

    def __init__(self, lab):
        super().__init__(lab)
        self.listeners = {one: lab.listener(HOME, one, self.port) for one in self.protocols}

    def reached(self, protocol):
        port = self.believes(protocol)
        return port is not None and self.listeners[protocol].reached(port)


class Natpmpc(Listening):
    """In a loop, as in ProtonVPN's guide; `every` seconds."""
    name = "natpmpc, each 45 s"
    protocols = ("udp", "tcp")
    every = 45

    def version(self):
        return debian_version("natpmpc")

    def start(self):
        maps = " && ".join(f"natpmpc -g {ROUTER_LAN} -a 1 {self.port} {one} 60" for one in self.protocols)
        self.popen("sh", "-c", f"while true; do {maps} || exit; sleep {self.every}; done")

    def stop(self):
        self.crash()


class Node(Listening):
    """A library of npm."""
    library = None
    ttl = None

    def modules(self):
        return self.lab.build / "lab-node/node_modules"

    def version(self):
        return json.loads((self.modules() / self.library / "package.json").read_text())["version"]

    def start(self):
        extra = [] if self.ttl is None else [self.ttl]
        self.popen("node", ROOT / "tests/lab/node/nat.mjs", self.library, CLIENTS[HOME], ROUTER_LAN, self.protocols[0],
                   self.port, *extra, NODE_PATH=str(self.modules()))


class NatPortMapper(Node):
    name = library = "@achingbrain/nat-port-mapper"

    def believes(self, _):
        """The port that the library reports to its caller, once."""
        found = re.findall(r'"externalPort":(\d+)', self.process.log())
        return int(found[-1]) if found else None


class NatApi(Node):
    name = library = "@silentbot1/nat-api"

    def believes(self, _):
        """The library reports `true` to its caller, which then uses the port that it requested."""
        return self.port if "true" in self.process.log() else None


class NatPmp(Node):
    name = library = "nat-pmp"

    def believes(self, _):
        found = re.findall(r'"public":(\d+)', self.process.log())
        return int(found[-1]) if found else None


class Seeder(Program):
    """Has a file that a peer on the internet host downloads. The peer knows only what the tracker reports."""
    protocols = ("tcp", "udp")
    port = 51413

    def __init__(self, lab):
        super().__init__(lab)
        self.tracker = Tracker(lab)
        self.torrent = Torrent(lab.folder)

    def believes(self, _):
        return self.tracker.last_port(EXTERNAL)

    def reached(self, protocol):
        self.count += 1
        self.announce()
        return downloads(self.lab, self.torrent, self.count, protocol)

    def announce(self):
        """Announces to the tracker at once, without waiting for the end of the tracker's interval."""


class Libtorrent(Seeder):
    name = "libtorrent-rasterbar (python3-libtorrent)"

    def version(self):
        return debian_version("python3-libtorrent")

    def start(self):
        self.session = session(HOME, {"enable_natpmp": True, "listen_interfaces": f"0.0.0.0:{self.port}"})
        self.handle = self.session.add_torrent({"ti": self.torrent.info(), "save_path": str(self.torrent.data)})

    def announce(self):
        self.handle.force_reannounce()

    def stop(self):
        self.handle = self.session = None


class Qbittorrent(Seeder):
    name = "qBittorrent (qbittorrent-nox)"

    def version(self):
        return debian_version("qbittorrent-nox")

    def start(self):
        config = self.folder / "qBittorrent/config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "qBittorrent.conf").write_text(f"""\
[LegalNotice]
Accepted=true
[Network]
PortForwardingEnabled=true
[Preferences]
WebUI\\LocalHostAuth=false
[BitTorrent]
Session\\Port={self.port}
Session\\DHTEnabled=false
Session\\LSDEnabled=false
""")
        self.popen("qbittorrent-nox", f"--profile={self.folder}", f"--save-path={self.torrent.data}",
                   "--skip-dialog=true", self.torrent.path)

    def announce(self):
        self.lab.run(HOME, "curl", "-sS", "-d", "hashes=all", "http://127.0.0.1:8080/api/v2/torrents/reannounce")


class Deluge(Seeder):
    name = "Deluge (deluged)"

    def version(self):
        return debian_version("deluged")

    def start(self):
        settings = {"listen_ports": [self.port, self.port], "random_port": False, "dht": False, "lsd": False,
                    "upnp": False, "natpmp": True, "utpex": False}
        (self.folder / "core.conf").write_text('{"file": 1, "format": 1}' + json.dumps(settings))
        self.popen("deluged", "-d", "-c", self.folder)
        wait_until((self.folder / "auth").exists, 60, "deluged runs")
        wait_until(lambda: "Torrent added" in self._console(f"add -p {self.torrent.data} {self.torrent.path}"),
                   60, "the torrent is added")

    def _console(self, command):
        """The output of deluge-console, which is empty while deluged is not ready."""
        text = self.lab.run(HOME, "deluge-console", "-c", self.folder, command, check=False, limit=60).stdout
        assert "error: argument" not in text, text
        return text

    def announce(self):
        self._console("update_tracker *")


class Transmission(Seeder):
    name = "Transmission 3 (transmission-cli)"
    protocols = ("tcp",)

    def version(self):
        return debian_version("transmission-cli")

    def start(self):
        """transmission-cli ends by itself if it reads the torrent's state before its other thread has started it, which
        happens on a busy machine."""
        for _ in range(5):
            announced = len(self.tracker.announced)
            self.popen("transmission-cli", "-m", "-p", self.port, "-v", "-w", self.torrent.data, "-g", self.folder,
                       self.torrent.path)
            wait_until(lambda: self._has_begun(announced) or not self.process.running(), 60, "it begins or ends")
            if self.process.running():
                return
        raise AssertionError("transmission-cli ended five times")

    def _has_begun(self, announced):
        return any(host == EXTERNAL and event == "started"
                   for _, host, _, event in self.tracker.announced[announced:])

    def announce(self):
        self.process.signal(signal.SIGHUP)

    def stop(self):
        self.process.signal(signal.SIGINT)
        self.process.wait(40)


class Syncthing(Program):
    """It is reached when a device on the internet host, which knows no other address, is connected to it."""
    name = "Syncthing"
    port = 22000
    renewal_min = 30  # Syncthing's own setting; a shorter one shows the same in less time

    def __init__(self, lab):
        super().__init__(lab)
        self.stranger = lab.folder / "stranger"
        self.ids = {folder: self._generate(folder) for folder in (self.folder, self.stranger)}
        self.other = None

    def version(self):
        return debian_version("syncthing")

    def _generate(self, folder):
        text = self.lab.run(HOME, "syncthing", "generate", f"--home={folder}", "--skip-port-probing",
                            "--no-default-folder")
        return re.search(r"([A-Z2-7]{7}-){7}[A-Z2-7]{7}", text + (folder / "config.xml").read_text())[0]

    def _configure(self, folder, peer, address, **options):
        """No discovery and no relays, only the peer."""
        quiet = {"globalAnnounceEnabled": False, "localAnnounceEnabled": False, "relaysEnabled": False,
                 "urAccepted": -1, "crashReportingEnabled": False, "reconnectionIntervalS": 1, "startBrowser": False,
                 "natEnabled": False, "progressUpdateIntervalS": -1, **options}
        text = (folder / "config.xml").read_text()
        for name, value in quiet.items():
            text = re.sub(rf"<{name}>[^<]*</{name}>", f"<{name}>{str(value).lower()}</{name}>", text)
        device = (f'<device id="{peer}" name="peer" introducer="false"><address>{address}</address><paused>false'
                  f'</paused></device>')
        text = re.sub(rf'\s*<device id="{peer}".*?</device>', "", text, flags=re.S)
        (folder / "config.xml").write_text(text.replace("<gui", f"{device}\n<gui", 1))

    def _serve(self, name, namespace, folder):
        # As the inner one of its two processes, so that no process outlives the one that the test knows.
        return self.lab.popen(name, namespace, [
            "syncthing", "serve", f"--home={folder}", "--no-browser", "--no-restart", "--no-upgrade",
            "--skip-port-probing"], env={"HOME": str(folder), "STMONITORED": "yes"})

    def start(self):
        self._configure(self.folder, self.ids[self.stranger], "dynamic", natEnabled=True,
                        natRenewalMinutes=self.renewal_min)
        self.process = self._serve("Syncthing", HOME, self.folder)

    def _get(self, namespace, folder, path):
        key = re.search(r"<apikey>(.*?)</apikey>", (folder / "config.xml").read_text())[1]
        result = self.lab.run(namespace, "curl", "-sS", "-H", f"X-API-Key: {key}", f"http://127.0.0.1:8384/rest/{path}",
                              check=False)
        return json.loads(result.stdout) if result.returncode == 0 and result.stdout.startswith("{") else {}

    def believes(self, _):
        """The addresses that it would announce to a discovery server. An address 0.0.0.0 is one for which the server
        inserts the address that it sees."""
        services = self._get(HOME, self.folder, "system/status").get("connectionServiceStatus") or {}
        addresses = services.get(f"tcp://0.0.0.0:{self.port}", {}).get("wanAddresses") or []
        ports = {int(one.rsplit(":", 1)[1]) for one in addresses} - {0, self.port}
        assert len(ports) <= 1, addresses
        return ports.pop() if ports else None

    def reached(self, protocol):
        port = self.believes(protocol)
        if port is None:
            return False
        self.count += 1
        self._configure(self.stranger, self.ids[self.folder], f"tcp://{EXTERNAL}:{port}")
        other = self._serve(f"Stranger{self.count}", "inet", self.stranger)
        try:
            wait_until(self._connected, 25)
        except AssertionError:
            return False
        finally:
            other.kill()
        return True

    def _connected(self):
        connections = self._get("inet", self.stranger, "system/connections").get("connections", {})
        return connections.get(self.ids[self.folder], {}).get("connected")


class OpenGnb(Program):
    """Its peers learn its address from an index, and never the port that NAT-PMP granted."""
    name = "OpenGNB (gnb)"
    protocols = ("udp",)
    port = 9001

    def version(self):
        return debian_version("opengnb")

    def start(self):
        # It finds its helper beside the path by which it was started.
        self.popen("/usr/sbin/gnb", "-b", self.folder / "gnb.map", "--pid-file", self.folder / "gnb.pid", "-n", 1001,
                   "-I", f"{INTERNET_HOST}/9009", "-l", self.port, "-p", "12345678", "-e", "--upnp", "-4")

    def believes(self, _):
        return self.port

    def reached(self, _):
        """Sends a datagram to that port. False: the gateway refused it."""
        with self.lab.socket("inet", socket.SOCK_DGRAM) as sender:
            sender.connect((EXTERNAL, self.port))
            sender.send(b"hello")
            sender.settimeout(3)
            try:
                sender.recv(1)
            except ConnectionRefusedError:
                return False
            except TimeoutError:
                pass
        return True

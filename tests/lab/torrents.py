"""A tracker on the internet host, a torrent, and a downloader that knows only what the tracker reports. A download from
a LAN client therefore takes the way of any peer on the internet."""

import hashlib
import http.server
import pathlib
import socket
import threading
import time
import urllib.parse

import libtorrent

from lab import INTERNET_HOST, inside

STRANGERS = "11.22.33.{}"
TRACKER_PORT = 6969
URL = f"http://{INTERNET_HOST}:{TRACKER_PORT}/announce"
PIECE = 16 * 1024
SIZE = 64 * PIECE


class Tracker(http.server.ThreadingHTTPServer):
    """Reports to each peer all others. `announced`: [(time, address, port, event)]."""
    daemon_threads = True
    interval_s = 10

    def __init__(self, lab):
        super().__init__((INTERNET_HOST, TRACKER_PORT), Announce, bind_and_activate=False)
        self.socket.close()
        self.socket = lab.socket("inet", socket.SOCK_STREAM, (INTERNET_HOST, TRACKER_PORT))
        self.socket.settimeout(None)
        self.socket.listen()
        self.announced = []
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()

    def handle_error(self, request, client_address):
        """A peer that leaves does not wait for the answer."""

    def last_port(self, address):
        """The port that a host announced last, or None."""
        ports = [port for _, host, port, event in list(self.announced) if host == address and event != "stopped"]
        return ports[-1] if ports else None


class Announce(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if not self.path.startswith("/announce?"):
            self.send_error(404)
            return
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, encoding="latin-1")
        host, port = self.client_address[0], int(query["port"][0])
        self.server.announced.append((time.monotonic(), host, port, query.get("event", [""])[0]))
        others = {one for one in (address for address in self.hosts()) if one != host}
        peers = b"".join(socket.inet_aton(one) + self.server.last_port(one).to_bytes(2, "big") for one in others)
        body = b"d8:intervali%de12:min intervali%de5:peers%d:%se" % (
            self.server.interval_s, self.server.interval_s, len(peers), peers)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hosts(self):
        return {host for _, host, _, _ in list(self.server.announced) if self.server.last_port(host)}

    def log_message(self, *_):
        """No output on stderr."""


class Torrent:
    """A file in `folder`/data, and `path`, its .torrent."""

    def __init__(self, folder):
        self.data = pathlib.Path(folder) / "data"
        self.data.mkdir()
        self.content = bytes(i * i % 251 for i in range(SIZE))
        (self.data / "file").write_bytes(self.content)
        pieces = b"".join(hashlib.sha1(self.content[at:at + PIECE]).digest() for at in range(0, SIZE, PIECE))
        self.path = pathlib.Path(folder) / "file.torrent"
        # Version 1 alone, because Transmission 3 knows no other. Private, so that there are no peers except the
        # tracker's.
        self.path.write_bytes(libtorrent.bencode({b"announce": URL.encode(), b"info": {
            b"length": SIZE, b"name": b"file", b"piece length": PIECE, b"pieces": pieces, b"private": 1}}))

    def info(self):
        return libtorrent.torrent_info(str(self.path))


ALERTS = libtorrent.alert.category_t.port_mapping_notification | libtorrent.alert.category_t.tracker_notification
QUIET = {"enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
         "allow_multiple_connections_per_ip": True, "alert_mask": ALERTS, "tracker_completion_timeout": 5,
         "min_announce_interval": 1, "min_reconnect_time": 1, "stop_tracker_timeout": 1}


def session(namespace, settings):
    """Its threads belong to that namespace, like everything that starts there."""
    with inside(namespace):
        return libtorrent.session({**QUIET, **settings})


def downloads(lab, torrent, number, protocol, limit=40.0):
    """True if peer `number` on the internet host gets the file, over TCP alone or over uTP (UDP) alone. Each peer has
    an address of its own, because Transmission remembers which peers have the file already."""
    address = STRANGERS.format(100 + number)
    lab.ip(f"addr add {address}/24 dev gw0", namespace="inet")
    target = lab.folder / f"download{number}"
    target.mkdir()
    tcp = protocol == "tcp"
    downloader = session("inet", {
        "listen_interfaces": f"{address}:0", "outgoing_interfaces": address,
        "enable_incoming_tcp": False, "enable_incoming_utp": False,
        "enable_outgoing_tcp": tcp, "enable_outgoing_utp": not tcp})
    handle = downloader.add_torrent({"ti": torrent.info(), "save_path": str(target)})
    end = time.monotonic() + limit
    while not handle.status().is_seeding and time.monotonic() < end:
        time.sleep(0.05)
    done = handle.status().is_seeding
    assert not done or (target / "file").read_bytes() == torrent.content
    downloader.remove_torrent(handle)
    return done

"""The status page: who may read it, what programs read there, and what readers cannot do to NAT-PMP."""

import contextlib
import json
import re
import select
import socket
import subprocess
import threading
import time

import pytest

from lab import CLIENTS, ROOT, release_build, wait_until
from web import PORT, US, request

LISTEN = {"STATUS_LISTEN": f":{PORT}"}
LIFE_S = 10
GIVE_UP_S = 60
CONNECTIONS = 16
PER_HOST = 8


def status(lab, program="status", *arguments):
    return lab.run("ctr", "env", "-i", lab.build / "double-natpmp", program, *arguments, check=False).stdout


def healthy(**where):
    return request("/healthz", **where)[0] == 200


def connect(lab, namespace="lan1"):
    connection = lab.socket(namespace, socket.SOCK_STREAM)
    connection.settimeout(30)
    connection.connect((US, PORT))
    return connection


# ---- what is read ----

def test_the_same_as_the_commands_say(lab):
    daemon = lab.daemon(env=LISTEN)
    wait_until(healthy, 20)
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45001).result == 0
    assert client.map("tcp", 6000).result == 0

    code, headers, text = request("/status.json")
    assert (code, headers["content-type"]) == (200, "application/json")
    here, there = json.loads(text), json.loads(status(lab, "status", "--json"))
    assert here.keys() == there.keys() and len(here["mappings"]) == 2
    same = ("client", "protocol", "internal_port", "router_port", "external_port", "state")
    assert [[one[key] for key in same] for one in here["mappings"]] == \
        [[one[key] for key in same] for one in there["mappings"]]

    assert request("/healthz")[2] == status(lab, "health")
    lab.router.kill()
    wait_until(lambda: request("/healthz")[0] == 503, 30)
    wait_until(lambda: request("/healthz")[2].startswith("unhealthy: the router refuses connections"), 30)
    lab.router.start()
    wait_until(healthy, 30)
    assert daemon.stop() == 0


@pytest.mark.parametrize("count", [300])
def test_many_mappings(lab, count):
    lab.daemon(env={**LISTEN, "MAX_MAPPINGS_PER_CLIENT": "1024"})
    wait_until(healthy, 20)
    client = lab.client("lan1")
    for port in range(20000, 20000 + count):
        assert client.map("udp", port, port).result == 0
    ports = sorted(mapping["internal_port"] for mapping in json.loads(request("/status.json")[2])["mappings"])
    assert ports == list(range(20000, 20000 + count))


def test_not_without_the_setting(lab):
    lab.daemon()
    with pytest.raises(ConnectionRefusedError):
        request("/healthz")


def test_an_address_that_is_not_ours(lab):
    """Ports are mapped without the page, too."""
    daemon = lab.daemon(env={"STATUS_LISTEN": f"192.168.1.1:{PORT}"})
    (line,) = daemon.log_lines("error")
    assert line["message"].startswith("there is no status page: no interface of this machine has the address")
    assert f"STATUS_LISTEN=192.168.1.1:{PORT}" in line["line"]
    assert lab.client("lan1").map("udp", 5000).result == 0
    assert daemon.stop() == 0


def rotated(lab, client, protocol, internal, port):
    """The gateway gives another external port; returns it. A request soon after the last one is a retransmission."""
    lab.gateway.rotate()

    def ask():
        time.sleep(0.5)
        now = client.map(protocol, internal).external
        return now != port and now

    return wait_until(ask, 40)


# ---- metrics ----

def samples(text):
    """Name with labels: value."""
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


def test_metrics(make_lab):
    lab = make_lab(proton=True)
    lab.daemon(env=LISTEN)
    wait_until(healthy, 20)
    client = lab.client("lan1")
    port = client.map("udp", 5000).external
    _, headers, text = request("/metrics")
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lint = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")
    found = samples(text)
    labels = f'{{client="{CLIENTS["lan1"]}",protocol="udp",internal_port="5000"}}'
    assert found[f"double_natpmp_current_port{labels}"] == port
    assert found[f"double_natpmp_mapping_up{labels}"] == found["double_natpmp_up"] == 1
    assert 0 < found[f"double_natpmp_mapping_lease_seconds{labels}"] <= 60
    assert found["double_natpmp_port_changes_total"] == found["double_natpmp_last_change_timestamp_seconds"] == 0
    assert abs(found["double_natpmp_start_time_seconds"] - time.time()) < 60
    assert found["double_natpmp_renewals_total"] >= 1 and found["double_natpmp_mappings"] == 1

    arrived = f"double_natpmp_mapping_connections_total{labels}"
    assert arrived not in found  # the router has not shown it yet
    assert lab.listener("lan1", "udp", 5000).reached(port)
    # Each answer has what the reading before has shown, and there is one in ten seconds.
    now = wait_until(lambda: samples(request("/metrics")[2]).get(arrived) and samples(request("/metrics")[2]), 25)
    assert now[arrived] == 1 and now[f"double_natpmp_mapping_first_packet_bytes_total{labels}"] > 28
    assert abs(now[f"double_natpmp_mapping_last_connection_timestamp_seconds{labels}"] - time.time()) < 60

    other = rotated(lab, client, "udp", 5000, port)
    changed = samples(request("/metrics")[2])
    assert changed[f"double_natpmp_current_port{labels}"] == other
    assert changed["double_natpmp_port_changes_total"] == 1
    assert changed[f"double_natpmp_mapping_port_changes_total{labels}"] == 1
    assert abs(changed["double_natpmp_last_change_timestamp_seconds"] - time.time()) < 60
    assert changed["double_natpmp_renewals_total"] > found["double_natpmp_renewals_total"]


def test_open_metrics(lab):
    lab.daemon(env=LISTEN)
    wait_until(healthy, 20)
    assert lab.client("lan1").map("udp", 5000).result == 0
    # The counters of the router are read because somebody asks.
    wait_until(lambda: "double_natpmp_mapping_connections_total{" in request("/metrics")[2], 20)
    _, headers, text = request("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain"})
    assert headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith("\n# EOF\n") and "# TYPE double_natpmp_renewals counter\n" in text
    plain = samples(request("/metrics")[2])
    assert samples(text).keys() == plain.keys()


def test_prometheus_scrapes(lab, tmp_path):
    """Prometheus itself reads it, in OpenMetrics."""
    lab.daemon(env=LISTEN)
    wait_until(healthy, 20)
    port = lab.client("lan1").map("udp", 5000).external
    config = tmp_path / "prometheus.yml"
    config.write_text("scrape_configs:\n- job_name: double-natpmp\n  scrape_interval: 500ms\n  scrape_timeout: 400ms\n"
                      f"  static_configs:\n  - targets: ['{US}:{PORT}']\n")
    lab.run("lan2", "promtool", "check", "config", config)
    lab.run("lan2", "promtool", "check", "config", ROOT / "dist/prometheus.yml")
    lab.popen("prometheus", "lan2", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data",
                                     "--web.listen-address=127.0.0.1:9090"])

    def value(name):
        answer = lab.run("lan2", "curl", "--silent", "--get", "--data-urlencode", f"query={name}",
                         "http://127.0.0.1:9090/api/v1/query", check=False).stdout
        result = json.loads(answer)["data"]["result"] if answer.startswith("{") else []
        return result and (result[0]["metric"], result[0]["value"][1])

    labels, current = wait_until(lambda: value("double_natpmp_current_port"), 30)
    assert int(current) == port and labels["client"] == CLIENTS["lan1"] and labels["job"] == "double-natpmp"
    assert value('up{job="double-natpmp"}')[1] == "1"


# ---- gluetun's port ----

def ports(query="", namespace="lan1"):
    code, headers, text = request(f"/v1/portforward{query}", namespace=namespace)
    assert (code, headers["content-type"]) == (200, "application/json")
    return text


def test_ports_of_a_host(lab):
    lab.daemon(env=LISTEN)
    wait_until(healthy, 20)
    assert ports() == '{"port":0,"ports":[]}\n'
    client = lab.client("lan1")
    first = client.map("udp", 6000, 46000).external
    assert client.map("tcp", 6000, 46000).external == first
    second = client.map("tcp", 5000, 45000).external
    other = lab.client("lan2").map("udp", 6000, 47000).external
    # Each once, in the order of the internal ports, and those of other hosts only if asked for.
    assert ports() == f'{{"port":{second},"ports":[{second},{first}]}}\n'
    assert ports("?internal=6000") == f'{{"port":{first},"ports":[{first}]}}\n'
    assert ports("?internal=5000&protocol=udp") == '{"port":0,"ports":[]}\n'
    assert ports("?protocol=udp") == f'{{"port":{first},"ports":[{first}]}}\n'
    assert ports(f"?client={CLIENTS['lan2']}") == f'{{"port":{other},"ports":[{other}]}}\n'
    assert ports(namespace="lan2") == f'{{"port":{other},"ports":[{other}]}}\n'
    for query in ("?client=nas", "?internal=0", "?internal=70000", "?protocol=sctp"):
        assert request(f"/v1/portforward{query}")[0] == 400, query
    old = request(f"/v1/openvpn/portforwarded?client={CLIENTS['lan2']}")
    assert (old[0], old[2]) == (200, f'{{"port":{other},"ports":[{other}]}}\n')


class TorrentClient(threading.Thread):
    """What the scripts know of qBittorrent's web API."""

    def __init__(self, lab, number):
        super().__init__(daemon=True)
        self.address = ("192.168.88.11", 8100 + number)
        self.socket = lab.socket("lan1", socket.SOCK_STREAM, self.address)
        self.socket.settimeout(None)
        self.socket.listen()
        self.port = None
        self.start()

    def run(self):
        while True:
            connection = self.socket.accept()[0]
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                text = ""
                while "%7D" not in text:
                    text += connection.recv(4096).decode()
                self.port = int(re.search(r"json=%7B%22listen_port%22%3A(?:\+|%20)?(\d+)%7D", text)[1])
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def test_port_sync_scripts(make_lab):
    """Scripts that were made for gluetun keep a torrent client's port right."""
    lab = make_lab(proton=True)
    lab.daemon(env=LISTEN)
    wait_until(healthy, 20)
    clients = []
    for number, script in enumerate(("portsync.sh", "portsync.py")):
        clients.append(TorrentClient(lab, number))
        lab.popen(script, "lan1", [ROOT / "tests/lab" / script, f"http://{US}:{PORT}",
                                   "http://{}:{}".format(*clients[-1].address)])
    asker = lab.client("lan1")
    port = asker.map("tcp", 6881).external
    wait_until(lambda: all(client.port == port for client in clients), 20)
    other = rotated(lab, asker, "tcp", 6881, port)
    wait_until(lambda: all(client.port == other for client in clients), 20)


# ---- who may read it ----

def test_who_may_read(lab):
    lab.daemon(env=LISTEN)
    assert request("/healthz", namespace="lan2")[0] in (200, 503)
    assert request("/healthz", namespace="ctr", address="127.0.0.1")[0] in (200, 503)
    # A host with a public address.
    lab.ip("addr add 198.41.0.4/32 dev eth0", namespace="lan1")
    lab.ip("route add 198.41.0.4/32 dev bridge", "rule add to 198.41.0.4 lookup main pref 92", namespace="rtr")
    code, _, text = request("/status.json", source="198.41.0.4")
    assert (code, text) == (403, "only private addresses are answered\n")


def test_by_which_name(lab):
    lab.daemon(env=LISTEN)
    for host in (f"nas:{PORT}", "double-natpmp.lan", "localhost", US):
        assert request("/healthz", host=host)[0] in (200, 503), host
    for host in ("evil.example", f"evil.example:{PORT}", "11.22.33.44"):
        code, headers, text = request("/status.json", host=host)
        assert code == 421 and "mappings" not in text
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_other_methods(lab, method):
    lab.daemon(env=LISTEN)
    code, headers, _ = request("/healthz", method=method)
    assert (code, headers["allow"]) == (405, "GET, HEAD")


def test_head_has_no_content(lab):
    lab.daemon(env=LISTEN)
    for path in (b"/", b"/status.json", b"/metrics", b"/nothing"):
        answer = bytes_of(lab, b"HEAD " + path + b" HTTP/1.1\r\nHost: 192.168.88.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 ") and answer.index(b"\r\n\r\n") == len(answer) - 4


def test_headers(lab):
    lab.daemon(env=LISTEN)
    for path in ("/status.json", "/healthz", "/nothing"):
        _, headers, _ = request(path, method="HEAD")
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
        assert "set-cookie" not in headers and "access-control-allow-origin" not in headers


# ---- bad readers ----

def bytes_of(lab, text, namespace="lan1"):
    """All that is answered to these bytes."""
    with contextlib.closing(connect(lab, namespace)) as connection:
        connection.sendall(text)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while more := connection.recv(65536):
                answer += more
        return answer


@pytest.mark.parametrize("text, code", [
    (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"413"),
    (b"GET /" + 5000 * b"a" + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + 2000 * b"a: b\r\n" + b"\r\n", b"431"),
    (b"GET /%2e%2e/%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
    (b"GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"421"),
])
def test_broken_requests(lab, text, code):
    daemon = lab.daemon(env=LISTEN)
    assert bytes_of(lab, text).split(b" ", 2)[1] == code
    assert daemon.running()


def test_not_http(lab):
    """The connection ends at once, or when its time is over."""
    daemon = lab.daemon(env=LISTEN)
    start = time.monotonic()
    texts = (b"\0" * 4096, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"x" * 500, b"\r\n" * 4000)
    connections = [connect(lab) for _ in texts]
    for connection, text in zip(connections, texts):
        connection.sendall(text)
    for connection in connections:
        with contextlib.closing(connection), contextlib.suppress(ConnectionResetError):
            assert b" 200 " not in connection.recv(65536)
    assert time.monotonic() - start < GIVE_UP_S
    assert daemon.running()


class Readers:
    """So many bad readers at a time, one after the other, for as long as the block lasts."""

    def __init__(self, lab, count, namespaces, behave):
        self.lab = lab
        self.end = threading.Event()
        self.served = 0
        self.threads = [threading.Thread(target=self._run, args=(namespaces[i % len(namespaces)], behave))
                        for i in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def _run(self, namespace, behave):
        while not self.end.is_set():
            with contextlib.suppress(OSError), contextlib.closing(connect(self.lab, namespace)) as connection:
                connection.settimeout(0.5)
                behave(connection, self.end)
                self.served += 1


def slow(connection, end):
    """A byte now and then."""
    for byte in b"GET /status.json HTTP/1.1\r\nHost: x\r\nX: " + 1000 * b"x":
        if end.wait(0.2):
            return
        connection.send(bytes([byte]))


def endless(connection, end):
    """A request that never ends."""
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
    while not end.is_set():
        connection.sendall(b"X-More: and more\r\n" * 50)


def deaf(connection, end):
    """Asks and does not read."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    connection.sendall(b"GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n")
    end.wait(2)


def hasty(connection, end):
    """Asks and goes away."""
    end.wait(0.02)
    connection.sendall(b"GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n")


def many(connection, end):
    """Asks again and again."""
    end.wait(0.05)
    connection.sendall(b"GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n")
    while connection.recv(65536):
        pass


def median_latency(client):
    times = []
    for _ in range(100):
        start = time.monotonic()
        assert client.map("udp", 7000).result == 0
        times.append(time.monotonic() - start)
    return sorted(times)[50]


@pytest.mark.parametrize("behave", [slow, endless, deaf, hasty, many])
def test_nat_pmp_does_not_notice(lab, behave):
    daemon = lab.daemon(env={**LISTEN, "MAX_MAPPINGS_PER_CLIENT": "1024", "LOG_LEVEL": "INFO"},
                        build=release_build(lab))
    wait_until(healthy, 20)
    client = lab.client("lan1")
    for port in range(20000, 20050):
        assert client.map("udp", port, port).result == 0
    alone = median_latency(client)
    with Readers(lab, 24, ["lan2", "ctr"], behave):
        time.sleep(1)
        # The best of three: whatever else this machine does counts as little as possible.
        busy = min(median_latency(client) for _ in range(3))
    # A request waits for a piece of each connection at most, and each piece takes less time than a request does.
    assert busy < 200 * alone, (busy, alone)
    wait_until(healthy, LIFE_S + 5)
    assert daemon.stop() == 0


def test_a_connection_has_its_time(lab):
    """One host cannot take all connections, and each ends in time, whatever it sends."""
    daemon = lab.daemon(env=LISTEN)
    start = time.monotonic()
    held = [connect(lab, "lan2") for _ in range(PER_HOST + 4)]
    for one in held:
        one.sendall(b"GET /healthz HT")
    # The kernel accepts the others for the daemon, which closes them.
    assert request("/healthz")[0] in (200, 503)
    ended = set()
    next_byte = 0
    while len(ended) < len(held):
        now = time.monotonic()
        assert now - start < GIVE_UP_S, f"{len(held) - len(ended)} connections live on"
        if now > next_byte:
            next_byte = now + 1
            for one in held:
                with contextlib.suppress(OSError):
                    one.send(b"T")
        for one in select.select([one for one in held if one not in ended], [], [], 0.2)[0]:
            with contextlib.suppress(OSError):
                one.recv(4096)
            ended.add(one)
    assert time.monotonic() - start > LIFE_S - 1
    for one in held:
        one.close()
    assert daemon.stop() == 0


def switches_when_idle(lab, env):
    daemon = lab.daemon(env={**env, "LOG_LEVEL": "INFO"}, build=release_build(lab))
    wait_until(lambda: "the external address is known" in daemon.log(), 20)
    time.sleep(0.5)

    def switches():
        text = open(f"/proc/{daemon.pid}/status").read()
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("voluntary_ctxt_switches"))

    before = switches()
    time.sleep(3)
    count = switches() - before
    assert daemon.stop() == 0
    return count


def test_idle_it_costs_nothing(lab):
    """No wake-up more than without the page."""
    without = switches_when_idle(lab, {})
    # Announcements of the start come at random times, so one to four of them may be in one measurement only.
    assert switches_when_idle(lab, LISTEN) <= without + 8

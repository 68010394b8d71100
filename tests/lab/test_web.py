"""The status page: who may read it, what programs read there, and what readers cannot do to NAT-PMP."""

import contextlib
import json
import select
import socket
import subprocess
import threading
import time

import pytest

from lab import CLIENTS, release_build, wait_until
from web import PORT, US, request

LISTEN = {"STATUS_LISTEN": f":{PORT}"}
LIFE_S = 10
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
    (b"GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
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
    assert time.monotonic() - start < LIFE_S + 3
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


def latencies(client, count):
    for port in range(7000, 7000 + count):
        start = time.monotonic()
        assert client.map("udp", 7000).result == 0
        yield time.monotonic() - start


@pytest.mark.parametrize("behave", [slow, endless, deaf, hasty, many])
def test_nat_pmp_does_not_notice(lab, behave):
    daemon = lab.daemon(env={**LISTEN, "MAX_MAPPINGS_PER_CLIENT": "1024", "LOG_LEVEL": "INFO"},
                        build=release_build(lab))
    wait_until(healthy, 20)
    client = lab.client("lan1")
    for port in range(20000, 20050):
        assert client.map("udp", port, port).result == 0
    with Readers(lab, 24, ["lan2", "ctr"], behave):
        time.sleep(1)
        times = sorted(latencies(client, 100))
    # Before its first retransmission, after 250 ms, a client has its answer.
    assert times[50] < 0.1 and times[-5] < 0.25, times[-10:]
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
        assert now - start < LIFE_S + 5, f"{len(held) - len(ended)} connections live on"
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


def test_idle_it_costs_nothing(lab):
    """No wake-up more than without the page."""
    daemon = lab.daemon(env={**LISTEN, "LOG_LEVEL": "INFO"}, build=release_build(lab))
    wait_until(healthy, 20)
    time.sleep(0.5)

    def switches():
        text = open(f"/proc/{daemon.pid}/status").read()
        return sum(int(line.split()[1]) for line in text.splitlines() if "ctxt_switches" in line)

    before = switches()
    time.sleep(3)
    assert switches() - before <= 4

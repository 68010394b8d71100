"""No system call of any path is missing in the seccomp filter. Daemons with all kinds of settings live side by side, and
all of them meet a gateway that refuses, is silent and comes back, a router that goes away, addresses and interfaces that
come late and vanish, a slow name server, and the end. In the build with sanitizers a call that the filter does not know
ends the daemon. The release gets ENOSYS, which strace shows; a library may try only what io/confine.c refuses on
purpose.

[G1] With GATEWAY_SOURCE or GATEWAY_DEVICE a new socket took the old one's descriptor by dup3, which the
filter did not know, and the daemon never sent to the gateway again."""

import contextlib
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

import stage as stages
import web
from api_ssl import fingerprint, make_certificates
from lab import ROOT, inside, wait_until
from natpmp import Client, map_request

US6, ROUTER6 = "fd00::2", "fd00::1"
HOST = "192.168.88.11"
LATE_SOURCE = "10.9.9.2"
LATE_DEVICE = "late0"
FIRST_PORT = 6000
# What io/confine.c refuses by name: the libraries try these and can do without them.
REFUSED = {"ioctl", "socket", "openat", "open", "clone3"}

# Name, settings.
SETTINGS = {
    "plain": {},
    "web": {"STATUS_LISTEN": f":{web.PORT}"},
    "plain-address": {"LISTEN": stages.US},
    "source": {"GATEWAY_SOURCE": stages.US},
    "device": {"GATEWAY_DEVICE": "eth0"},
    "source-device": {"GATEWAY_SOURCE": stages.US, "GATEWAY_DEVICE": "eth0"},
    "late-source": {"GATEWAY_SOURCE": LATE_SOURCE},
    "late-device": {"GATEWAY_DEVICE": LATE_DEVICE},
    "late-name": {"GATEWAY_SOURCE": LATE_SOURCE, "MIKROTIK_API_ADDRESS": "dns.example"},
    "ipv6": {"MIKROTIK_API_ADDRESS": f"[{ROUTER6}]"},
    "file-name": {"MIKROTIK_API_ADDRESS": "file.example"},
    "dns-name": {"MIKROTIK_API_ADDRESS": "dns.example", "LISTEN": stages.US},
    "long-answer": {"MIKROTIK_API_ADDRESS": "long.example"},
    "tls": {"MIKROTIK_API_TLS": "true", "MIKROTIK_API_TLS_CA": "ca.pem", "MIKROTIK_API_TLS_NAME": "router"},
    "tls-pinned": {"MIKROTIK_API_TLS": "true", "MIKROTIK_API_TLS_FINGERPRINT": "server", "GATEWAY_DEVICE": "eth0"},
    "tls-name": {"MIKROTIK_API_TLS": "true", "MIKROTIK_API_TLS_INSECURE": "true", "MIKROTIK_API_ADDRESS": "dns.example"},
    "deaf-missing": {"MIKROTIK_API_ADDRESS": "missing.example"},
    "deaf-silent": {"MIKROTIK_API_ADDRESS": "silent.example"},
    "deaf-tls": {"MIKROTIK_API_TLS": "true", "MIKROTIK_API_TLS_CA": "ca.pem", "MIKROTIK_API_TLS_NAME": "else"},
}
# These never reach the router, and what their health says about it.
DEAF = {
    "deaf-missing": "the router's name cannot be resolved",
    "deaf-silent": "the router's name cannot be resolved",
    "deaf-tls": "the router's certificate is for another name",
}


# ---- names ----

class NameServer:
    """Answers for dns.example, does not answer for silent.example, and has an answer for long.example that is too long
    for UDP: glibc asks again by TCP, musl is content with the part that it got."""

    def __init__(self):
        with inside("rtr"):
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for each in (self.udp, self.tcp):
            each.bind((stages.ROUTER, 53))
        self.tcp.listen()
        self.end, self.ended = os.pipe()
        self.by_tcp = 0
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def close(self):
        os.close(self.ended)
        self.thread.join()
        for each in (self.udp, self.tcp):
            each.close()
        os.close(self.end)

    @staticmethod
    def _answer(query, truncate):
        """None: no answer."""
        end = query.index(0, 12) + 5
        name, kind = query[12:end - 4], query[end - 4:end - 2]
        head, question = query[:2], query[12:end]
        if name.startswith(b"\x06silent"):
            return None
        if name.startswith(b"\x07missing"):
            return head + struct.pack("!5H", 0x8183, 1, 0, 0, 0) + question
        flags = 0x8380 if truncate and name.startswith(b"\x04long") else 0x8180
        if kind != b"\0\1":
            return head + struct.pack("!5H", flags, 1, 0, 0, 0) + question
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(stages.ROUTER)
        return head + struct.pack("!5H", flags, 1, 1, 0, 0) + question + record

    def _serve(self):
        while True:
            ready = select.select([self.end, self.udp, self.tcp], [], [])[0]
            if self.end in ready:
                return
            if self.udp in ready:
                query, asker = self.udp.recvfrom(4096)
                answer = self._answer(query, True)
                if answer:
                    self.udp.sendto(answer, asker)
            if self.tcp in ready:
                connection = self.tcp.accept()[0]
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(2)
                    stream = connection.makefile("rb")
                    while len(size := stream.read(2)) == 2:
                        self.by_tcp += 1
                        answer = self._answer(stream.read(int.from_bytes(size, "big")), False)
                        connection.sendall(len(answer).to_bytes(2, "big") + answer)


@contextlib.contextmanager
def names(folder):
    files = {"/etc/hosts": f"127.0.0.1 localhost\n{stages.ROUTER} file.example\n",
             "/etc/resolv.conf": f"nameserver {stages.ROUTER}\noptions timeout:1 attempts:1\n"}
    with contextlib.ExitStack() as stack:
        for path, text in files.items():
            file = folder / pathlib.Path(path).name
            file.write_text(text)
            subprocess.run(["mount", "--bind", file, path], check=True)
            stack.callback(subprocess.run, ["umount", path], check=True)
        with contextlib.closing(NameServer()) as server:
            yield server


# ---- the daemons ----

class Life(Client):
    """A daemon, and a client of the LAN that uses it. Its protocol of system calls is in a file, if it is traced."""

    def __init__(self, folder, program, number, name, settings, traced):
        self.name = name
        self.ports = iter(range(5000 + 20 * number, 5020 + 20 * number))
        self.server = (stages.US, FIRST_PORT + number)
        self.log_path = folder / f"{name}.log"
        self.trace = folder / f"{name}.trace" if traced else None
        settings = dict(settings)
        self.late = name.startswith("late")
        self.deaf = name in DEAF
        environment = {
            "VPN_GATEWAY": stages.GATEWAY, "MIKROTIK_API_ADDRESS": stages.ROUTER, "MIKROTIK_API_USER": stages.USER,
            "MIKROTIK_API_PASSWORD": stages.PASSWORD, "INSTANCE": name, "LOG_LEVEL": "DEBUG",
            "LISTEN_ADDR": f"{settings.pop('LISTEN', '')}:{self.server[1]}", "PATH": os.environ["PATH"],
            "ASAN_OPTIONS": "abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1", **settings}
        strace = ["strace", "-f", "-qq", "-o", self.trace, "--"] if traced else []
        with inside("ctr"), open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*strace, program], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment)
        self.environment = environment
        with inside("rtr"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))

    def log(self):
        return self.log_path.read_text(errors="replace")

    def pid(self):
        """Of the daemon itself."""
        if not self.trace:
            return self.process.pid
        return int(pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def check_runs(self):
        status = self.process.poll()
        assert status is None, f"{self.name} ended with {status}:\n{self.log()[-3000:]}"

    def says(self, text, after=0):
        self.check_runs()
        return text in self.log()[after:]

    def missing(self):
        """The calls that the filter answered and that it does not refuse on purpose."""
        behind = self.trace.read_text(errors="replace").partition("PR_SET_SECCOMP")[2]
        assert behind, f"{self.name} has no filter"
        return {match[1] for match in re.finditer(r"(\w+)\(.*= -1 ENOSYS", behind)} - REFUSED


def each_until(lives, condition, limit, what):
    """Waits until condition(life) holds for each."""
    left = list(lives)
    end = time.monotonic() + limit
    while left:
        for life in list(left):
            life.check_runs()
            if condition(life):
                left.remove(life)
        assert time.monotonic() < end or not left, (
            f"not within {limit} s: {what}: {[life.name for life in left]}\n" +
            "\n".join(f"{life.name}:\n{life.log()[-2500:]}" for life in left[:3]))
        time.sleep(0.01)


def all_map(lives, limit=40):
    """Each gets a new mapping; a client repeats its request."""
    ports = {life: next(life.ports) for life in lives}
    answers = {}

    def mapped(life):
        if life not in answers:
            life.send(map_request("udp", ports[life]))
        while reply := life.receive(0.02 if life not in answers else 0):
            if reply[1] == 129 and reply[8:10] == ports[life].to_bytes(2, "big") and reply[2:4] == b"\0\0":
                answers[life] = True
                return True
        return False

    each_until(lives, mapped, limit, "each client gets its mapping")


def gateway_sockets(lives):
    """By name: the local ports of the sockets that are connected to the gateway."""
    with inside("ctr"):
        text = subprocess.run(["ss", "-Hunp", "dst", f"{stages.GATEWAY}:5351"], capture_output=True, text=True,
                              check=True).stdout
    ports = {}
    for line in text.splitlines():
        for pid in re.findall(r"pid=(\d+)", line):
            ports.setdefault(int(pid), set()).add(re.search(rf"(\S+) +{stages.GATEWAY}:5351", line)[1])
    return {life.name: ports.get(life.pid(), set()) for life in lives}


# ---- the stage ----

def ip(namespace, *lines, check=True):
    subprocess.run(["ip", "-n", namespace, "-force", "-batch", "-"], input="\n".join(lines), text=True, check=check,
                   stderr=None if check else subprocess.DEVNULL)


def late_comes():
    ip("ctr", f"addr add {LATE_SOURCE}/32 dev eth0", f"link add {LATE_DEVICE} type veth peer name late1 netns rtr",
       f"addr add 10.3.0.2/30 dev {LATE_DEVICE}", f"link set {LATE_DEVICE} up")
    ip("rtr", "addr add 10.3.0.1/30 dev late1", "link set late1 up")
    ip("ctr", f"route add default via 10.3.0.1 dev {LATE_DEVICE} metric 1000")


def late_goes():
    ip("ctr", f"addr del {LATE_SOURCE}/32 dev eth0", f"link del {LATE_DEVICE}")


class Scene:
    def __init__(self, stage, folder, lives):
        self.stage = stage
        self.folder = folder
        self.lives = lives
        self.gateway = None

    @property
    def served(self):
        return [life for life in self.lives if not life.deaf]

    @property
    def late(self):
        return [life for life in self.lives if life.late]

    def gateway_comes(self):
        self.gateway = stages.Gateway(self.stage._new_folder())

    def gateway_goes(self):
        if self.gateway:
            self.gateway.close()
        self.gateway = None

    def gateway_is(self, result):
        for kind in ("address", "map", "delete"):
            self.gateway.control.ask(f"result {kind} {result}")


@pytest.fixture
def small_stage(tmp_path):
    with stages.Stage() as stage:
        ip("rtr", f"addr add {HOST}/32 dev lo", f"addr add {ROUTER6}/64 dev rtr0 nodad",
           f"route add {LATE_SOURCE}/32 dev rtr0")
        ip("ctr", f"addr add {US6}/64 dev eth0 nodad")
        with inside("rtr"):
            # All daemons share an address, and each of them is to get every refusal.
            pathlib.Path("/proc/sys/net/ipv4/icmp_ratelimit").write_text("0")
        yield stage


def forwarders(certificates):
    """The router's API by IPv6, and by TLS."""
    cert = f"cert={certificates}/server.pem,key={certificates}/router.key"
    to = f"TCP4:{stages.ROUTER}:8728,nodelay"
    for listen in (f"TCP6-LISTEN:8728,bind=[{ROUTER6}],reuseaddr,fork,nodelay",
                   f"OPENSSL-LISTEN:8729,bind={stages.ROUTER},reuseaddr,fork,nodelay,verify=0,{cert}"):
        with inside("rtr"):
            yield subprocess.Popen(["socat", listen, to], stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def start_all(stage, folder, program, traced, certificates):
    found = {"ca.pem": str(certificates / "ca.pem"), "server": fingerprint(certificates, "server")}
    lives = []
    helpers = list(forwarders(certificates))
    scene = Scene(stage, folder, lives)
    scene.gateway_comes()
    try:
        for number, (name, settings) in enumerate(SETTINGS.items()):
            settings = {key: found.get(value, value) for key, value in settings.items()}
            lives.append(Life(folder, program, number, name, settings, traced))
        yield scene
    finally:
        scene.gateway_goes()
        for life in lives:
            life.process.kill()
            life.process.wait()
            life.socket.close()
        for helper in helpers:
            children = pathlib.Path(f"/proc/{helper.pid}/task/{helper.pid}/children").read_text().split()
            helper.kill()
            helper.wait()
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)


# ---- what they meet ----

def meet_late_addresses(scene):
    for life in scene.late:
        life.send(map_request("udp", next(life.ports)))
    each_until(scene.late, lambda life: life.says("GATEWAY_SOURCE"), 15, "the missing address is reported")
    late_comes()
    all_map(scene.served)


def meet_refusal(scene):
    scene.gateway_goes()
    marks = {life: len(life.log()) for life in scene.lives}
    for life in scene.served:
        life.send(map_request("udp", next(life.ports)))
    each_until(scene.served, lambda life: life.says("refuse", marks[life]) or life.says("unreachable", marks[life]), 15,
               "the refusal is reported")
    scene.gateway_comes()
    all_map(scene.served)


def meet_silence(scene):
    scene.gateway_is("silent")
    before = gateway_sockets(scene.served)
    for life in scene.served:
        life.send(map_request("udp", next(life.ports)))
    assert all(before.values()), before
    wait_until(lambda: all(now and not now & before[name] for name, now in gateway_sockets(scene.served).items()), 30,
               "each has another socket to the gateway")
    scene.gateway_is("0")
    all_map(scene.served)


def meet_vanishing_addresses(scene):
    late_goes()
    marks = {life: len(life.log()) for life in scene.lives}
    for life in scene.late:
        life.send(map_request("udp", next(life.ports)))
    each_until(scene.late, lambda life: life.says("GATEWAY_SOURCE", marks[life]), 15, "the loss is reported")
    late_comes()
    all_map(scene.served)


def health(life, program):
    with inside("ctr"):
        return subprocess.run([program, "health"], env=life.environment, capture_output=True, text=True).stdout


def meet_health(scene, program):
    """Each daemon itself says how it is. Without an answer the command says "unhealthy" of its own accord."""
    each_until(scene.served, lambda life: health(life, program).startswith("healthy "), 20, "each is healthy")
    for life in scene.lives:
        if life.deaf:
            line = health(life, program)
            assert line.startswith(f"unhealthy: {DEAF[life.name]}"), f"{life.name}: {line}"


def meet_readers(scene):
    """Readers of the status page that finish, that leave, and one that is too slow."""
    with inside("rtr"):
        slow = socket.create_connection((stages.US, web.PORT))
        hasty = socket.create_connection((stages.US, web.PORT))
    slow.sendall(b"GET / HT")
    hasty.sendall(b"GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n")
    hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    hasty.close()
    for path in ("/healthz", "/status.json", "/metrics", "/v1/portforward", "/", "/nothing"):
        web.request(path, namespace="rtr")
    slow.settimeout(15)
    with slow, contextlib.suppress(ConnectionResetError):
        assert slow.recv(4096) == b""
    next(life for life in scene.lives if life.name == "web").check_runs()


def meet_watchers(scene, program):
    """One reads, one is killed, and one is refused because of its user."""
    for life in scene.lives:
        with inside("ctr"):
            readers = [subprocess.Popen([*before, program, "watch"], env=life.environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
                       for before in ((), (), ("setpriv", "--reuid=65534", "--clear-groups"))]
        assert all(b'"event"' in reader.stdout.readline() for reader in readers[:2]), life.name
        assert readers[2].stdout.readline() == b"", life.name
        for reader in readers:
            reader.kill()
            reader.wait()
            reader.stdout.close()


def meet_a_pause(scene):
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for life in scene.lives:
            os.kill(life.pid(), number)


def meet_the_end(scene):
    for life in scene.lives:
        os.kill(life.pid(), signal.SIGTERM)
    for life in scene.lives:
        assert life.process.wait(15) == 0, f"{life.name}:\n{life.log()[-3000:]}"
        assert "Sanitizer" not in life.log() and "runtime error" not in life.log(), life.log()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("build", ["sanitized", "release"])
def test_no_system_call_is_missing(small_stage, tmp_path, certificates, build):
    folder = stages.build() if build == "sanitized" else stages.build().parent / "release"
    program = folder / "double-natpmp"
    assert program.exists(), "build the release first: make release"
    with names(tmp_path) as server, small_stage.router() as router, \
            start_all(small_stage, tmp_path, program, build == "release", certificates) as scene:
        each_until(scene.lives, lambda life: life.serves(), 20, "each serves")
        meet_late_addresses(scene)
        meet_refusal(scene)
        meet_silence(scene)
        meet_vanishing_addresses(scene)
        router.ask("drop reset")
        meet_readers(scene)
        meet_a_pause(scene)
        meet_health(scene, program)
        meet_watchers(scene, program)
        all_map(scene.served)
        # In the lab of the images the program is a script that enters one.
        assert server.by_tcp > 0 or program.read_bytes().startswith(b"#!"), "the resolver used TCP"
        meet_the_end(scene)
        assert [rule for rule in router.rules() if "double-natpmp" in rule.get("comment", "")] == []
        if build == "release":
            missing = {life.name: life.missing() for life in scene.lives}
            assert not any(missing.values()), missing

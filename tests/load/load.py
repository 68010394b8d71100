#!/usr/bin/python3
"""Many clients for a long time: tests/lab/enter tests/load/load.py [--seconds 300] ...

Hosts on the lab's LAN make mappings, renew them, delete some, and abandon others. They use the release daemon
and the models of router and gateway (without nftables). Then one host sends a flood. An echo program beside it
shows the delay of the machine itself. Prints figures. The exit status is 1 if an answer was lost, memory grew, a
flood delayed other hosts, or the tables of router, gateway and clients differ at the end."""

import argparse
import heapq
import multiprocessing
import os
import pathlib
import random
import select
import socket
import struct
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

from gateway_model import GatewayModel  # noqa: E402
from lab import CLIENTS, ROUTER_LAN, Lab, inside, release_build  # noqa: E402
from natpmp import OPCODES, PORT, map_request, parse_mapping  # noqa: E402

LIFETIME = 60
WARM = 220  # two minutes of quarantine, and a lease of an abandoned mapping before: then their number does not grow
ECHO_PORT = 7777
DELAY = 0.05  # at most, while another host sends a flood
SLACK = 32 * 1024  # random: a few more at one time than ever before
PATIENCE = 20.0  # longer than the daemon's
NETWORK = "192.168.90.0/23"  # the hosts of the load
NEVER = float("inf")


def address_of(number):
    return f"192.168.{90 + number // 250}.{2 + number % 250}"


def echo(endpoint):
    while True:
        endpoint.sendto(*endpoint.recvfrom(100))


class Mapping:
    def __init__(self, host, protocol, internal):
        self.host = host
        self.protocol = protocol
        self.internal = internal
        self.external = 0
        self.work = None  # create, renew, delete
        self.began = self.gap = self.due = 0.0


class Host:
    def __init__(self, lab, address):
        self.address = address
        self.mappings = {}
        self.next_port = 7000
        self.socket = lab.socket("lan1", socket.SOCK_DGRAM, (address, 0))
        self.socket.connect((ROUTER_LAN, PORT))
        self.socket.setblocking(False)


class Load:
    def __init__(self, lab, clients, seed):
        self.random = random.Random(seed)
        self.hosts = [Host(lab, address_of(i)) for i in range(clients)]
        self.by_fd = {host.socket.fileno(): host for host in self.hosts}
        self.poll = select.epoll()
        for fd in self.by_fd:
            self.poll.register(fd, select.EPOLLIN)
        self.heap = []
        self.count = dict.fromkeys(
            ("requests", "copies", "answers", "refused", "lost", "changed", "forgotten"), 0)
        self.waits = {"create": [], "renew": [], "delete": []}
        self.churning = False
        self.settled = 0.0  # when the abandoned mappings have ended
        self.echo = lab.socket("lan1", socket.SOCK_DGRAM, (address_of(0), 0))
        self.echo.connect((ROUTER_LAN, ECHO_PORT))
        self.echo.setblocking(False)
        self.poll.register(self.echo.fileno(), select.EPOLLIN)
        self.echoes = []
        self.echo_due = 0.0

    # ---- one mapping ----

    def schedule(self, mapping, due):
        mapping.due = due
        heapq.heappush(self.heap, (due, id(mapping), mapping))

    def send(self, mapping):
        lifetime = 0 if mapping.work == "delete" else LIFETIME
        suggested = 0 if mapping.work == "delete" else mapping.external or mapping.internal
        try:
            mapping.host.socket.send(map_request(mapping.protocol, mapping.internal, suggested, lifetime))
        except OSError:
            pass  # no room, which counts as lost

    def begin(self, mapping, work):
        mapping.work, mapping.began, mapping.gap = work, time.monotonic(), 0.25
        self.count["requests"] += 1
        self.send(mapping)
        self.schedule(mapping, mapping.began + mapping.gap)

    def create(self, host, protocol, internal):
        mapping = Mapping(host, protocol, internal)
        host.mappings[protocol, internal] = mapping
        self.begin(mapping, "create")

    def replace(self, mapping):
        host = mapping.host
        del host.mappings[mapping.protocol, mapping.internal]
        mapping.due = NEVER
        host.next_port += 1
        self.create(host, mapping.protocol, host.next_port)

    def take(self, mapping, now):
        """The time for the next step of this mapping has come."""
        if mapping.work is None:
            chance = self.random.random() if self.churning else 1
            if chance < 0.01:
                self.count["forgotten"] += 1
                self.settled = now + LIFETIME
                self.replace(mapping)
            else:
                self.begin(mapping, "delete" if chance < 0.04 else "renew")
        elif now - mapping.began > PATIENCE:
            self.count["lost"] += 1
            self.begin(mapping, mapping.work)
        else:
            mapping.gap *= 2
            self.count["copies"] += 1
            self.send(mapping)
            self.schedule(mapping, now + mapping.gap)

    def answer(self, host, reply, now):
        protocol = "udp" if reply[1] == 128 + OPCODES["udp"] else "tcp"
        said = parse_mapping(reply, protocol)
        mapping = host.mappings.get((protocol, said.internal))
        if mapping is None or mapping.work is None or (mapping.work == "delete") != (said.lifetime == 0):
            return  # to a retransmission
        self.count["answers"] += 1
        if said.result != 0:
            self.count["refused"] += 1
            return
        self.waits[mapping.work].append(now - mapping.began)
        if mapping.work == "delete":
            self.replace(mapping)
            return
        self.count["changed"] += mapping.work == "renew" and mapping.external != said.external
        mapping.external = said.external
        mapping.work = None
        self.schedule(mapping, now + said.lifetime * (0.4 + 0.2 * self.random.random()))

    # ---- the echo ----

    def ask_echo(self, now):
        self.echo_due = now + 0.01
        try:
            self.echo.send(struct.pack("!d", now))
        except OSError:
            pass

    def take_echoes(self):
        try:
            while True:
                sent, = struct.unpack("!d", self.echo.recv(100))
                self.echoes.append(time.monotonic() - sent)
        except BlockingIOError:
            pass

    # ---- all ----

    def run(self, until, each_second=None):
        """Waits until that time, or until the function of the time returns true."""
        second = 0
        while True:
            now = time.monotonic()
            while self.heap and self.heap[0][0] <= now:
                due, _, mapping = heapq.heappop(self.heap)
                if due == mapping.due:
                    self.take(mapping, now)
            if self.echo_due <= now:
                self.ask_echo(now)
            due = min(self.heap[0][0], self.echo_due) if self.heap else self.echo_due
            for fd, _ in self.poll.poll(max(0, due - now)):
                host = self.by_fd.get(fd)
                if host is None:
                    self.take_echoes()
                    continue
                try:
                    while True:
                        self.answer(host, host.socket.recv(100), time.monotonic())
                except BlockingIOError:
                    pass
            if each_second and int(now) != second:
                second = int(now)
                each_second()
            if until(now):
                return

    def held(self):
        return {(host.address, m.protocol, m.internal, m.external)
                for host in self.hosts for m in host.mappings.values()}

    def at_rest(self):
        return all(m.work is None for h in self.hosts for m in h.mappings.values())


def share(waits, of):
    """The latency that so many of a thousand requests do not exceed."""
    return sorted(waits)[len(waits) * of // 1000] if waits else 0.0


def figures(waits):
    if not waits:
        return "none"
    return f"{len(waits)}, " + ", ".join(
        f"{name} {share(waits, of) * 1e3:.1f} ms" for name, of in (("p50", 500), ("p99", 990), ("p99.9", 999))
    ) + f", max {max(waits) * 1e3:.0f} ms"


class Trial:
    """The lab, the measurements, and the faults."""

    def __init__(self, lab, options):
        self.lab = lab
        self.failures = []
        self.load = None
        self.options = options
        self.rss = []

    def check(self, holds, text):
        if not holds:
            self.failures.append(text)

    def network(self):
        lab = self.lab
        lab.ip("addr add 192.168.90.1/23 dev bridge", f"rule add to {NETWORK} lookup main pref 92",
               namespace="rtr")
        lab.ip(*(f"addr add {address_of(i)}/23 dev eth0" for i in range(self.options.clients)),
               namespace="lan1")
        with inside("rtr"):
            mirror = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        mirror.bind((ROUTER_LAN, ECHO_PORT))
        multiprocessing.Process(target=echo, args=(mirror,), daemon=True).start()
        lab.gateway = GatewayModel(lab)
        lab.gateway.start()
        lab.router.start(nft=False)

    def sample(self):
        self.rss.append(self.daemon.resident_bytes())

    def for_seconds(self, seconds):
        end = time.monotonic() + seconds
        self.load.run(lambda now: now >= end, self.sample)

    def fill(self):
        load, options = self.load, self.options
        start = time.monotonic()
        for i, host in enumerate(load.hosts):
            for k in range(options.mappings):
                load.create(host, ("udp", "tcp")[k % 2], 6881 + k // 2)
            if i % 5 == 0:
                load.run(lambda now: True)
        load.run(lambda now: load.at_rest() or now - start > 120)
        took = time.monotonic() - start
        print(f"{len(load.held())} mappings of {options.clients} clients made in {took:.1f} s")

    def churn(self):
        self.load.churning = True
        cold = self.daemon.resident_bytes()
        self.for_seconds(self.options.warm)
        begin = len(self.rss)
        self.for_seconds(self.options.seconds)
        self.load.churning = False
        rss = self.rss[begin:]
        first, last = max(rss[:len(rss) // 2]), max(rss[len(rss) // 2:])
        print(f"{self.options.seconds} s of renewals and churn: " +
              ", ".join(f"{count} {name}" for name, count in self.load.count.items()))
        for work, waits in self.load.waits.items():
            print(f"  {work}: {figures(waits)}")
        print(f"  resident: {cold // 1000} kB with all mappings, {rss[0] // 1000} kB after {self.options.warm} s of "
              f"churn, at most {first // 1000} kB in the first half after that and {last // 1000} kB in the second one")
        self.check(last <= first + SLACK, f"memory grew from {first} to {last} in the second half")

    def settle(self):
        load = self.load
        end = load.settled + 5
        load.run(lambda now: (now > end and load.at_rest()) or now > end + 60, self.sample)
        rules = {(r["to-addresses"], r["protocol"], int(r["to-ports"]), int(r["comment"].split()[2])):
                 (r["protocol"], int(r["dst-port"])) for r in self.lab.router.own_rules()}
        leases = self.lab.gateway.leases()
        opened = {(protocol, external): rule for (_, protocol, _, external), rule in rules.items()}
        granted = {(protocol, external): (protocol, internal) for (protocol, internal), external in leases.items()}
        held = load.held()
        print(f"at the end: {len(held)} mappings, {len(rules)} rules, {len(leases)} leases")
        self.check(rules.keys() == held,
                   f"rules: {len(held - rules.keys())} missing, {len(rules.keys() - held)} too many")
        self.check(granted == opened, f"leases: {len(opened.items() - granted.items())} missing, "
                   f"{len(granted.items() - opened.items())} too many")

    def flood(self, seconds):
        load = self.load
        load.waits["renew"], load.echoes = [], []
        self.for_seconds(seconds)
        quiet, quiet_echoes = load.waits["renew"], load.echoes
        strangers = self.lab.popen("flood", "lan2", [
            self.lab.program("strangers"), ROUTER_LAN, CLIENTS["lan2"], 1, 10 ** 12, self.options.seed,
            "vogdDazm", 0])
        load.waits["renew"], load.echoes = [], []
        self.for_seconds(seconds)
        strangers.kill()
        flooded = load.waits["renew"]
        print(f"renewals without a flood: {figures(quiet)}; echo: {figures(quiet_echoes)}")
        print(f"renewals during a flood:  {figures(flooded)}; echo: {figures(load.echoes)}")
        slow = sum(wait > max(quiet) + DELAY for wait in flooded)
        stalls = sum(wait > max(quiet_echoes) + DELAY for wait in load.echoes)
        print(f"by more than {DELAY * 1e3:.0f} ms later than any without a flood: {slow} renewals, {stalls} echoes")
        delay = share(flooded, 999) - share(quiet, 999)
        self.check(delay <= DELAY, f"the flood delays renewals by {delay * 1e3:.0f} ms (p99.9)")

    def end(self):
        start = time.monotonic()
        status = self.daemon.stop(10)
        rules = len(self.lab.router.own_rules())
        leases = len(self.lab.gateway.leases())
        print(f"stopped in {time.monotonic() - start:.1f} s with status {status}: "
              f"{rules} rules, {leases} leases left")
        self.check(status == 0 and rules == leases == 0, "rules or leases are left, or the exit status is not 0")

    def run(self):
        self.network()
        self.daemon = self.lab.daemon(build=release_build(self.lab),
                                      env={"LOG_LEVEL": "WARN", "ROUTER_CHANGES_PER_SECOND": "0",
                                           "MAX_MAPPINGS": "65535"})
        self.load = Load(self.lab, self.options.clients, self.options.seed)
        self.fill()
        self.churn()
        self.settle()
        self.flood(30)  # each lease is renewed once in this time
        count = self.load.count
        self.check(count["lost"] == count["refused"] == count["changed"] == 0, f"answers: {count}")
        self.end()
        print(f"log: {self.daemon.log() or 'empty'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--warm", type=int, default=WARM)
    parser.add_argument("--clients", type=int, default=500, help="500 at most")
    parser.add_argument("--mappings", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with Lab(router=False, gateway=False, tunnel="veth") as lab:
        trial = Trial(lab, options)
        trial.run()
    for failure in trial.failures:
        print("FAILED:", failure)
    return 1 if trial.failures else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(main())

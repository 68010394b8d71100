"""Faults of the daemon's own process: no file descriptors, no room or no reader for its log, another wall clock, a
long stop. It continues, clients lose nothing, and nothing is left when it ends."""

import contextlib
import fcntl
import itertools
import os
import pathlib
import resource
import select
import signal
import socket
import struct
import time

import pytest

from held import MAPPINGS, Held
from lab import CLIENTS, release_build, wait_until
from natpmp import map_request
from test_confinement import hosts

F_SETPIPE_SZ = 1031


# ---- file descriptors ----

def limit_files(daemon, count):
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (count, 1024))


def test_no_file_descriptors_left(lab):
    """The daemon cannot connect to the router again. It logs that, serves what it can, and recovers later."""
    daemon = lab.daemon()
    held = Held(lab)
    limit_files(daemon, 3)
    lab.router.ask("drop reset")
    wait_until(lambda: lab.router.counters()["sessions"] == 0)
    client = lab.client("lan1")
    client.send(map_request("tcp", 6000, 46000))
    wait_until(lambda: [line for line in daemon.log_lines("warn") if "file descriptors" in line["line"]], 20,
               "the log names what is missing")
    for mapping in held.mappings:
        assert held.renew(mapping), "a renewal needs no new socket"
    assert len(lab.router.own_rules()) == len(held.mappings)
    limit_files(daemon, 1024)
    wait_until(lambda: client.map("tcp", 6000, 46000).result == 0, 60)
    assert client.delete("tcp", 6000).result == 0
    held.check()
    held.end(daemon)


# What the daemon needs at the most, of src/base/limits.h.
DESCRIPTORS = 34
WATCHERS = 8


def start_with_files(lab, soft, hard, **options):
    return lab.daemon(wrapper=["prlimit", f"--nofile={soft}:{hard}"], **options)


# [L10] With 11 to 13 descriptors it listened, could not make all of its sockets, and did not say so.
@pytest.mark.parametrize("soft", [4, 8, 11, 12, 13, DESCRIPTORS - 1])
def test_a_low_limit_that_it_may_raise(lab, soft):
    daemon = start_with_files(lab, soft, 1024)
    assert resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE) == (DESCRIPTORS, 1024)
    held = Held(lab)
    held.check()
    held.end(daemon)


# [L10]
def test_low_limits_that_it_may_not_raise(lab):
    for hard in (*range(4, 17), DESCRIPTORS - 1):
        daemon = start_with_files(lab, hard, hard, name=f"daemon-{hard}", wait=False)
        assert daemon.process.wait(10) == 1
        line, = daemon.log_lines()
        assert line["level"] == "error" and "ulimit -n" in line["line"], line
        assert (line["limit"], line["needed"]) == (str(hard), str(DESCRIPTORS))
        check = lab.run("ctr", "prlimit", f"--nofile={hard}:{hard}", "env", *(
            f"{name}={value}" for name, value in daemon.environment.items()), daemon.program, "check", check=False)
        assert check.returncode == 1 and "file descriptors" in check.stderr


def test_the_lowest_limit_is_enough(lab, tmp_path):
    """All sessions at the router, each with a name to look up, and all who may watch."""
    with hosts(tmp_path, "172.17.0.1 router.example"):
        daemon = start_with_files(lab, DESCRIPTORS, DESCRIPTORS, env={"MIKROTIK_API_ADDRESS": "router.example"})
        lab.open_sessions(daemon, 4)
        watchers = [lab.popen(f"watch{i}", "ctr", [daemon.program, "watch"]) for i in range(WATCHERS)]
        wait_until(lambda: all("address" in watcher.log() for watcher in watchers), 20)
        lab.router.ask("drop reset")
        assert lab.client("lan2").map("tcp", 5000).result == 0
        used = {int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd")}
        assert max(used) < DESCRIPTORS
        assert "file descriptors" not in daemon.log()
        assert daemon.stop() == 0


# ---- the log ----

TALK_PORT = 5100
LIFETIMES = itertools.cycle(range(30, 60))


def say_something(client):
    """A renewal for another time than before, which is no retransmission: each one makes a line for debugging, and only
    these have no rate."""
    assert client.map("udp", TALK_PORT, lifetime=next(LIFETIMES)).result == 0


def serves_on(lab, daemon):
    """The daemon does everything that it must do."""
    held = Held(lab)
    held.check()
    assert daemon.running()
    return held


def test_no_space_for_the_log(lab):
    with open("/dev/full", "w") as full:
        daemon = lab.daemon(output=full)
    serves_on(lab, daemon).end(daemon)


def test_the_disk_of_the_log_is_full_for_a_while(lab):
    """The next line that fits contains the number of lines that did not fit, and no line is cut in two."""
    folder = lab.folder / "disk"
    folder.mkdir()
    lab.run("ctr", "mount", "-t", "tmpfs", "-o", "size=4k", "none", folder)
    try:
        path = folder / "log"
        with open(path, "ab") as log:
            daemon = lab.daemon(output=log)
        held = serves_on(lab, daemon)
        client = lab.client("lan1")
        wait_until(lambda: path.stat().st_size == 4096 or say_something(client), 20, "the disk is full")
        assert client.delete("udp", TALK_PORT).result == 0
        lab.run("ctr", "mount", "-o", "remount,size=1m", folder)
        held.check()
        held.end(daemon)
        (lab.folder / "daemon.log").write_bytes(path.read_bytes())
        assert len(daemon.log_lines()) >= len(daemon.log().splitlines()) - 1, "at most one line is cut in two"
        assert [int(line["count"]) > 0 for line in daemon.events("log lines were lost: the reader of the log is too slow")] == [True]
        assert daemon.log_lines()[-1]["message"] == "ended"
    finally:
        lab.run("ctr", "umount", "--lazy", folder)


def test_the_log_has_no_reader(lab):
    reader, writer = os.pipe()
    daemon = lab.daemon(output=writer)
    os.close(writer)
    os.close(reader)
    serves_on(lab, daemon).end(daemon)


def open_ends(kind):
    """Of what the daemon writes its log to: the reader's end, and the daemon's."""
    if kind == "socket":
        ends = socket.socketpair()
        return tuple(os.dup(end.fileno()) for end in ends)
    if kind == "terminal":
        return os.openpty()
    ends = os.pipe()
    fcntl.fcntl(ends[1], F_SETPIPE_SZ, 4096)  # so that it is soon full
    return ends


# [L6] The daemon wrote to a terminal that had room for a part of the line, and waited for ever.
@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_the_reader_of_the_log_is_stuck(lab, kind, user):
    """The daemon does not wait for it; when it reads again it hears how much it missed. Another user may not open the
    terminal or the pipe again."""
    reader, writer = open_ends(kind)
    wrapper = ["setpriv", "--reuid", user, "--clear-groups"] if user != "root" else []
    if wrapper:
        lab.folder.chmod(0o755)
        lab.router.password_file.chmod(0o644)
        lab.router.password_file.parent.chmod(0o755)
    # The release, because the build with sanitizers may do more behind the filter.
    daemon = lab.daemon(output=writer, wrapper=wrapper, build=release_build(lab) if wrapper else None)
    held = serves_on(lab, daemon)
    client = lab.client("lan1")

    def full():
        say_something(client)
        return not select.select([], [writer], [], 0)[1]

    wait_until(full, 60, "there is no room any more")
    for _ in range(5):
        # Room for a part of a line at the most.
        os.read(reader, 40)
        say_something(client)
    assert os.get_blocking(writer), "what others write there still waits"
    os.close(writer)
    os.set_blocking(reader, False)
    text = b""

    def told():
        nonlocal text
        with contextlib.suppress(BlockingIOError):
            text = text[-100:] + os.read(reader, 65536)
        assert client.serves()
        return b"log lines were lost: " in text

    wait_until(told, 10, "the loss is told without another line")
    held.end(daemon)
    os.close(reader)


# ---- the wall clock ----

def test_the_wall_clock_jumps(lab):
    """It is used only for the log. The daemon sees another time, and the machine does not."""
    offset = lab.folder / "clock"
    library = lab.folder / "wallclock.so"
    lab.run("ctr", "gcc", "-shared", "-fPIC", "-o", library, pathlib.Path(__file__).with_name("wallclock.c"))

    def jump(hours):
        with open(offset, "r+b" if offset.exists() else "wb") as file:
            file.write(struct.pack("=q", hours * 3600))

    jump(0)
    daemon = lab.daemon(build=release_build(lab), env={"LD_PRELOAD": library, "WALL_CLOCK": offset})
    held = Held(lab)
    short = lab.client("lan1")
    stamps = [daemon.log_lines()[-1]["time"]]
    for hours in (5, -7, 30 * 24, 0):
        assert short.map("udp", 6000, 46000, 3).external == 46000
        jump(hours)
        epoch = short.address().epoch
        for mapping in held.mappings:
            assert held.renew(mapping)
        assert len(lab.router.own_rules()) == len(held.mappings) + 1, "nothing has ended"
        wait_until(lambda: len(lab.router.own_rules()) == len(held.mappings), 10, "the lease of 3 s ends")
        held.check()
        assert 2 <= short.address().epoch - epoch < 60
        stamps.append(daemon.log_lines()[-1]["time"])
    assert len({stamp[:13] for stamp in stamps}) >= 4, stamps
    held.end(daemon)


# ---- a long stop ----

def test_a_stop_of_30_seconds(lab):
    """As when the machine sleeps. Leases that are long enough are still valid when it wakes, the others are over."""
    daemon = lab.daemon()
    long = Held(lab, mappings=MAPPINGS[:2])
    short = Held(lab, lifetime=10, mappings=MAPPINGS[2:])
    daemon.process.signal(signal.SIGSTOP)
    time.sleep(30)  # the time itself is what is tested
    asking = lab.client("lan1")
    asking.send(map_request("tcp", 6000, 46000))
    assert len(lab.router.own_rules()) == len(MAPPINGS)
    daemon.process.signal(signal.SIGCONT)
    wait_until(lambda: len(lab.router.own_rules()) == len(MAPPINGS) - 1, 10, "two mappings end, one is adopted")
    assert asking.receive(14) is not None
    assert asking.delete("tcp", 6000).result == 0
    long.check()
    for protocol, port in (("tcp", 5001), ("udp", 5002)):
        assert lab.router.rule_for(protocol, CLIENTS["lan2"], port) is None
    for mapping in short.mappings:
        assert short.renew(mapping), "it is made again, with the same ports"
    long.end(daemon)

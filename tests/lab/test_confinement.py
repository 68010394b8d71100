"""The running daemon has dropped its rights, and can do everything that it must without them. In the build with
sanitizers a system call that the filter does not know ends the daemon, so each test of the lab shows that none is
missing."""

import contextlib
import re
import subprocess

import pytest

from lab import release_build, wait_until


def status(daemon, name):
    with open(f"/proc/{daemon.pid}/status") as file:
        return re.search(rf"^{name}:\s+(\S+)", file.read(), re.M)[1]


@contextlib.contextmanager
def hosts(folder, line):
    """/etc/hosts of the test's own mount namespace."""
    file = folder / "hosts"
    file.write_text(f"127.0.0.1 localhost\n{line}\n")
    subprocess.run(["mount", "--bind", file, "/etc/hosts"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "/etc/hosts"], check=True)


@pytest.mark.parametrize("build", ["sanitized", "release"])
@pytest.mark.parametrize("router", ["172.17.0.1", "router.example"])
def test_a_life_behind_the_filter(lab, tmp_path, build, router):
    chosen = lab.build if build == "sanitized" else release_build(lab)
    with hosts(tmp_path, "172.17.0.1 router.example"):
        daemon = lab.daemon(env={"MIKROTIK_API_ADDRESS": router}, build=chosen)
        assert status(daemon, "Seccomp") == "2"
        assert status(daemon, "NoNewPrivs") == "1"
        client = lab.client("lan1")
        assert client.map("udp", 5000, 45001).result == 0
        # The connection is made again, the name is resolved again, and one address does not work.
        lab.router.ask("drop reset")
        assert client.map("tcp", 5000).result == 0
        lab.router.kill()
        wait_until(lambda: daemon.log_lines("warn"), what="the connection is lost")
        lab.router.start()
        wait_until(lambda: len(lab.router.own_rules()) == 2, 20)
        assert daemon.stop() == 0
    assert lab.router.own_rules() == []

"""The Debian package on a machine beside the lab's router: a bare Debian 12 whose systemd runs in the namespace of the
router's container. Installed, configured, upgraded, removed and purged as README.Debian says."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from lab import ROOT, wait_until
from router import PASSWORD, USER

MACHINE = ROOT / "build/package/machine"
VERSION = re.search(r"project\(double-natpmp VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
DEB = ROOT / f"build/deb/double-natpmp_{VERSION}_amd64.deb"
DEFAULT = "etc/default/double-natpmp"
CREDENTIAL = "etc/double-natpmp/password"
WANTED = "etc/systemd/system/multi-user.target.wants/double-natpmp.service"
# What apt, dpkg and systemd write for themselves.
THEIRS = re.compile(r"(var/(lib|cache|log)|run|tmp|root|etc/machine-id|etc/\.pwd\.lock)(/|$)|usr/lib/locale")


def older(deb, folder):
    """The same package as an older version, to upgrade from."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", "Version: 0.0.1", control.read_text(), flags=re.M))
    made = folder / "double-natpmp_0.0.1_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, made], check=True, stdout=subprocess.DEVNULL)
    return made


class Machine:
    """A copy of the bare Debian, with its systemd running."""

    def __init__(self, lab, root):
        self.lab = lab
        self.root = root
        subprocess.run([ROOT / "tools/bare", "copy", MACHINE, root], check=True)
        (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        self.process = lab.popen("machine", "ctr", [ROOT / "tests/package/boot", root])
        self.init = wait_until(self._init, what="process 1")
        wait_until(lambda: self("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"),
                   limit=60, what="systemd is up")

    def _init(self):
        assert self.process.running(), self.process.log()
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return children and "systemd" in pathlib.Path(f"/proc/{children[0]}/cmdline").read_text() and children[0]

    def __call__(self, *argv, check=True, limit=90):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(["nsenter", "--target", self.init, "--all", "--root", "--wd", *argv], env=environment,
                              capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{argv}\n{done.stdout}{done.stderr}\n{self.journal()}"
        return done

    def journal(self):
        return self("journalctl", "--no-pager", "--lines", "40", check=False).stdout

    def install(self, deb):
        shutil.copy(deb, self.root / "var/cache" / deb.name)
        self("apt-get", "--yes", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", "install", f"/var/cache/{deb.name}")

    def configure(self):
        path = self.root / DEFAULT
        text = path.read_text()
        for name, value in (("VPN_GATEWAY", "10.2.0.1"), ("MIKROTIK_API_ADDRESS", "172.17.0.1"),
                            ("MIKROTIK_API_USER", USER)):
            text, count = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", text)
            assert count == 1, name
        path.write_text(text)
        self("install", "-m", "600", "/dev/null", f"/{CREDENTIAL}")
        (self.root / CREDENTIAL).write_text(PASSWORD + "\n")

    def active(self):
        return self("systemctl", "is-active", "double-natpmp", check=False).stdout.strip()

    def pid(self):
        return int(self("systemctl", "show", "--property", "MainPID", "--value", "double-natpmp").stdout)

    def files(self):
        found = set()
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if not os.path.ismount(os.path.join(folder, name))]
            relative = os.path.relpath(folder, self.root)
            found |= {os.path.normpath(os.path.join(relative, name)) for name in [*folders, *names]}
        return {name for name in found if not THEIRS.match(name)}


@pytest.fixture
def machine(lab, tmp_path):
    return Machine(lab, tmp_path / "root")


def test_its_whole_life(machine, lab, tmp_path):
    before = machine.files()

    # Installed: nothing runs before it is configured.
    machine.install(older(DEB, tmp_path))
    assert machine.active() == "inactive"
    assert machine("systemctl", "is-enabled", "double-natpmp", check=False).stdout.strip() == "disabled"

    # Configured as README.Debian says, checked and started.
    machine.configure()
    script = (ROOT / "debian/README.Debian").read_text()
    check = re.search(r"(?m)^      (env \$.*\\\n.*double-natpmp check)$", script)[1]
    report = machine("sh", "-c", check, check=False)
    assert "pass  the router accepts the login" in report.stdout, report
    machine("systemctl", "enable", "--now", "double-natpmp")
    wait_until(lambda: lab.client("lan1").serves(), what="the daemon answers on the LAN")
    listener = lab.listener("lan1", "udp", 5000)
    assert lab.natpmpc("lan1", "udp", 5000, 45001, 60).external == 45001
    assert listener.reached(45001)
    assert machine("double-natpmp", "health").stdout.startswith("healthy ")
    first = machine.pid()
    status = machine("cat", f"/proc/{first}/status").stdout
    assert "0" not in re.search(r"^Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", status, re.M).groups()
    assert re.search(r"^CapEff:\s+0+$", status, re.M)
    assert PASSWORD not in machine("cat", f"/proc/{first}/environ").stdout

    # Upgraded: the new version runs, with the same configuration.
    machine.install(DEB)
    assert machine.active() == "active"
    assert machine.pid() != first
    wait_until(lambda: lab.client("lan1").serves(), what="the new daemon answers on the LAN")
    assert machine("double-natpmp", "--version").stdout.startswith(f"double-natpmp {VERSION}")
    assert lab.natpmpc("lan1", "udp", 5000, 45001, 60).external == 45001
    assert listener.reached(45001)

    # Removed: the rules are gone. The configuration stays, and that the service is to run.
    machine("apt-get", "--yes", "remove", "double-natpmp")
    assert lab.router.own_rules() == []
    assert lab.gateway.mappings() == {}
    assert machine.active() == "inactive"
    assert machine.files() - before == {DEFAULT, "etc/double-natpmp", CREDENTIAL, WANTED}

    # Purged: nothing is left.
    machine("apt-get", "--yes", "purge", "double-natpmp")
    assert machine.files() == before

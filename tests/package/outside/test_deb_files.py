"""The Debian packages in build/deb: what is in them, and what Debian's own checker says."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
VERSION = re.search(r"project\(double-natpmp VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
# The Debian in which the packages are built. It has the C library of the other processor, too.
BUILD_ROOT = ROOT / "build/deb/root"
each = pytest.mark.parametrize("architecture", ["amd64", "arm64"])


def deb(architecture):
    return ROOT / f"build/deb/double-natpmp_{VERSION}_{architecture}.deb"


def output(*argv):
    return subprocess.run([str(word) for word in argv], check=True, capture_output=True, text=True).stdout


@each
def test_lintian(architecture):
    done = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", "--profile", "debian",
                           deb(architecture)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@each
def test_fields(architecture):
    field = dict(re.findall(r"^(\S+): (.*)$", output("dpkg-deb", "--field", deb(architecture)), re.M))
    assert (field["Package"], field["Version"], field["Architecture"]) == ("double-natpmp", VERSION, architecture)
    depends = field["Depends"].split(", ")
    # TLS needs the library, which is loaded at run time.
    assert "libwolfssl35" in depends and "libmicrohttpd12" in depends
    assert any(package.startswith("libc6 ") for package in depends)


@each
def test_files(architecture, tmp_path):
    output("dpkg-deb", "--extract", deb(architecture), tmp_path)
    for name in ("usr/bin/double-natpmp", "lib/systemd/system/double-natpmp.service", "etc/default/double-natpmp",
                 "usr/share/man/man8/double-natpmp.8.gz", "usr/share/doc/double-natpmp/README.Debian",
                 "usr/share/doc/double-natpmp/copyright", "usr/share/doc/double-natpmp/examples/prometheus.yml",
                 "usr/share/doc/double-natpmp/examples/grafana.json",
                 "usr/share/doc/double-natpmp/examples/double-natpmp-watch@.service"):
        assert (tmp_path / name).is_file(), name
    watch = (tmp_path / "usr/share/doc/double-natpmp/examples/double-natpmp-watch@.service").read_text()
    assert "/usr/bin/double-natpmp watch" in watch and "/etc/default/double-natpmp" in watch
    unit = (tmp_path / "lib/systemd/system/double-natpmp.service").read_text()
    assert "\nExecStart=/usr/bin/double-natpmp\n" in unit
    assert "\nEnvironmentFile=/etc/default/double-natpmp\n" in unit
    assert "/usr/local" not in unit and "/etc/double-natpmp/environment" not in unit


@each
def test_hardening(architecture, tmp_path):
    output("dpkg-deb", "--extract", deb(architecture), tmp_path)
    program = tmp_path / "usr/bin/double-natpmp"
    headers = output("readelf", "--wide", "--file-header", "--segments", "--dynamic", "--dyn-syms", program)
    assert {"amd64": "X86-64", "arm64": "AArch64"}[architecture] in headers
    assert "DYN (Position-Independent Executable file)" in headers
    assert "GNU_RELRO" in headers and "BIND_NOW" in headers
    assert re.search(r"GNU_STACK .* RW ", headers)
    assert "__stack_chk_fail" in headers and "__memcpy_chk" in headers


def test_the_program_for_arm64_runs(tmp_path):
    """Under QEMU, with Debian's C library."""
    output("dpkg-deb", "--extract", deb("arm64"), tmp_path)
    emulator = shutil.which("qemu-aarch64-static")
    assert emulator, "tools/install package-test"
    assert output(emulator, "-L", BUILD_ROOT, tmp_path / "usr/bin/double-natpmp", "--version").startswith(
        f"double-natpmp {VERSION}")

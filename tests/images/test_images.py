"""The images in build/images: what is in the files, and the program in each of them on its processor, alone in its own
root file system and as the user that the image names."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = ROOT / "build" / "images"
PACK = ROOT / "tools" / "images" / "pack.py"
TABLE = ROOT / "tools" / "images" / "targets"
OCI = IMAGES / "double-natpmp.oci.tar"

ELF_MACHINE = {"amd64": 62, "arm64": 183, "armv7": 40, "armv5": 40}
PT_LOAD, PT_INTERP, PT_GNU_STACK = 1, 3, 0x6474E551
ET_DYN = 3
EXECUTE, WRITE = 1, 2

IMAGE_MAX = 640_000
LAYER_MAX = 320_000

GATEWAY = "10.2.0.1"
NATPMP_PORT = 5351
STATUS_PORT = 8080
ADDRESS_REQUEST = bytes([0, 0])
ANSWER_S = 12


class Target:
    def __init__(self, number, line):
        self.name, _, self.machine, self.platform, self.processor, _ = line.split()
        self.address = f"127.0.0.{number}"
        self.archive = IMAGES / f"double-natpmp-{self.name}.tar"

    def members(self):
        """name: content of the docker-archive."""
        with tarfile.open(self.archive, "r:") as tar:
            assert all(member.isreg() for member in tar), "RouterOS is not known to follow links"
            return {member.name: tar.extractfile(member).read() for member in tar}

    def manifest(self):
        return json.loads(self.members()["manifest.json"])[0]

    def config(self):
        return json.loads(self.members()[self.manifest()["Config"]])

    def layer(self):
        return self.members()[self.manifest()["Layers"][0]]

    def program(self):
        with tarfile.open(fileobj=io.BytesIO(self.layer()), mode="r:") as tar:
            return tar.extractfile("double-natpmp").read()

    def emulator(self):
        return None if self.processor == "-" else shutil.which(f"qemu-{self.machine}-static")


LINES = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
TARGETS = [Target(number, line) for number, line in enumerate(LINES, 1)]
each_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


class Container:
    """An image's layer, unpacked. Its program is the only file there, apart from the emulator."""

    def __init__(self, target, folder):
        self.target = target
        self.root = folder
        folder.chmod(0o755)
        with tarfile.open(fileobj=io.BytesIO(target.layer()), mode="r:") as tar:
            tar.extractall(folder)
        self.command = list(target.config()["config"]["Entrypoint"])
        if target.processor != "-":
            emulator = target.emulator()
            assert emulator, f"qemu-{target.machine}-static is missing: tools/install images-test"
            shutil.copy(emulator, folder / "qemu")
            self.command = ["/qemu", "-cpu", target.processor, *self.command]

    def enter(self):
        uid, gid = map(int, self.target.config()["config"]["User"].split(":"))
        os.chroot(self.root)
        os.chdir("/")
        # A user namespace of our own has only root.
        if "4294967295" in MAPPED_USERS:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)

    def popen(self, *arguments, **env):
        return subprocess.Popen([*self.command, *arguments], env=env, preexec_fn=self.enter, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *arguments, **env):
        """Exit status, standard output, standard error."""
        process = self.popen(*arguments, **env)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err


MAPPED_USERS = pathlib.Path("/proc/self/uid_map").read_text()


def configuration(target):
    # Nothing listens on port 1.
    return {
        "VPN_GATEWAY": GATEWAY,
        "MIKROTIK_API_ADDRESS": f"{target.address}:1",
        "MIKROTIK_API_PASSWORD": "secret",
        "LISTEN_ADDR": f"{target.address}:{NATPMP_PORT}",
        "STATUS_LISTEN": f"{target.address}:{STATUS_PORT}",
    }


@pytest.fixture(scope="session")
def containers(tmp_path_factory):
    return {t.name: Container(t, tmp_path_factory.mktemp(t.name)) for t in TARGETS}


class Daemon:
    def __init__(self, container):
        self.address = container.target.address
        self.process = container.popen(**configuration(container.target))
        self.log = []
        while not any("listening" in line for line in self.log):
            line = self.process.stderr.readline()
            assert line, f"ended before it listened: {self.log}"
            self.log.append(line)
        self.asking = self.ask(ADDRESS_REQUEST)
        self.asked_at = time.monotonic()

    def ask(self, request):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind((self.address, 0))
        client.connect((self.address, NATPMP_PORT))
        client.send(request)
        return client


@pytest.fixture(scope="session")
def silent_gateway():
    """Reads what it is sent. An ICMP error would not do: under qemu 7.2 recvmsg without a buffer reports success and
    does nothing."""
    subprocess.run(["ip", "address", "add", GATEWAY, "dev", "lo"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gateway:
        gateway.bind((GATEWAY, NATPMP_PORT))
        yield gateway


@pytest.fixture(scope="session")
def daemons(containers, silent_gateway):
    """All programs start and request their address at once, so that their twelve seconds run in parallel."""
    running = {}
    try:
        for name, container in containers.items():
            running[name] = Daemon(container)
        yield running
    finally:
        for daemon in running.values():
            daemon.asking.close()
            daemon.process.kill()
            daemon.process.communicate()


# ---- the files ----


@each_target
def test_the_archive_is_what_routeros_imports(target):
    members = target.members()
    manifest = target.manifest()
    assert manifest["Layers"] == ["layer.tar"]
    assert sorted(members) == sorted(["manifest.json", "layer.tar", manifest["Config"]])
    assert manifest["Config"] == hashlib.sha256(members[manifest["Config"]]).hexdigest() + ".json"
    config = target.config()
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(members["layer.tar"]).hexdigest()]
    platform = "/".join(filter(None, [config["architecture"], config.get("variant")]))
    assert platform == target.platform


@each_target
def test_the_image_says_how_it_is_run(target):
    config = target.config()["config"]
    assert config["Entrypoint"] == ["/double-natpmp"]
    assert config["ExposedPorts"] == {f"{NATPMP_PORT}/udp": {}}
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", *config["Entrypoint"], "health"]
    uid, gid = config["User"].split(":")
    assert int(uid) > 0 and int(gid) > 0
    assert all(name in config["Labels"]["double-natpmp.components"] for name in ("libmicrohttpd ", "musl ", "wolfssl "))
    # wolfSSL's licence applies to the whole program that it is linked into.
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT AND GPL-2.0-or-later"


@each_target
def test_nothing_else_is_in_the_image(target):
    with tarfile.open(fileobj=io.BytesIO(target.layer()), mode="r:") as tar:
        found = {member.name: (member.type, member.mode, member.uid, member.gid) for member in tar}
    assert found == {
        "etc": (tarfile.DIRTYPE, 0o755, 0, 0),
        "etc/passwd": (tarfile.REGTYPE, 0o644, 0, 0),
        "double-natpmp": (tarfile.REGTYPE, 0o755, 0, 0),
    }


def segments(program):
    """(type, flags) of each program header."""
    wide = program[4] == 2
    offset = struct.unpack_from("<Q" if wide else "<I", program, 32 if wide else 28)[0]
    size, count = struct.unpack_from("<HH", program, 54 if wide else 42)
    for number in range(count):
        at = offset + number * size
        yield struct.unpack_from("<I", program, at)[0], struct.unpack_from("<I", program, at + (4 if wide else 24))[0]


@each_target
def test_the_program_is_static_and_movable(target):
    program = target.program()
    assert program[:4] == b"\x7fELF"
    kind, machine = struct.unpack_from("<HH", program, 16)
    assert (kind, machine) == (ET_DYN, ELF_MACHINE[target.name])
    found = list(segments(program))
    assert PT_INTERP not in [kind for kind, _ in found]
    assert not [kind for kind, flags in found if kind == PT_LOAD and flags & WRITE and flags & EXECUTE]
    assert [flags & EXECUTE for kind, flags in found if kind == PT_GNU_STACK] == [0]
    assert b"GNU C Library" not in program and b"GLIBC_" not in program


@each_target
def test_no_path_of_the_builder_is_in_the_program(target):
    assert str(ROOT).encode() not in target.program()


@each_target
def test_the_image_fits_into_16_mb_of_flash(target):
    assert target.archive.stat().st_size < IMAGE_MAX


def test_packing_again_gives_the_same_bytes(tmp_path):
    for target in TARGETS:
        (tmp_path / target.name / "root").mkdir(parents=True)
        (tmp_path / target.name / "root" / "double-natpmp").write_bytes(target.program())
    config = TARGETS[0].config()
    created = subprocess.run(["date", "-d", config["created"], "+%s"], capture_output=True, text=True, check=True)
    labels = config["config"]["Labels"]
    version, commit = labels["org.opencontainers.image.version"], labels.get("org.opencontainers.image.revision", "")
    subprocess.run([sys.executable, PACK, TABLE, tmp_path, version, commit, IMAGES / "source" / "versions"], check=True,
                   env={"SOURCE_DATE_EPOCH": created.stdout.strip(), "TZ": "Asia/Tokyo"})
    for path in [OCI, *(target.archive for target in TARGETS)]:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_layout_holds_the_same_layers():
    with tarfile.open(OCI, "r:") as tar:
        blobs = {member.name: tar.extractfile(member).read() for member in tar if member.isreg()}

    def blob(descriptor):
        content = blobs["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")]
        assert descriptor["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()
        assert descriptor["size"] == len(content)
        return content

    index = json.loads(blob(json.loads(blobs["index.json"])["manifests"][0]))
    assert len(index["manifests"]) == len(TARGETS)
    for target, descriptor in zip(TARGETS, index["manifests"]):
        manifest = json.loads(blob(descriptor))
        assert blob(manifest["config"]) == target.members()[target.manifest()["Config"]]
        [layer] = manifest["layers"]
        assert gzip.decompress(blob(layer)) == target.layer()
        assert layer["size"] < LAYER_MAX


def test_the_list_of_what_is_linked_in():
    bill = json.loads((IMAGES / "double-natpmp.spdx.json").read_text())
    assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0"
    packages = {package["name"]: package for package in bill["packages"]}
    assert set(packages) == {"double-natpmp", "gcc-12", "libmd", "libmicrohttpd", "libuv1", "musl", "wolfssl"}
    for line in (IMAGES / "source" / "versions").read_text().splitlines():
        name, version = line.split()
        assert packages[name]["versionInfo"] == version
    assert packages["wolfssl"]["licenseConcluded"] == "GPL-2.0-or-later"
    assert packages["libmicrohttpd"]["licenseConcluded"] == "LGPL-2.1-or-later"
    ids = {thing["SPDXID"] for thing in [bill, *bill["packages"], *bill["files"]]}
    assert len(ids) == 1 + len(bill["packages"]) + len(bill["files"])
    linked = set()
    for relationship in bill["relationships"]:
        assert {relationship["spdxElementId"], relationship["relatedSpdxElement"]} <= ids
        if relationship["relationshipType"] == "STATIC_LINK":
            linked.add(relationship["relatedSpdxElement"])
    assert linked == {package["SPDXID"] for package in bill["packages"]} - set(bill["documentDescribes"])
    files = {file["fileName"]: file["checksums"][1]["checksumValue"] for file in bill["files"]}
    assert files == {
        f"./{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in [OCI, *(t.archive for t in TARGETS)]
    }


# ---- as other programs read them ----

needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="tools/install images-test")


def skopeo(*arguments):
    done = subprocess.run(["skopeo", "--insecure-policy", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_skopeo
@each_target
def test_skopeo_reads_the_archive(target, tmp_path):
    # Copying checks each digest.
    skopeo("copy", f"docker-archive:{target.archive}", f"dir:{tmp_path / 'copy'}")
    seen = json.loads(skopeo("inspect", "--config", f"docker-archive:{target.archive}"))
    assert seen["config"]["Entrypoint"] == ["/double-natpmp"]


@needs_skopeo
def test_skopeo_reads_all_platforms_of_the_layout(tmp_path):
    skopeo("copy", "--all", f"oci-archive:{OCI}", f"oci:{tmp_path / 'copy'}:all")
    index = json.loads(skopeo("inspect", "--raw", f"oci:{tmp_path / 'copy'}:all"))
    platforms = [m["platform"] for m in index["manifests"]]
    assert ["/".join(filter(None, [p["architecture"], p.get("variant")])) for p in platforms] == [
        target.platform for target in TARGETS
    ]


@needs_skopeo
@each_target
def test_the_layout_holds_the_same_image(target, tmp_path):
    architecture, _, variant = target.platform.partition("/")
    choice = ["--override-arch", architecture, *(["--override-variant", variant] if variant else [])]
    assert json.loads(skopeo(*choice, "inspect", "--config", f"oci-archive:{OCI}")) == json.loads(
        skopeo("inspect", "--config", f"docker-archive:{target.archive}")
    )


# ---- the program ----


@each_target
def test_it_prints_its_version(containers, target):
    labels = target.config()["config"]["Labels"]
    version = "+".join(filter(None, [labels["org.opencontainers.image.version"],
                                     labels.get("org.opencontainers.image.revision")]))
    assert containers[target.name].run("--version") == (0, f"double-natpmp {version}\n", "")


@each_target
def test_it_accepts_a_configuration(containers, target):
    status, out, err = containers[target.name].run("--check-config", **configuration(target))
    assert (status, err) == (0, "")
    assert f"VPN_GATEWAY={GATEWAY}\n" in out and "secret" not in out


@each_target
def test_it_refuses_to_run_without_one(containers, target):
    status, _, err = containers[target.name].run("--check-config")
    assert status == 2
    assert "VPN_GATEWAY" in err


@each_target
def test_it_answers_another_version_at_once(daemons, target):
    with daemons[target.name].ask(bytes([2, 0])) as client:
        client.settimeout(5)
        version, opcode, result = struct.unpack_from("!BBH", client.recv(64))
    # RFC 6886 section 3.5: Unsupported Version, and the version that is spoken.
    assert (version, result) == (0, 1) and opcode >= 128


@each_target
def test_it_reports_its_health(containers, daemons, target):
    status, out, _ = containers[target.name].run("health", LISTEN_ADDR=f"{target.address}:{NATPMP_PORT}")
    assert status == 1 and out.startswith("unhealthy: the router ")


@each_target
def test_it_has_a_status_page(daemons, target):
    base = f"http://{target.address}:{STATUS_PORT}"
    with urllib.request.urlopen(f"{base}/", timeout=10) as answer:
        assert b"the router refuses connections" in answer.read()
    with urllib.request.urlopen(f"{base}/status.json", timeout=10) as answer:
        assert json.load(answer)["gateway"]["address"] == GATEWAY
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{base}/healthz", timeout=10)
    assert caught.value.code == 503


@each_target
def test_it_reports_a_missing_address_in_time(daemons, target):
    daemon = daemons[target.name]
    daemon.asking.settimeout(ANSWER_S + 10)
    version, opcode, result = struct.unpack_from("!BBH", daemon.asking.recv(64))
    # Network Failure: there is no router, and the gateway does not answer.
    assert (version, opcode, result) == (0, 128, 3)
    assert time.monotonic() - daemon.asked_at > 1, "must have tried"


@each_target
def test_it_ends_on_sigterm(daemons, target):
    process = daemons[target.name].process
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log

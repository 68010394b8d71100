"""The images as a registry serves them, and Podman, which pulls one by its tag and runs it beside the lab's router."""

import gzip
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import urllib.request

import pytest

from lab import CLIENTS, CONTAINER, ROOT, inside, wait_until

REGISTRY = "127.0.0.1:5000"
NAME = "Somebody/double-natpmp"
VERSION = re.search(r"project\(double-natpmp VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
REPOSITORY = f"{REGISTRY}/{NAME.lower()}"

NAME_IN_README = "double-natpmp"

# Docker's types, which RouterOS before 7.10 needs. It reads OCI's since then.
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

# The README's options, and what this machine needs besides: no control groups, and limits that it can give.
HERE = ("--cgroups=disabled", "--no-healthcheck", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=64:64")
CONFINED = ("--read-only", "--cap-drop=all", "--security-opt", "no-new-privileges")


@pytest.fixture(scope="module")
def registry():
    """A registry with what `tools/release push` puts there."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="double-natpmp-registry-"))
    (folder / "config.yml").write_text(json.dumps({
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": REGISTRY},
    }))
    log = open(folder / "log", "wb")
    server = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(server, folder / "log"), what="the registry answers")
        subprocess.run([ROOT / "tools/release", "push", f"{REGISTRY}/{NAME}"], check=True)
        yield folder
    finally:
        server.kill()
        server.wait()
        log.close()
        shutil.rmtree(folder)


def answers(server, log):
    assert server.poll() is None, log.read_text()
    try:
        return fetch("/v2/")
    except OSError:
        return None


def fetch(path, accept="*/*"):
    request = urllib.request.Request(f"http://{REGISTRY}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return reply.headers["Content-Type"], reply.read()


def manifest(reference, kind):
    got, body = fetch(f"/v2/{NAME.lower()}/manifests/{reference}", kind)
    assert got == kind
    return json.loads(body)


def blob(digest):
    content = fetch(f"/v2/{NAME.lower()}/blobs/{digest}")[1]
    assert digest == "sha256:" + hashlib.sha256(content).hexdigest()
    return content


class Podman:
    def __init__(self, lab, namespace=None):
        self.lab = lab
        self.namespace = namespace
        folder = lab.folder / "podman"
        folder.mkdir()
        self.options = ["--root", folder / "root", "--runroot", folder / "run", "--tmpdir", folder / "tmp",
                        "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file"]

    def __call__(self, *arguments, check=True, limit=60):
        argv = [str(word) for word in ["podman", *self.options, *arguments]]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.lab.folder), "LC_ALL": "C.UTF-8"}
        options = dict(capture_output=True, text=True, timeout=limit, env=environment, stdin=subprocess.DEVNULL)
        if self.namespace:
            with inside(self.namespace):
                done = subprocess.run(argv, **options)
        else:
            done = subprocess.run(argv, **options)
        assert not check or done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
        return done.stdout if check else done

    def pull(self):
        # The registry is not in that namespace.
        namespace, self.namespace = self.namespace, None
        self("pull", "--quiet", "--tls-verify=false", f"{REPOSITORY}:{VERSION}")
        self.namespace = namespace
        self("secret", "create", "password", self.lab.router.password_file)

    def run(self, *options):
        self("run", "--detach", "--name", NAME_IN_README, *HERE, *options, "--secret", "password,uid=65532,mode=0400",
             "--env", "VPN_GATEWAY=10.2.0.1", "--env", "MIKROTIK_API_ADDRESS=172.17.0.1",
             "--env", "MIKROTIK_API_USER=natpmp", "--env", "MIKROTIK_API_PASSWORD_FILE=/run/secrets/password",
             f"{REPOSITORY}:{VERSION}")

    def log(self):
        done = self("logs", NAME_IN_README, check=False)
        return done.stdout + done.stderr


def the_client_is_reachable(lab, podman):
    """Maps a port, and sends a packet to it from the internet. Returns the rule on the router."""
    wait_until(lambda: lab.client("lan1").serves(), what=f"the daemon answers on the LAN\n{podman.log()}")
    listener = lab.listener("lan1", "udp", 5000)
    mapping = lab.natpmpc("lan1", "udp", 5000, 45001, 60)
    assert (mapping.external, mapping.lifetime) == (45001, 60)
    assert listener.reached(45001)
    rule = lab.router.rule_for("udp", CLIENTS["lan1"], 5000)
    assert rule, lab.router.rules()
    return rule


# ---- what RouterOS pulls ----


def test_the_registry_serves_what_routeros_reads(registry):
    index = manifest(VERSION, LIST)
    assert index == manifest("latest", LIST)
    platforms = []
    for entry in index["manifests"]:
        assert entry["mediaType"] == MANIFEST
        platforms.append("/".join(filter(None, (entry["platform"].get(key) for key in ("os", "architecture", "variant")))))
        one = manifest(entry["digest"], MANIFEST)
        assert one["schemaVersion"] == 2
        assert [layer["mediaType"] for layer in one["layers"]] == [LAYER]
        config = json.loads(blob(one["config"]["digest"]))
        assert config["config"]["Entrypoint"] == ["/double-natpmp"]
        assert config["os"] == "linux" and config["architecture"] == entry["platform"]["architecture"]
        layer = gzip.decompress(blob(one["layers"][0]["digest"]))
        assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
    assert platforms == ["linux/amd64", "linux/arm64/v8", "linux/arm/v7", "linux/arm/v5"]


@pytest.mark.parametrize("target,choice", [
    ("amd64", ("--override-arch", "amd64")),
    ("arm64", ("--override-arch", "arm64")),
    ("armv7", ("--override-arch", "arm", "--override-variant", "v7")),
    ("armv5", ("--override-arch", "arm", "--override-variant", "v5")),
])
def test_a_pull_gives_the_same_image_as_the_file(registry, target, choice):
    config = subprocess.run(["skopeo", "--insecure-policy", *choice, "inspect", "--tls-verify=false", "--config",
                             f"docker://{REPOSITORY}:{VERSION}"], capture_output=True, check=True).stdout
    file = subprocess.run(["skopeo", "--insecure-policy", "inspect", "--config",
                           f"docker-archive:{ROOT}/build/images/double-natpmp-{target}.tar"],
                          capture_output=True, check=True).stdout
    assert json.loads(config) == json.loads(file)


# ---- what people run ----


def test_podman_runs_it_in_the_namespace_of_the_router_s_container(registry, lab):
    podman = Podman(lab)
    podman.pull()
    podman.run("--network", "ns:/run/netns/ctr", *CONFINED)
    the_client_is_reachable(lab, podman)
    assert "healthy" in podman("exec", NAME_IN_README, "/double-natpmp", "health")
    assert lab.router.password_file.read_text().strip() not in podman("inspect", NAME_IN_README) + podman.log()
    podman("stop", NAME_IN_README)
    assert podman("wait", NAME_IN_README).strip() == "0", podman.log()
    assert lab.router.own_rules() == []
    assert lab.gateway.mappings() == {}


def readme_line(lab):
    """The words of the README's `docker run -d` line behind `run`, with the lab's addresses and a file for the password."""
    line = re.search(r"(?m)^docker run (-d .* -p 5351:5351/udp .*)$", (ROOT / "README.md").read_text())[1]
    password = lab.folder / "the-password"
    password.write_text(lab.router.password_file.read_text())
    password.chmod(0o400)
    os.chown(password, 65532, 65532)
    for old, new in (("$PWD/password", str(password)), ("=192.168.90.1 ", "=172.17.0.1 "),
                     (" IMAGE", f" {REPOSITORY}:{VERSION}")):
        assert line.count(old) == 1, (old, line)
        line = line.replace(old, new)
    return shlex.split(line)


def test_the_readme_s_line_with_a_published_port(registry, lab):
    """`-p` is a dst-nat rule on the machine: the daemon sees the clients' addresses. Its own requests leave with the
    machine's address."""
    podman = Podman(lab, namespace="ctr")
    podman.pull()
    podman("run", *HERE, *readme_line(lab))
    rule = the_client_is_reachable(lab, podman)
    assert rule["to-addresses"] == CLIENTS["lan1"]
    inner = podman("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", NAME_IN_README).strip()
    assert inner not in ("", CONTAINER)
    assert f"client={CLIENTS['lan1']}" in podman.log() and f"client={inner}" not in podman.log()
    check = podman("exec", NAME_IN_README, "/double-natpmp", "check", check=False)
    assert "pass  the router accepts the login" in check.stdout, check
    podman("stop", NAME_IN_README)
    assert lab.router.own_rules() == []
    assert lab.gateway.mappings() == {}

"""The scripts of the workflows' steps, each run in a bare Debian 12, in the order of the steps. Instead of `make` and `./test`,
which the other tests run, there are programs that only see to it that the target exists, and take over what was built
here. The registry is a real one on this machine, and `gh` writes down what it is told."""

import glob
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/unit"))

from test_workflows import FOLDER, load  # noqa: E402

VERSION = re.search(r"project\(double-natpmp VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
BARE = ROOT / "build/package/bare"
CLONE = "work/double-natpmp"
ACTOR = "somebody"
TOKEN = "a-token-that-must-not-be-seen"
# Of the token, by bcrypt.
HASH = "$2y$05$aaaaaaaaaaaaaaaaaaaaaO23iG5mMH.2K7.qDt1/TlFFo1Nv9yxCq"

PROGRAMS = {
    "make": """#!/bin/sh
set -eu
case $1 in
    images | deb)
        mkdir -p build
        cp -a /built/"$1" build
        ;;
    *) /usr/bin/make --dry-run "$1" >/dev/null ;;
esac
echo "make $1" >>/called
""",
    "gh": """#!/bin/sh
set -eu
[ -n "$GH_TOKEN" ]
echo "gh $*" >>/called
while [ $# -gt 0 ]; do
    [ "$1" != --notes-file ] || cp "$2" /notes
    [ ! -e "$1" ] || cp "$1" /attached
    shift
done
""",
}


@pytest.fixture
def registry(tmp_path):
    """The address of a registry that only lets the actor in."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    (folder / "users").write_text(f"{ACTOR}:{HASH}\n")
    (folder / "config.yml").write_text(json.dumps({
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "users")}},
    }))
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log)
        try:
            limit = time.monotonic() + 20
            while not is_open(port):
                assert server.poll() is None and time.monotonic() < limit, (folder / "log").read_text()
                time.sleep(0.02)
            yield f"127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def files_of(folder):
    """The tracked files and the new ones of the tree, as a tar."""
    names = subprocess.run(["git", "-C", folder, "ls-files", "-co", "--exclude-standard", "-z"], check=True,
                           capture_output=True).stdout
    return subprocess.run(["tar", "-C", folder, "-c", "--null", "--ignore-failed-read", "-T", "-"], input=names, check=True,
                          capture_output=True).stdout


class Runner:
    """A bare Debian, as a runner of GitHub starts it for a job."""

    def __init__(self, root, registry):
        self.root = root
        self.registry = registry
        self.output = ""
        subprocess.run([ROOT / "tools/bare", "copy", BARE, root], check=True)
        for name, text in PROGRAMS.items():
            (root / "usr/local/bin" / name).write_text(text)
            (root / "usr/local/bin" / name).chmod(0o755)
        (root / CLONE).mkdir(parents=True)
        for name, patterns in (("images", ("*.tar", "*.json", "apt/packages/*")), ("deb", ("*.deb",))):
            for pattern in patterns:
                for path in (ROOT / "build" / name).glob(pattern):
                    to = root / "built" / name / path.relative_to(ROOT / "build" / name)
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, to)

    def check_out(self):
        clone = self.root / CLONE
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], check=True)
        subprocess.run(["tar", "-C", clone, "-x"], input=files_of(ROOT), check=True)
        # The other tests run it.
        (clone / "test").write_text("#!/bin/sh\necho ./test >>/called\n")
        # A runner's files belong to another user than the one of the steps.
        subprocess.run(["chown", "-R", "1001:127", clone], check=True)

    def run(self, step, **env):
        for name, value in step.get("env", {}).items():
            env[name] = value.replace("${{ github.token }}", TOKEN)
            assert "${{" not in env[name]
        script = step["run"].replace("ghcr.io", self.registry)
        (self.root / "script").write_text(script)
        done = subprocess.run([ROOT / "tools/bare", "run", self.root, "env", "-C", f"/{CLONE}",
                               *(f"{name}={value}" for name, value in env.items()), "sh", "-e", "/script"],
                              capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
        self.output += done.stdout + done.stderr
        assert done.returncode == 0, f"{step['name']}\n{(done.stdout + done.stderr)[-6000:]}"

    def job(self, steps):
        env = {"GITHUB_REF_NAME": f"v{VERSION}", "GITHUB_REPOSITORY": "Somebody/Double-NATPMP", "GITHUB_ACTOR": ACTOR}
        for step in steps:
            action = step.get("uses", "").partition("@")[0]
            if action == "actions/checkout":
                self.check_out()
            elif action == "actions/attest-build-provenance":
                assert glob.glob(str(self.root / CLONE / step["with"]["subject-path"]))
            else:
                assert not action, f"no stand-in for {action}"
                self.run(step, **env)
        assert TOKEN not in self.output

    def called(self):
        return (self.root / "called").read_text().splitlines()


@pytest.fixture
def runner(tmp_path, registry):
    return Runner(tmp_path / "root", registry)


def jobs(name):
    return load((FOLDER / name).read_text())["jobs"]


def test_ci(runner):
    runner.job(jobs("ci.yml")["test"]["steps"])
    assert runner.called() == ["./test"]


def test_ci_once_a_week(runner):
    runner.job(jobs("ci.yml")["publish"]["steps"])
    assert runner.called() == ["make images-test", "make package-test"]


def test_release(runner):
    (runner.root / "attached").mkdir()
    runner.job(jobs("release.yml")["release"]["steps"])
    called = runner.called()
    assert called[:2] == ["make images", "make deb"]
    assert called[2].startswith(f"gh release create v{VERSION} --verify-tag ")

    # The notes are the section of the changelog.
    notes = (runner.root / "notes").read_text()
    assert "### Added" in notes and "\n## " not in notes

    attached = {path.name for path in (runner.root / "attached").iterdir()} - {f"v{VERSION}"}
    assert attached == {
        *(f"double-natpmp-{target}.tar" for target in ("amd64", "arm64", "armv7", "armv5")), "double-natpmp.oci.tar",
        "double-natpmp.spdx.json", "double-natpmp-images-source.tar", "SHA256SUMS", "notes.md",
        *(f"double-natpmp_{VERSION}_{architecture}.deb" for architecture in ("amd64", "arm64"))}
    subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=runner.root / "attached", check=True)
    sources = subprocess.run(["tar", "-tf", runner.root / "attached/double-natpmp-images-source.tar"], check=True,
                             capture_output=True, text=True).stdout
    assert all(f"packages/{name}_" in sources for name in ("libmd", "libmicrohttpd", "libuv1", "musl", "wolfssl"))

    # The images are in the registry, under a name in small letters.
    for tag in (VERSION, "latest"):
        index = json.loads(subprocess.run(
            ["skopeo", "inspect", "--raw", "--tls-verify=false", "--creds", f"{ACTOR}:{TOKEN}",
             f"docker://{runner.registry}/somebody/double-natpmp:{tag}"], check=True, capture_output=True).stdout)
        assert len(index["manifests"]) == 4


def test_a_tag_that_is_not_the_version(runner):
    runner.check_out()
    check = next(step for step in jobs("release.yml")["release"]["steps"] if "tools/release check" in step.get("run", ""))
    with pytest.raises(AssertionError, match="the tag is v99.0.0, but CMakeLists.txt says"):
        runner.run(check, GITHUB_REF_NAME="v99.0.0")

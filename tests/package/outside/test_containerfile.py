"""The Containerfile, built by Buildah for all processors over a Debian 12 that debootstrap made: a place where nothing was
built before. The images have the same files and the same settings as those of `make images`."""

import io
import json
import os
import pathlib
import stat
import subprocess
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BARE = ROOT / "build/package/bare"
PLATFORMS = {"amd64": "linux/amd64", "arm64": "linux/arm64", "armv7": "linux/arm/v7", "armv5": "linux/arm/v5"}
SETTINGS = ("Entrypoint", "User", "WorkingDir", "ExposedPorts", "StopSignal", "Healthcheck")


@pytest.fixture(scope="module")
def buildah(tmp_path_factory):
    folder = tmp_path_factory.mktemp("buildah")

    def run(command, *arguments):
        argv = ["buildah", "--root", folder / "root", "--runroot", folder / "run", command, *arguments]
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                              env={**os.environ, "TMPDIR": str(folder), "BUILDAH_ISOLATION": "chroot"})
        assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
        return done.stdout.strip()

    base = run("from", "scratch")
    run("add", "--quiet", base, BARE, "/")
    run("commit", "--quiet", "--rm", base, "localhost/debian:12")
    yield run
    run("rm", "--all")
    run("rmi", "--all", "--force")


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """The tree without its history, and without what was built."""
    folder = tmp_path_factory.mktemp("context")
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"], check=True,
                           capture_output=True).stdout
    tar = subprocess.run(["tar", "-C", ROOT, "-c", "--null", "--ignore-failed-read", "-T", "-"], input=names, check=True,
                         capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        archive.extractall(folder)
    return folder


def archive(target):
    """The configuration of the image that `make images` made, and its files: name, mode, content."""
    with tarfile.open(ROOT / f"build/images/double-natpmp-{target}.tar") as tar:
        manifest = json.load(tar.extractfile("manifest.json"))[0]
        config = json.load(tar.extractfile(manifest["Config"]))
        layer = tar.extractfile(manifest["Layers"][0]).read()
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        files = {member.name: (member.mode, tar.extractfile(member).read() if member.isreg() else None) for member in tar}
    return config, files


def tree(root):
    found = {}
    for path in pathlib.Path(root).rglob("*"):
        mode = path.lstat().st_mode
        found[str(path.relative_to(root))] = (stat.S_IMODE(mode), path.read_bytes() if stat.S_ISREG(mode) else None)
    return found


@pytest.mark.parametrize("target", PLATFORMS)
def test_the_same_image_as_from_make_images(buildah, context, target):
    config, files = archive(target)
    commit = config["config"]["Labels"].get("org.opencontainers.image.revision", "")
    # Buildah 1.28 does not know the builder's own platform in the first FROM.
    own = f"linux/{subprocess.run(['dpkg', '--print-architecture'], check=True, capture_output=True, text=True).stdout.strip()}"
    buildah("build", "--quiet", "--layers", "--format", "docker", "--platform", PLATFORMS[target], "--build-arg",
            "BASE=localhost/debian:12", "--build-arg", f"BUILDPLATFORM={own}", "--build-arg", f"COMMIT={commit}", "--tag",
            f"localhost/natpmp:{target}", context)
    inspected = json.loads(buildah("inspect", "--type", "image", f"localhost/natpmp:{target}"))["Docker"]
    assert {name: inspected["config"].get(name) for name in SETTINGS} == {name: config["config"][name] for name in SETTINGS}
    assert (inspected["os"], inspected["architecture"]) == ("linux", config["architecture"])
    container = buildah("from", "--pull-never", f"localhost/natpmp:{target}")
    built = tree(buildah("mount", container))
    assert {name: mode for name, (mode, _) in built.items()} == {name: mode for name, (mode, _) in files.items()}
    for name, (_, content) in files.items():
        assert built[name][1] == content, name
    buildah("rm", container)

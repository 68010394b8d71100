#!/usr/bin/python3
"""pack.py TARGETS OUT VERSION COMMIT COMPONENTS [TARGET...]: OUT/TARGET/root/double-natpmp of each target as an image.

Writes OUT/double-natpmp-TARGET.tar, a docker-archive, and, if no TARGET is named, OUT/double-natpmp.oci.tar, an OCI
layout with all of them. COMMIT may be empty. COMPONENTS is a file that names what is linked in. Times come from
SOURCE_DATE_EPOCH, so equal input gives equal bytes.
"""

import datetime
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

NAME = "double-natpmp"
PORT = "5351/udp"
# Docker needs no entry for a numeric user. RouterOS calls its setting a name, so there is an entry for it, and one for
# root, because `/container/set user=` may name root.
USER = 65532
SECOND_NS = 1_000_000_000
PASSWD = f"root:x:0:0::/:/{NAME}\nnatpmp:x:{USER}:{USER}::/:/{NAME}\n"

OCI = "application/vnd.oci.image"


def epoch():
    return int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def created():
    return datetime.datetime.fromtimestamp(epoch(), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def to_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def compress(data):
    """As gzip, but smaller by four percent, and slower: an image is pulled more often than made."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return subprocess.run(["zopfli", "-c", file.name], stdout=subprocess.PIPE, check=True).stdout


def make_tar(members):
    """A tar of (name, content, mode). Content None is a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content, mode in members:
            info = tarfile.TarInfo(name)
            info.mtime = epoch()
            info.mode = mode
            if content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        end = tar.offset
    # Two blocks of zeros end a tar. Python writes up to 20, as for tapes.
    return out.getvalue()[: end + 2 * tarfile.BLOCKSIZE]


class Image:
    def __init__(self, row, binary, version, commit, components):
        self.target, _, _, platform, _, self.routeros = row
        self.binary = binary
        architecture, _, variant = platform.partition("/")
        self.platform = {"architecture": architecture, "os": "linux"}
        if variant:
            self.platform["variant"] = variant
        self.tag = f"{NAME}:{version}"
        # A runtime writes resolv.conf into /etc. The program reads and writes no other file there.
        self.layer = make_tar(
            [("etc", None, 0o755), ("etc/passwd", PASSWD.encode(), 0o644), (NAME, binary, 0o755)]
        )
        self.compressed = compress(self.layer)
        self.config = to_json(
            {
                **self.platform,
                "created": created(),
                "config": {
                    "Entrypoint": [f"/{NAME}"],
                    "User": f"{USER}:{USER}",
                    "WorkingDir": "/",
                    "ExposedPorts": {PORT: {}},
                    "StopSignal": "SIGTERM",
                    "Healthcheck": {
                        "Test": ["CMD", f"/{NAME}", "health"],
                        "Interval": 30 * SECOND_NS,
                        "Timeout": 5 * SECOND_NS,
                        "StartPeriod": 30 * SECOND_NS,
                        "Retries": 3,
                    },
                    "Labels": {
                        "org.opencontainers.image.title": NAME,
                        "org.opencontainers.image.version": version,
                        **({"org.opencontainers.image.revision": commit} if commit else {}),
                        "org.opencontainers.image.licenses": "MIT AND GPL-2.0-or-later",
                        f"{NAME}.components": components,
                    },
                },
                "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(self.layer)]},
                "history": [{"created": created(), "created_by": NAME}],
            }
        )

    def docker_archive(self):
        """The format that `docker save` wrote before OCI layouts, which RouterOS cannot import from a file: one layer, not
        compressed, and no links."""
        config = digest(self.config) + ".json"
        manifest = to_json([{"Config": config, "RepoTags": [self.tag], "Layers": ["layer.tar"]}])
        return make_tar(
            [("manifest.json", manifest, 0o644), (config, self.config, 0o644), ("layer.tar", self.layer, 0o644)]
        )


def descriptor(kind, content, **more):
    return {"mediaType": f"{OCI}.{kind}", "digest": "sha256:" + digest(content), "size": len(content), **more}


def oci_layout(images, version):
    blobs = []
    manifests = []
    for image in images:
        manifest = to_json(
            {
                "schemaVersion": 2,
                "mediaType": f"{OCI}.manifest.v1+json",
                "config": descriptor("config.v1+json", image.config),
                "layers": [descriptor("layer.v1.tar+gzip", image.compressed)],
            }
        )
        blobs += [image.config, image.compressed, manifest]
        manifests.append(descriptor("manifest.v1+json", manifest, platform=image.platform))
    index = to_json({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": manifests})
    blobs.append(index)
    name = {"org.opencontainers.image.ref.name": version}
    top = to_json({"schemaVersion": 2, "manifests": [descriptor("index.v1+json", index, annotations=name)]})
    return make_tar(
        [
            ("oci-layout", to_json({"imageLayoutVersion": "1.0.0"}), 0o644),
            ("index.json", top, 0o644),
            ("blobs", None, 0o755),
            ("blobs/sha256", None, 0o755),
        ]
        + sorted(("blobs/sha256/" + digest(blob), blob, 0o644) for blob in blobs)
    )


def main(targets, out, version, commit, components, *wanted):
    out = pathlib.Path(out)
    components = ", ".join(pathlib.Path(components).read_text().splitlines())
    rows = [line.split() for line in pathlib.Path(targets).read_text().splitlines() if not line.startswith("#")]
    images = [
        Image(row, (out / row[0] / "root" / NAME).read_bytes(), version, commit, components)
        for row in rows
        if not wanted or row[0] in wanted
    ]
    print(f"{'bytes':<28}{'program':>10}{'image':>10}{'layer.gz':>10}  for")
    for image in images:
        archive = image.docker_archive()
        path = out / f"{NAME}-{image.target}.tar"
        path.write_bytes(archive)
        print(f"{path.name:<28}{len(image.binary):>10}{len(archive):>10}{len(image.compressed):>10}"
              f"  RouterOS {image.routeros}: upload it, then /container/add file=; docker load")
    if not wanted:
        layout = oci_layout(images, version)
        path = out / f"{NAME}.oci.tar"
        path.write_bytes(layout)
        print(f"{path.name:<28}{'':>10}{len(layout):>10}{'':>10}"
              "  a registry (tools/release push), then /container/add remote-image=; docker pull")


if __name__ == "__main__":
    main(*sys.argv[1:])

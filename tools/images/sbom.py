#!/usr/bin/python3
"""sbom.py OUT VERSION COMMIT PACKAGES COMPILER...: OUT/double-natpmp.spdx.json, a list (SPDX 2.3) of what is linked into the
images in OUT. PACKAGES is the folder with the Debian source packages that the libraries were built from. Each COMPILER is
"NAME VERSION" of a Debian package whose libgcc is linked in. Times come from SOURCE_DATE_EPOCH."""

import hashlib
import json
import pathlib
import re
import sys
import urllib.parse
import uuid

from pack import NAME, created

# The licence of those files of each package that are linked in, and who wrote them.
LICENCES = {
    "libmd": ("LicenseRef-public-domain", "Only MD5, by Colin Plumb."),
    "libmicrohttpd": ("LGPL-2.1-or-later", "Only the server, without TLS and authentication."),
    "libuv1": ("MIT", ""),
    "musl": ("MIT", ""),
    "wolfssl": ("GPL-2.0-or-later", ""),
}
LIBGCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
IMAGE = "MIT AND GPL-2.0-or-later"


def spdx_id(*words):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join(words))


def debian(name, version, licence, comment, files=()):
    """A package of Debian; `files` are its source, as (sha256, name)."""
    quoted = urllib.parse.quote(version, safe="")
    return {
        "SPDXID": spdx_id(name, version),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": f"https://snapshot.debian.org/package/{name}/{quoted}/" if files else "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{name}@{quoted}?{'arch=source&' if files else ''}distro=bookworm",
        }],
        **({"comment": comment} if comment else {}),
        **({"sourceInfo": "built from " + ", ".join(f"{file} (sha256 {digest})" for digest, file in files)}
           if files else {}),
    }


def read_source_package(dsc):
    text = dsc.read_text()
    field = dict(re.findall(r"^(Source|Version): (.*)$", text, re.M))
    block = re.search(r"^Checksums-Sha256:\n((?: .*\n)+)", text, re.M)[1]
    files = [(digest, file) for digest, _, file in map(str.split, block.splitlines()) if not file.endswith(".asc")]
    for digest, file in files:
        assert hashlib.sha256((dsc.parent / file).read_bytes()).hexdigest() == digest, file
    return debian(field["Source"], field["Version"], *LICENCES[field["Source"]], files)


def image_file(path):
    content = path.read_bytes()
    return {
        "SPDXID": spdx_id("File", path.name),
        "fileName": "./" + path.name,
        "fileTypes": ["ARCHIVE"],
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()},
        ],
        "licenseConcluded": IMAGE,
        "licenseInfoInFiles": ["MIT", "GPL-2.0-or-later"],
        "copyrightText": "NOASSERTION",
    }


def main(out, version, commit, packages, *compilers):
    out = pathlib.Path(out)
    linked = [read_source_package(dsc) for dsc in sorted(pathlib.Path(packages).glob("*.dsc"))]
    assert {package["name"] for package in linked} == set(LICENCES)
    linked += [debian(*compiler.split(), LIBGCC, "Only libgcc.") for compiler in sorted(set(compilers))]
    program = {
        "SPDXID": spdx_id(NAME),
        "name": NAME,
        "versionInfo": version + (f"+{commit}" if commit else ""),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": IMAGE,
        "licenseDeclared": "MIT",
        "copyrightText": "Copyright (c) 2026 the double-natpmp authors",
        "comment": "The source is under the MIT licence. An image contains wolfSSL and is, as a whole, under the GPL.",
    }
    files = [image_file(path) for path in sorted(out.glob(f"{NAME}*.tar"))]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{NAME}-{program['versionInfo']}",
        "creationInfo": {"created": created(), "creators": ["Tool: tools/images/sbom.py"]},
        "documentDescribes": [program["SPDXID"]],
        "packages": [program, *linked],
        "files": files,
        "hasExtractedLicensingInfos": [{
            "licenseId": "LicenseRef-public-domain",
            "name": "Public domain",
            "extractedText": "no copyright is claimed. This code is in the public domain; do with it what you wish.",
        }],
        "relationships": [
            *({"spdxElementId": program["SPDXID"], "relationshipType": "STATIC_LINK",
               "relatedSpdxElement": package["SPDXID"]} for package in linked),
            *({"spdxElementId": file["SPDXID"], "relationshipType": "GENERATED_FROM",
               "relatedSpdxElement": program["SPDXID"]} for file in files),
        ],
    }
    # The name has to be unique to the content.
    content = json.dumps(document, sort_keys=True)
    document["documentNamespace"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}"
    path = out / f"{NAME}.spdx.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"{path.name:<28}{len(linked):>10} packages")


if __name__ == "__main__":
    main(*sys.argv[1:])

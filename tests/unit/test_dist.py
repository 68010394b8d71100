#!/usr/bin/python3
"""The files beside the program: the systemd unit, the man page, the compose file, and `make install`."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
UNIT = DIST / "double-natpmp.service"
PAGE = DIST / "double-natpmp.8"
COMPOSE = DIST / "compose.yaml"
EXPOSURE_MAX = 2.0


def run(*argv, **options):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **options)
    return done.returncode, done.stdout + done.stderr


def variables():
    """The settings that the program knows: the names in its own table."""
    names = set(re.findall(r'"([A-Z][A-Z_]{5,})"', (ROOT / "src/app/config.c").read_text()))
    assert {"VPN_GATEWAY", "MIKROTIK_API_TLS", "LISTEN_ADDR"} <= names
    return names


class Unit(unittest.TestCase):
    def test_exposure(self):
        # Not --threshold, whose number systemd 250 takes in tenths and systemd 252 does not.
        status, text = run("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
        self.assertEqual(status, 0, text)
        exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", text)[1])
        self.assertLess(exposure, EXPOSURE_MAX)

    def test_no_word_is_unknown(self):
        # The program is not installed here. systemd must find no other error.
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, UNIT.name)
            copy.write_text(UNIT.read_text().replace("/usr/local/bin/double-natpmp", "/bin/true"))
            status, text = run("systemd-analyze", "verify", "--man=no", copy)
        self.assertEqual((status, text), (0, ""))

    def test_no_word_of_the_example_is_unknown(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, "double-natpmp-watch@.service")
            copy.write_text((DIST / copy.name).read_text())
            status, text = run("systemd-analyze", "verify", "--man=no", str(copy).replace("@", "@some"))
        self.assertEqual((status, text), (0, ""))

    def test_the_password_is_a_credential(self):
        text = UNIT.read_text()
        self.assertIn("\nLoadCredential=password:/etc/double-natpmp/password\n", text)
        self.assertIn("\nEnvironment=MIKROTIK_API_PASSWORD_FILE=%d/password\n", text)


class Page(unittest.TestCase):
    def test_lint(self):
        self.assertEqual(run("mandoc", "-T", "lint", "-W", "warning", PAGE), (0, ""))

    def test_each_setting_is_documented(self):
        for name in variables():
            for path in (PAGE, ROOT / "README.md", ROOT / "src/app/main.c"):
                self.assertRegex(path.read_text(), rf"\b{name}\b", path)

    def test_no_setting_is_invented(self):
        documented = set(re.findall(r"^\.It Ev (.*)$", PAGE.read_text(), re.M))
        documented = {name for line in documented for name in re.findall(r"[A-Z_]{5,}", line)}
        self.assertEqual(documented - variables(), {"NOTIFY_SOCKET"})

    def test_each_subcommand_is_documented(self):
        names = re.findall(r'\{"(\w+)", command_\w+\}', (ROOT / "src/app/main.c").read_text())
        self.assertIn("health", names)
        for name in names:
            self.assertRegex(PAGE.read_text(), rf"(?m)^\.It Cm {name}\b")


class Monitoring(unittest.TestCase):
    def metrics(self):
        """The names that src/app/metrics.c writes, as Prometheus has them."""
        source = (ROOT / "src/app/metrics.c").read_text()
        gauges = re.findall(r'gauge\(w, "(\w+)"', source)
        counters = re.findall(r'counter\(w, "(\w+)"', source)
        families = ["".join(pair) for pair in re.findall(r'X\(\w+, "(\w+)", "(\w*)"', source)]
        self.assertTrue(gauges and counters and families)
        return {f"double_natpmp_{name}" for name in
                ("build_info", *gauges, *(f"{name}_total" for name in counters), *families)}

    def test_each_metric_exists(self):
        for name in ("grafana.json", "prometheus-rules.yml"):
            used = set(re.findall(r"\bdouble_natpmp_\w+", (DIST / name).read_text()))
            self.assertTrue(used)
            self.assertLessEqual(used, self.metrics(), name)

    def test_the_dashboard_is_complete(self):
        board = json.loads((DIST / "grafana.json").read_text())
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
        for panel in board["panels"]:
            self.assertTrue(panel["title"] and panel["targets"])

    def test_the_rules_are_named(self):
        self.assertEqual(yaml.safe_load((DIST / "prometheus.yml").read_text())["rule_files"], ["prometheus-rules.yml"])


class Compose(unittest.TestCase):
    def setUp(self):
        self.service = yaml.safe_load(COMPOSE.read_text())["services"]["double-natpmp"]

    def test_settings(self):
        self.assertLessEqual(set(self.service["environment"]), variables())
        self.assertIn("VPN_GATEWAY", self.service["environment"])

    def test_health(self):
        self.assertEqual(self.service["healthcheck"]["test"], ["CMD", "/double-natpmp", "health"])

    def test_rights(self):
        self.assertTrue(self.service["read_only"])
        self.assertEqual(self.service["cap_drop"], ["ALL"])

    def test_version(self):
        version = re.search(r"project\(double-natpmp VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertEqual(self.service["image"], f"double-natpmp:{version}")

    def test_the_secret_is_declared(self):
        self.assertEqual(set(self.service["secrets"]), set(yaml.safe_load(COMPOSE.read_text())["secrets"]))


class Number(unittest.TestCase):
    """The version is in CMakeLists.txt, and nowhere is another one."""

    VERSION = re.search(r"project\(double-natpmp VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]

    def test_it_is_semantic(self):
        self.assertRegex(self.VERSION, r"\A(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)\Z")

    def test_a_release_would_be_complete(self):
        self.assertEqual(run(ROOT / "tools/release", "check", f"v{self.VERSION}"), (0, ""))
        status, text = run(ROOT / "tools/release", "check", "v99.0.0")
        self.assertEqual(status, 1)
        self.assertIn("the tag is v99.0.0", text)

    def test_the_readme_s_files(self):
        readme = (ROOT / "README.md").read_text()
        named = re.findall(r"double-natpmp[:_](\d+\.\d+\.\d+)", readme)
        self.assertTrue(named)
        self.assertEqual(set(named), {self.VERSION})

    def test_the_changelog_has_the_form_of_keep_a_changelog(self):
        text = (ROOT / "CHANGELOG.md").read_text()
        headings = re.findall(r"(?m)^## (.*)$", text)
        self.assertEqual(headings[0], "Unreleased")
        for heading in headings[1:]:
            self.assertRegex(heading, r"\A\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d\Z")
        versions = [tuple(map(int, heading.split()[0].split("."))) for heading in headings[1:]]
        self.assertEqual(versions, sorted(versions, reverse=True))
        self.assertEqual(".".join(map(str, versions[0])), self.VERSION)
        kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
        self.assertLessEqual(set(re.findall(r"(?m)^### (.*)$", text)), kinds)


class Package(unittest.TestCase):
    def test_the_defaults_name_settings_that_exist(self):
        named = set(re.findall(r"(?m)^#?([A-Z_]+)=", (ROOT / "debian/default").read_text()))
        self.assertIn("VPN_GATEWAY", named)
        self.assertLessEqual(named, variables())

    def test_the_images_of_the_containerfile_have_the_settings_of_the_others(self):
        text = (ROOT / "Containerfile").read_text()
        pack = (ROOT / "tools/images/pack.py").read_text()
        user = re.search(r"(?m)^USER = (\d+)$", pack)[1]
        self.assertIn(f"\nUSER {user}:{user}\n", text)
        self.assertTrue(text.endswith('ENTRYPOINT ["/double-natpmp"]\n'))
        self.assertEqual((ROOT / "Dockerfile").resolve(), ROOT / "Containerfile")


class Commit(unittest.TestCase):
    """The commit in `--version` (tools/commit)."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "tools").mkdir()
        shutil.copy(ROOT / "tools/commit", self.root / "tools")

    def commit(self, *arguments, **env):
        status, text = run(self.root / "tools/commit", *arguments, env={"PATH": os.environ["PATH"], **env})
        self.assertEqual(status, 0, text)
        return text

    def git(self, *arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        status, text = run("git", *who, "-C", self.root, *arguments)
        self.assertEqual(status, 0, text)

    def test_a_copy_without_history(self):
        self.assertEqual(self.commit(), "")
        self.assertEqual(self.commit(COMMIT="0123456789ab"), "0123456789ab\n")

    def test_a_copy_inside_the_history_of_another_project(self):
        self.git("init", "-q")
        self.git("commit", "-q", "--allow-empty", "-m", "another project")
        (self.root / "inner").mkdir()
        (self.root / "tools").rename(self.root / "inner/tools")
        self.root = self.root / "inner"
        self.assertEqual(self.commit(), "")

    def test_a_clone(self):
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "one")
        self.assertRegex(self.commit(), r"\A[0-9a-f]{12}\n\Z")
        with open(self.root / "tools/commit", "a") as script:
            script.write("# more\n")
        self.assertRegex(self.commit(), r"\A[0-9a-f]{12}\.modified\n\Z")

    def test_the_header_is_written_only_if_it_changes(self):
        header = self.root / "generated" / "commit.h"
        self.commit(header, COMMIT="0123456789ab")
        self.assertEqual(header.read_text(), '#define COMMIT "+0123456789ab"\n')
        os.utime(header, (1, 1))
        self.commit(header, COMMIT="0123456789ab")
        self.assertEqual(header.stat().st_mtime, 1)
        self.commit(header)
        self.assertEqual(header.read_text(), '#define COMMIT ""\n')


class Install(unittest.TestCase):
    def test_install(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder, "program")
            program.write_text("#!/bin/true\n")
            root = pathlib.Path(folder, "root")
            status, text = run("make", "-C", ROOT, "-o", "release", "install", f"DESTDIR={root}", "PREFIX=/usr",
                               f"PROGRAM={program}", env={"PATH": os.environ["PATH"]})
            self.assertEqual(status, 0, text)
            found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
            self.assertEqual(set(found), {"usr/bin/double-natpmp", "usr/lib/systemd/system/double-natpmp.service",
                                          "usr/share/man/man8/double-natpmp.8"})
            self.assertEqual(found["usr/bin/double-natpmp"].stat().st_mode & 0o777, 0o755)
            unit = found["usr/lib/systemd/system/double-natpmp.service"].read_text()
            self.assertIn("\nExecStart=/usr/bin/double-natpmp\n", unit)
            self.assertNotIn("/usr/local", unit)


class Commands(unittest.TestCase):
    """The README's steps for a container are those that `setup` prints, in that order."""

    def test_the_readme_has_what_setup_prints(self):
        printed = [line for line in (ROOT / "tests/unit/setup/7.20.rsc").read_text().splitlines() if line.startswith("/")]
        self.assertGreater(len(printed), 10)
        lines = iter((ROOT / "README.md").read_text().splitlines())
        for command in printed:
            self.assertIn(command, lines)

    def test_the_readme_has_each_way_into_the_tunnel(self):
        lines = (ROOT / "README.md").read_text().splitlines()
        for via in ("main", "rule", "mangle"):
            text = (ROOT / f"tests/unit/setup/7.20-{via}.rsc").read_text().splitlines()
            self.assertEqual([line for line in text if line.startswith("/") and line not in lines], [])

    def test_two_commands_for_developers(self):
        for name in ("demo", "test"):
            self.assertTrue(os.access(ROOT / name, os.X_OK))
            self.assertRegex((ROOT / "README.md").read_text(), rf"(?m)^\./{name}\b")


class Picture(unittest.TestCase):
    def test_it_stands_alone(self):
        path = ROOT / "docs" / "two-nats.svg"
        ElementTree.parse(path)
        self.assertNotRegex(path.read_text(), r"href|url\(http|<script|<image")
        self.assertIn("docs/two-nats.svg", (ROOT / "README.md").read_text())


if __name__ == "__main__":
    sys.exit(unittest.main())

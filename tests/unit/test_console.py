#!/usr/bin/python3
"""Each RouterOS command that the project shows exists in the versions in which it is shown: those of the documents,
of the snapshots of `setup`, of the findings' remedies and of the log lines."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import console

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = sys.argv.pop(1) if len(sys.argv) > 1 and sys.argv[1].startswith("/") else None
# What a text shows only if the router has it, or says since when there is.
SINCE = {"/ip/nat-pmp": (7, 13), "/ip/route/check": (7, 18), "/ip/service/set %s max-sessions": (7, 16)}
# Sources whose strings are paths of the API or parts of commands: snapshots and findings show the whole commands.
PARTS = {"src/check/setup.c", "src/check/setup_via.c", "src/app/main.c"}


def problems(where, commands):
    found = []
    for (first, last), command in commands:
        for menu, since in SINCE.items():
            first = min(max(first, since), last) if command.startswith(menu) else first
        try:
            console.Checker(first, last).check(command)
        except console.Wrong as wrong:
            found.append(f"{where}: {wrong} in: {command}")
    return found


def is_menu(command):
    """A text may name a menu without a verb."""
    return command in console.table().verbs or command in ("/ip/upnp", "/ip/route/rule")


# [S12]
class Texts(unittest.TestCase):
    maxDiff = None

    def test_documents(self):
        found, count = [], 0
        for path in [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md")),
                     *sorted(ROOT.glob(".github/**/*.md"))]:
            commands = [c for c in console.spans_of(path.read_text()) if not is_menu(c[1])]
            count += len(commands)
            found += problems(path.relative_to(ROOT), commands)
        self.assertEqual(found, [])
        self.assertGreater(count, 60)

    def test_setup(self):
        found, count = [], 0
        for path in sorted((ROOT / "tests/unit/setup").glob("*.rsc")):
            at = console.version(re.match(r"\d+\.\d+", path.name)[0])
            # Each snapshot is checked at its own version.
            commands = [((at, at), line) for line in path.read_text().splitlines() if line and line[0] != "#"]
            commands += [((at, at), c) for line in path.read_text().splitlines() if line.startswith("#")
                         for c in console.commands_in(line) if not is_menu(c)]
            count += len(commands)
            found += problems(path.name, commands)
        self.assertEqual(found, [])
        self.assertGreater(count, 100)

    def test_sources(self):
        found, count = [], 0
        for path in sorted((ROOT / "src").rglob("*.[ch]")):
            name = str(path.relative_to(ROOT))
            if name in PARTS:
                continue
            commands = [((7, 9), (7, 24), c) for literal in console.literals_of(path.read_text())
                        for c in console.commands_in(literal) if not is_menu(c) and not c.endswith("/listen") and c != "/login"]
            count += len(commands)
            found += problems(name, [((first, last), c) for first, last, c in commands])
        self.assertEqual(found, [])
        self.assertGreater(count, 40)

    @unittest.skipIf(UNIT is None, "without the program of the unit tests")
    def test_remedies(self):
        """The tests of the judgement write each remedy that they meet, with the version of its router."""
        found, count = [], 0
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "remedies")
            for group in ("judge", "judge_conditions", "judge_remedies", "flows", "cases"):
                subprocess.run([UNIT, group], env=os.environ | {"REMEDIES": str(path)}, check=True, capture_output=True)
            for line in sorted(set(path.read_text().splitlines())):
                at, remedy = line.split("\t")
                if not console.FIRST <= console.version(at) <= console.LAST:
                    continue
                commands = [((console.version(at), console.version(at)), c) for c in console.commands_in(remedy)]
                count += len(commands)
                found += problems("remedy", commands)
        self.assertEqual(found, [])
        self.assertGreater(count, 20)


class Itself(unittest.TestCase):
    def check_wrong(self, command, words, **versions):
        with self.assertRaises(console.Wrong) as caught:
            console.Checker(**versions).check(command)
        self.assertIn(words, str(caught.exception))

    def test_wrong_words(self):
        self.check_wrong("/ping 10.2.0.1 count=3", "/ping does not exist in 7.23")
        self.check_wrong("/ip/firewal/nat/add chain=dstnat", "unknown menu /ip/firewal/nat")
        self.check_wrong("/ip/firewall/nat/ad chain=dstnat", "/ip/firewall/nat has no verb ad")
        self.check_wrong("/ip/firewall/nat/add in-inteface=wg1", "/ip/firewall/nat/add has no argument in-inteface=wg1")
        self.check_wrong("/ip/firewall/nat/add fib", "/ip/firewall/nat/add does not take fib")
        self.check_wrong("/ip/firewall/nat/set *1 *2 chain=dstnat", "does not take *2")
        self.check_wrong("/ip/firewall/nat/move [find coment=x] destination=*1", "/ip/firewall/nat has no column coment=x")
        self.check_wrong("/ip/firewall/nat/print where comment~\"x\" and chian=y", "no column and")
        self.check_wrong("/ip/firewall/nat/add place-before=[:pick [/ip/firewall/nat/fnd dynamic=no] 0]", "no verb fnd")
        self.check_wrong("/container/add envlists=natpmp", "argument envlists of /container does not exist in 7.9 ")
        self.check_wrong("/container/add envlist=natpmp", "does not exist in 7.20 ... 7.24", first=(7, 19))
        self.check_wrong("/ip/nat-pmp/set enabled=no", "does not exist in 7.12.2", first=(7, 12))
        self.check_wrong("/ip/route/add comment=\"x", "stays open")

    def test_right_words(self):
        for command in ("/tool/ping 10.2.0.1 count=3", "/ip/firewall/nat/set *1 !in-interface in-interface-list=LAN",
                        "/routing/table/add name=vpn fib", "/ip/service/enable api",
                        ":put [/certificate/get [/ip/service/get api-ssl certificate] fingerprint]",
                        "/interface/list/add name=LAN; /interface/list/member/add list=LAN interface=bridge"):
            console.Checker().check(command)
        console.Checker(first=(7, 20)).check("/container/add envlists=natpmp")

    def test_texts(self):
        self.assertEqual(list(console.literals_of('f("a" /* "x" */ "b\\"", \'"\', "c");')), ['ab"', "c"])
        self.assertEqual(list(console.commands_in("see /proc/x (/ip/dns/print), /ip/route/check names it; /tool/ping x")),
                         ["/ip/dns/print", "/ip/route/check", "/tool/ping x"])
        text = "RouterOS 7.20 and later:\n\n```\n/a/b c=d\n```\n\nRouterOS 7.4 to 7.19 `/e/f g` `/etc/x`\n"
        self.assertEqual(list(console.spans_of(text)), [(((7, 20), (7, 24)), "/a/b c=d"), (((7, 4), (7, 19)), "/e/f g")])


if __name__ == "__main__":
    sys.exit(unittest.main())

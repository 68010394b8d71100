#!/usr/bin/python3
"""tools/layers must fail for each kind of finding. A test breaks a small tree in one way and checks it. The tree is
compiled once, and a test compiles only the sources that it changes."""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

LAYERS = pathlib.Path(__file__).resolve().parents[2] / "tools" / "layers"

SOURCES = {
    "src/base/span.h": "#pragma once\n#include <stdint.h>\n#include <string.h>\n"
                       "static inline int one(void) { return 1; }\n",
    "src/base/prng.c": '#include "base/span.h"\nint prng(void);\nint prng(void) { return one(); }\n',
    "src/wire/natpmp.c": '#include <md5.h>\n#include "base/span.h"\nint prng(void);\nint natpmp(void);\n'
                         "int natpmp(void) { return prng(); }\n",
    "src/core/event.h": '#pragma once\n#include "base/span.h"\n',
    "src/core/session.h": '#pragma once\n#include "core/event.h"\n',
    "src/core/server.h": '#pragma once\n#include "core/event.h"\n',
    "src/core/router.h": '#pragma once\n#include "core/session.h"\n',
    "src/core/router_resync.c": '#include "core/router.h"\n',
    "src/core/server.c": '#include <stdio.h>\n#include "core/server.h"\nint natpmp(void);\n'
                         "int server(char *out, const char *text);\n"
                         "int server(char *out, const char *text)\n"
                         '{ return snprintf(out, 9, "%sx", text) + natpmp(); }\n',
    "src/core/rule.h": "#pragma once\nstruct mapping;\nstruct rule { int state; };\n"
                       "int rule_add(struct mapping *mapping);\n",
    "src/core/rule.c": '#include "core/mapping.h"\n'
                       "int rule_add(struct mapping *mapping)\n{ mapping->rule.state = 1; return mapping_find(); }\n",
    "src/core/mapping.h": '#pragma once\n#include "core/rule.h"\n'
                          "struct mapping { struct rule rule; };\nint mapping_find(void);\n",
    "src/core/mapping.c": '#include "core/mapping.h"\nint mapping_find(void) { return 0; }\n',
    "src/core/turn.h": '#pragma once\n#include "core/mapping.h"\nint turn_next(struct mapping *mapping);\n',
    "src/core/turn.c": '#include "core/turn.h"\n'
                       "int turn_next(struct mapping *mapping)\n"
                       "{ return mapping->rule.state == 1 ? rule_add(mapping) : 0; }\n",
    "src/core/proxy.h": '#pragma once\n#include "core/event.h"\n',
    "src/core/proxy_lan.c": '#include "core/router.h"\n#include "core/server.h"\n',
    "src/check/judge.c": '#include <stdio.h>\n#include "core/session.h"\nint server(char *out, const char *text);\n'
                         'int judge(void);\nint judge(void) { return server((char *)0, ""); }\n',
    "src/io/udp.c": '#include <uv.h>\n#include <sys/socket.h>\n#include "base/span.h"\n',
    "tests/models/router.c": '#include <time.h>\n#include "base/span.h"\n#include "router.h"\n',
    "src/app/main.c": '#include <time.h>\n#include "core/proxy.h"\n#include "io/udp.h"\n#include "wire/natpmp.h"\n',
}


# The sources that are in the libraries of the good tree.
COMPILED = ("base/prng.c", "wire/natpmp.c", "check/judge.c", "core/server.c", "core/mapping.c", "core/rule.c",
            "core/turn.c")


def load_tool():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("layers", str(LAYERS))
    tool = importlib.util.module_from_spec(importlib.util.spec_from_loader("layers", loader))
    loader.exec_module(tool)
    return tool


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def compile_into_libraries(root, sources):
    build = root / "build" / "release"
    build.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-c", "-w", "-I", root / "src", *(root / "src" / source for source in sources)],
                   cwd=build, check=True)
    objects = {}
    for source in sources:
        layer, _, name = source.partition("/")
        (build / name).with_suffix(".o").rename(build / f"{name}.o")
        objects.setdefault(layer, []).append(f"{name}.o")
    for layer, names in objects.items():
        subprocess.run(["ar", "rc", f"lib{layer}.a", *names], cwd=build, check=True)


class LayersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tool = load_tool()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.good = pathlib.Path(folder.name) / "good"
        for name, text in SOURCES.items():
            write(cls.good / name, text)
        compile_into_libraries(cls.good, COMPILED)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name) / "tree"
        self.restore()

    def restore(self):
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.good, self.root)

    def append(self, name, text):
        write(self.root / name, SOURCES.get(name, "") + text)

    def build(self, *sources):
        compile_into_libraries(self.root, sources)

    def check(self, *options):
        output = io.StringIO()
        arguments = [str(LAYERS), "--root", str(self.root), *map(str, options)]
        with mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(output):
            status = self.tool.main()
        return status, output.getvalue()

    def expect_all(self, findings, *options):
        status, output = self.check(*options)
        self.assertEqual(status, 1, output)
        for finding in findings:
            self.assertIn(finding, output)
        self.assertIn(f"layers: {len(findings)} findings", output)

    def expect(self, finding, *options):
        self.expect_all([finding], *(options or ["--includes-only"]))

    def test_good_tree(self):
        self.assertEqual(self.check(), (0, "layers: 0 findings\n"))

    def test_exit_status(self):
        for text, status in (("", 0), ("#include <stdio.h>\n", 1)):
            self.append("src/base/prng.c", text)
            result = subprocess.run([LAYERS, "--root", self.root, "--includes-only"], stdout=subprocess.DEVNULL,
                                    check=False)
            self.assertEqual(result.returncode, status)

    def test_includes(self):
        for name, line, finding in (
            ("src/base/prng.c", '#include "wire/natpmp.h"', "prng.c:4: base may not include wire"),
            ("src/base/prng.c", "#include <stdio.h>", "base may not include <stdio.h>"),
            ("src/wire/natpmp.c", '#include "core/event.h"', "wire may not include core"),
            ("src/wire/natpmp.c", "#include <time.h>", "wire may not include <time.h>"),
            ("src/core/server.c", '# include "io/udp.h"', "core may not include io"),
            ("src/core/server.c", '#include "app/log.h"', "core may not include app"),
            ("src/core/server.c", "#include <stdlib.h>", "core may not include <stdlib.h>"),
            ("src/core/server.c", "#include <errno.h>", "core may not include <errno.h>"),
            ("src/core/server.c", '#include "core/router.h"', "sideways: server may not include"),
            ("src/core/router_resync.c", '#include "core/server.h"', "sideways: router may not include"),
            ("src/core/session.c", '#include "core/router.h"', "session.c:1: upwards: session may not include"),
            ("src/core/mapping.c", '#include "core/rule.h"', "mapping.c:3: upwards: mapping may not include"),
            ("src/core/lease.c", '#include "core/rule.h"', "sideways: lease may not include"),
            ("src/core/other.c", '#include "core/event.h"', "other.c: not in the list CORE_ORDER"),
            ("src/core/server.c", '#include "check/judge.h"', "core may not include check"),
            ("src/check/judge.c", '#include "io/udp.h"', "check may not include io"),
            ("src/check/judge.c", "#include <time.h>", "check may not include <time.h>"),
            ("src/io/udp.c", '#include "wire/natpmp.h"', "io may not include wire"),
            ("src/io/udp.c", '#include "core/event.h"', "io may not include core"),
            ("src/io/udp.c", '#include "app/log.h"', "io may not include app"),
            ("src/app/main.c", '#include "../core/event.h"', "does not name its layer"),
            ("src/app/main.c", '#include "event.h"', "does not name its layer"),
            ("src/app/main.c", "#include HEADER", "#include HEADER"),
            ("tests/models/router.c", '#include "core/event.h"', "router.c:4: a model may not include core"),
            ("src/extra/new.c", "int x;", "no layer of this name"),
        ):
            with self.subTest(name=name, line=line):
                self.append(name, line + "\n")
                self.expect(finding)
                self.restore()

    def test_circle_of_headers(self):
        self.append("src/core/rule.h", '#include "core/mapping.h"\n')
        self.expect("circle of includes: core/mapping.h -> core/rule.h -> core/mapping.h")

    def test_foreign_writes(self):
        for line in (
            "mapping->rule.state = 2;",
            "mapping->rule.state |= 2;",
            "mapping->rule.state <<= 2;",
            "mapping->rule.state++;",
            "--mapping->rule.state;",
            "++all[3].rule.state;",
            "all[3].rule.comment[1] = 'x';",
            "mapping->rule = (struct rule){0};",
            "memset(&mapping->rule, 0, sizeof mapping->rule);",
            "struct rule *rule = &mapping->rule;",
            "mapping\n    ->rule\n    .state\n    = 1;",
        ):
            with self.subTest(line=line):
                self.append("src/core/turn.c", line + "\n")
                self.expect("only rule.c writes rule")

    def test_what_is_no_foreign_write(self):
        self.append("src/core/rule_text.c", "mapping->rule.state = 2;\n")
        self.append("src/core/turn.c", """
/* mapping->rule.state = 2; */
static const char text[] = "mapping->rule.state = 2;";
if (mapping->rule.state == 2 || mapping->rule.state <= 3 || mapping->rule.state != 4)
    rule.state = mapping->rule.state;
mapping->ruler.state = mapping->lease.state = 2; /* a part without a file */
const struct rule *rule = &mapping->rule;
outcome = (struct outcome){.rule = mapping->rule};
rule_add(&mapping->rule);
""")
        self.assertEqual(self.check("--includes-only"), (0, "layers: 0 findings\n"))

    def test_calls(self):
        for name, declaration, call, finding in (
            ("mapping", "int rule_add(struct mapping *);", "rule_add(0)", "upwards: mapping calls rule_add of rule"),
            ("server", "int router(void);", "router()", "sideways: server calls router of router_resync"),
            ("rule", "int turn_next(struct mapping *);", "turn_next(0)", "upwards: rule calls turn_next of turn"),
        ):
            with self.subTest(name=name, call=call):
                self.append("src/core/router_resync.c", "int router(void);\nint router(void) { return 1; }\n")
                self.append(f"src/core/{name}.c",
                            f"{declaration}\nint planted(void);\nint planted(void) {{ return {call}; }}\n")
                self.build(f"core/{name}.c", "core/router_resync.c")
                status, output = self.check()
                self.assertEqual(status, 1, output)
                self.assertIn(f"libcore.a: {finding}", output)
                self.restore()

    def test_circles(self):
        """A circle of two files of one module is a finding, too."""
        for one, other, findings in (("router", "router_resync", 1), ("rule", "turn", 2)):
            with self.subTest(one=one):
                for name, wanted in ((one, other), (other, one)):
                    self.append(f"src/core/{name}.c", f"int {wanted}_x(void);\nint {name}_x(void);\n"
                                                      f"int {name}_x(void) {{ return {wanted}_x(); }}\n")
                self.build(f"core/{one}.c", f"core/{other}.c")
                status, output = self.check()
                self.assertEqual(status, 1, output)
                self.assertIn(f"layers: {findings} findings", output)
                self.assertIn(f"libcore.a: circle: {one} -> {other} -> {one}", output)
                self.restore()

    def test_long_file(self):
        self.append("src/io/udp.c", "\n" * 697)
        self.assertEqual(self.check("--includes-only")[0], 0)
        self.append("src/io/udp.c", "\n" * 698)
        self.expect("701 lines, the limit is 700")

    def test_symbols(self):
        symbols = ("time", "malloc", "puts")
        self.append("src/core/server.c", "".join(f"extern int {symbol}();\n" for symbol in symbols) +
                    "int planted(void);\nint planted(void) { return time(0) + malloc(0) + puts(0); }\n")
        self.build("core/server.c")
        self.expect_all([f"libcore.a: server.c.o uses {symbol}" for symbol in symbols])

    def test_symbols_below_the_core(self):
        self.append("src/base/prng.c", "extern int rand();\nint planted(void);\nint planted(void) { return rand(); }\n")
        self.build("base/prng.c")
        elsewhere = (self.root / "build").rename(self.root / "elsewhere")
        self.expect_all(["libbase.a: prng.c.o uses rand"], "--build", elsewhere / "release")

    def test_nothing_to_check(self):
        shutil.rmtree(self.root / "build")
        status, output = self.check()
        self.assertEqual(status, 1)
        self.assertIn("libcore.a: not built", output)
        shutil.rmtree(self.root / "src")
        self.expect("no sources found")


class ThePictureTest(unittest.TestCase):
    def test_architecture_shows_the_line_of_the_core(self):
        text = (LAYERS.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
        picture = re.search(r"## The core in a line\n.*?```\n(.*?)```", text, re.DOTALL)[1]
        rows = [row.split("   ")[0].split() for row in picture.splitlines()]
        self.assertEqual(rows, [line.split() for line in load_tool().CORE_ORDER.strip().splitlines()])


if __name__ == "__main__":
    unittest.main()

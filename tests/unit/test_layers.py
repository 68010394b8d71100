#!/usr/bin/python3
"""tools/layers must go red for each kind of finding: a small tree is made, broken in one way, and checked."""

import pathlib
import subprocess
import tempfile
import unittest

LAYERS = pathlib.Path(__file__).resolve().parents[2] / "tools" / "layers"

SOURCES = {
    "src/base/span.h": "#include <stdint.h>\n#include <string.h>\nstatic inline int one(void) { return 1; }\n",
    "src/base/prng.c": '#include "base/span.h"\nint prng(void);\nint prng(void) { return one(); }\n',
    "src/wire/natpmp.c": '#include <md5.h>\n#include "base/span.h"\nint prng(void);\nint natpmp(void);\n'
                         "int natpmp(void) { return prng(); }\n",
    "src/core/event.h": '#include "base/span.h"\n',
    "src/core/session.h": '#include "core/event.h"\n',
    "src/core/server.h": '#include "core/event.h"\n',
    "src/core/router.h": '#include "core/session.h"\n',
    "src/core/router_look.c": '#include "core/router.h"\n',
    "src/core/server.c": '#include <stdio.h>\n#include "core/server.h"\nint natpmp(void);\n'
                         "int server(char *out, const char *text);\n"
                         "int server(char *out, const char *text)\n"
                         '{ return snprintf(out, 9, "%sx", text) + natpmp(); }\n',
    "src/core/proxy.h": '#include "core/event.h"\n',
    "src/core/proxy_lan.c": '#include "core/router.h"\n#include "core/server.h"\n',
    "src/check/judge.c": '#include <stdio.h>\n#include "core/session.h"\nint server(char *out, const char *text);\n'
                         'int judge(void);\nint judge(void) { return server((char *)0, ""); }\n',
    "src/io/udp.c": '#include <uv.h>\n#include <sys/socket.h>\n#include "base/span.h"\n',
    "tests/models/router.c": '#include <time.h>\n#include "base/span.h"\n#include "router.h"\n',
    "src/app/main.c": '#include <time.h>\n#include "core/proxy.h"\n#include "io/udp.h"\n#include "wire/natpmp.h"\n',
}


class LayersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name, text in SOURCES.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def append(self, name, text):
        self.write(name, SOURCES.get(name, "") + text)

    def check(self, *options):
        result = subprocess.run([LAYERS, "--root", self.root, *options], capture_output=True, text=True, check=False)
        return result.returncode, result.stdout

    def build(self):
        build = self.root / "build" / "release"
        build.mkdir(parents=True)
        for layer, source in (("base", "prng"), ("wire", "natpmp"), ("core", "server"), ("check", "judge")):
            subprocess.run(["cc", "-c", "-w", "-I", self.root / "src", "-o", build / f"{source}.o",
                            self.root / "src" / layer / f"{source}.c"], check=True)
            subprocess.run(["ar", "rc", build / f"lib{layer}.a", build / f"{source}.o"], check=True)

    def expect(self, finding, *options):
        status, output = self.check(*(options or ["--includes-only"]))
        self.assertEqual(status, 1, output)
        self.assertIn(finding, output)
        self.assertIn("layers: 1 findings", output)

    def test_good_tree(self):
        self.build()
        self.assertEqual(self.check(), (0, "layers: 0 findings\n"))

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
            ("src/core/server.c", '#include "core/router.h"', "only proxy joins the modules of the core"),
            ("src/core/router_look.c", '#include "core/server.h"', "only proxy joins the modules of the core"),
            ("src/core/session.h", '#include "core/router.h"', "only proxy joins the modules of the core"),
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
                if name in SOURCES:
                    self.write(name, SOURCES[name])
                else:
                    (self.root / name).unlink()

    def test_long_file(self):
        self.append("src/io/udp.c", "\n" * 697)
        self.assertEqual(self.check("--includes-only")[0], 0)
        self.append("src/io/udp.c", "\n" * 698)
        self.expect("701 lines, the limit is 700")

    def test_symbols(self):
        for symbol in ("time", "malloc", "puts"):
            with self.subTest(symbol=symbol):
                self.append("src/core/server.c",
                            f"extern int {symbol}();\nint stray(void);\nint stray(void) {{ return {symbol}(0); }}\n")
                self.build()
                self.expect(f"libcore.a: server.o uses {symbol}", "--build", self.root / "build" / "release")
                subprocess.run(["rm", "-r", self.root / "build"], check=True)

    def test_symbols_below_the_core(self):
        self.append("src/base/prng.c", "extern int rand();\nint stray(void);\nint stray(void) { return rand(); }\n")
        self.build()
        self.expect("libbase.a: prng.o uses rand", "--build", self.root / "build" / "release")

    def test_nothing_to_check(self):
        status, output = self.check()
        self.assertEqual(status, 1)
        self.assertIn("libcore.a: not built", output)
        subprocess.run(["rm", "-r", self.root / "src"], check=True)
        self.expect("no sources found")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
"""tools/links must fail for each kind of broken link. A test makes a small tree, breaks it in one way, and checks it."""

import pathlib
import subprocess
import tempfile
import unittest

LINKS = pathlib.Path(__file__).resolve().parents[2] / "tools" / "links"

README = """# The program
[manual](docs/manual.md), [a part](docs/manual.md#what-it-does-and-how), [again](docs/manual.md#limits-1),
[here](#the-program), [a folder](docs), [the vendor](https://example.net/none#none), <mailto:nobody@example.net>
![picture](docs/picture.svg "The picture") [![linked](docs/picture.svg)](docs/manual.md) [named][manual]
<a href="docs/manual.md#by-hand">by hand</a> `core/event.h`, `proxy*.c`, `test_NAME.c`, `event.h`, `[x](none.md)`

[manual]: docs/manual.md#limits

```sh
echo "[not a link](none.md) in src/none.c"
# Not a heading
```
"""

TREE = {
    "README.md": README,
    "docs/manual.md": '# Manual\n## What `it` does, and *how*?\n## Limits\n## Limits\n<a id="by-hand"></a>\n[up](../README.md)\n',
    "docs/picture.svg": "<svg/>\n",
    "src/core/event.h": "\n",
    "src/core/proxy_lan.c": "\n",
    "build/extra.md": "[broken, but not ours](none.md)\n",
    "build/made.tar": "\n",
}


class LinksTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name, text in TREE.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def check(self):
        result = subprocess.run([LINKS, "--root", self.root], capture_output=True, text=True, check=False)
        return result.returncode, result.stdout

    def expect(self, finding):
        status, output = self.check()
        self.assertEqual(status, 1, output)
        self.assertIn(finding, output)
        self.assertIn("links: 1 findings", output)

    def test_good_tree(self):
        self.assertEqual(self.check(), (0, "links: 0 findings\n"))

    def test_broken(self):
        line = README.count("\n") + 1
        for text, finding in (
            ("[x](docs/none.md)", f"README.md:{line}: (docs/none.md): no such file"),
            ("[x](docs/Manual.md)", "(docs/Manual.md): no such file"),
            ("![x](docs/none.svg)", "(docs/none.svg): no such file"),
            ("[![x](docs/none.svg)](docs/manual.md)", "(docs/none.svg): no such file"),
            ('<img alt="x" src="docs/none.svg">', "(docs/none.svg): no such file"),
            ("[x]: docs/none.md", "(docs/none.md): no such file"),
            ("[x](build/made.tar)", "(build/made.tar): no such file"),
            ("[x](../README.md)", "(../README.md): no such file"),
            ("[x](/README.md)", "(/README.md): a link to a file begins at the document's own folder"),
            ("[x](#none)", "(#none): README.md has no such heading"),
            ("[x](#not-a-heading)", "(#not-a-heading): README.md has no such heading"),
            ("[x](docs/manual.md#none)", "docs/manual.md has no such heading"),
            ("[x](docs/manual.md#limits-2)", "docs/manual.md has no such heading"),
            ("[x](docs/manual.md#Limits)", "docs/manual.md has no such heading"),
            ("[x](docs/picture.svg#limits)", "an anchor in a file that has no headings"),
            ("[x]()", "an empty link"),
            ("`src/core/none.h`", "`src/core/none.h`: no such file"),
            ("`core/none.h`", "`core/none.h`: no such file"),
            ("`none*.c`", "`none*.c`: no such file"),
        ):
            with self.subTest(text=text):
                self.write("README.md", README + text + "\n")
                self.expect(finding)

    def test_a_heading_that_was_renamed(self):
        self.write("docs/manual.md", TREE["docs/manual.md"].replace("does", "did"))
        self.expect("(docs/manual.md#what-it-does-and-how): docs/manual.md has no such heading")

    def test_nothing_to_check(self):
        (self.root / "README.md").unlink()
        (self.root / "docs/manual.md").unlink()
        self.expect("no documents found")


if __name__ == "__main__":
    unittest.main()

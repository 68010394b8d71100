"""tools/requirements reports a requirement without code, test or reason, and a tag that names no requirement."""

import pathlib
import shutil
import subprocess

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/requirements"
HEAD = "title: T\nintro: I\ntag: fault ID.\nids: [0-9]+\ncolumns:\nneeds: {}\n\n"
ROW = "1\n  Something.\n"
LEFT_OUT = "1\n  Something.\n  exception: It is not for us.\n"


@pytest.fixture
def run(tmp_path):
    def run_tool(text, code="", test="", *arguments):
        for folder in ("tools", "docs", "src/core", "tests/unit"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(TOOL, tmp_path / "tools")
        (tmp_path / "docs/a.list").write_text(text)
        (tmp_path / "src/core/a.c").write_text(code)
        (tmp_path / "tests/unit/test_a.c").write_text(test)
        result = subprocess.run([tmp_path / "tools/requirements", *arguments], stdout=subprocess.PIPE, text=True)
        assert (result.returncode == 0) == (result.stdout == "")
        return result.stdout.splitlines()

    return run_tool


CODE = "/* fault 1. */"
TEST = "static void other(void)\n{\n}\n\n/* fault 1. */\nstatic void test_a(void **state)\n{\n}\n"


@pytest.mark.parametrize("needs,row,code,test,problems", [
    ("code test", ROW, CODE, TEST, []),
    ("test", ROW, "", TEST, []),
    ("code test", LEFT_OUT, "", "", []),
    ("code test", ROW, "", TEST, ["docs/a.list: 1 has no code"]),
    ("code test", ROW, CODE, "", ["docs/a.list: 1 has no test"]),
    ("code test", ROW, "", "", ["docs/a.list: 1 has no code and no test"]),
    ("test", ROW, "/* fault 2. */", TEST, ["src/core/a.c:1: docs/a.list has no 2"]),
    ("code test", LEFT_OUT, CODE, "", ["docs/a.list: 1 is an exception, but a comment says that it is met"]),
    ("code test", "1\n  Something.\n  exception:\n", "", "", ["docs/a.list: 1 is an exception without a reason"]),
    ("test", ROW + "\n" + ROW, "", TEST, ["docs/a.list: 1 is there twice"]),
    ("test", ROW + "\nX\n  Something.\n", "", TEST, ["docs/a.list: not a row: X"]),
])
def test_rows(run, needs, row, code, test, problems):
    assert run(HEAD.format(needs) + row, code, test, "update") == problems


def test_the_table(run, tmp_path):
    arguments = (HEAD.format("code test") + ROW, CODE, TEST)
    assert run(*arguments) == ["docs/a.md is stale: run tools/requirements update"]
    assert run(*arguments, "update") == run(*arguments) == []
    assert "| 1 | Something. | `core/a.c` | `unit/test_a: test_a` |" in (tmp_path / "docs/a.md").read_text()
    (tmp_path / "docs/a.md").write_text("edited")
    assert run(*arguments) == ["docs/a.md is stale: run tools/requirements update"]

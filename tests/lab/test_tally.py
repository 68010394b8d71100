"""tools/tally reports success of ./test only with reason."""

import pathlib
import subprocess

import pytest

TALLY = pathlib.Path(__file__).resolve().parents[2] / "tools/tally"
GOOD = '<testcase classname="a" name="good"/>'


@pytest.mark.parametrize("status,cases,verdict", [
    ("0", GOOD, "2 passed, 0 failed"),
    ("0", GOOD + '<testcase name="bad"><failure/></testcase>', "2 passed, 1 failed"),
    ("1", GOOD + '<testcase name="bad"><error/></testcase>', "2 passed, 1 failed"),
    ("0", GOOD + '<testcase name="left out"><skipped/></testcase>', "2 passed, 1 failed"),
    ("0", GOOD + '<testcase name="no program" status="notrun"/>', "2 passed, 1 failed"),
    ("139", GOOD, "2 passed, 1 failed"),
    ("0", "", "1 passed, 1 failed"),
    ("0", "<torn", "1 passed, 1 failed"),
    ("0", None, "1 passed, 1 failed"),
    (None, None, "1 passed, 1 failed"),
])
def test_verdict(tmp_path, status, cases, verdict):
    (tmp_path / "build.status").write_text("0\n")
    if status is not None:
        (tmp_path / "lab.status").write_text(status)
    if cases is not None:
        (tmp_path / "lab.xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    result = subprocess.run([TALLY, tmp_path, "build", "lab+"], stdout=subprocess.PIPE, text=True)
    assert result.stdout.splitlines()[-1] == verdict
    assert (result.returncode == 0) == verdict.endswith(" 0 failed")


def test_nothing_at_all(tmp_path):
    result = subprocess.run([TALLY, tmp_path], stdout=subprocess.PIPE, text=True)
    assert (result.stdout, result.returncode) == ("0 passed, 0 failed\n", 1)

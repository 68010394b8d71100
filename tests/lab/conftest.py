import ctypes
import os
import re
import subprocess

import pytest

from lab import CLONE_NEWNET, Lab

SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error: |Assertion .* failed")

CLONE_NEWNS = 0x20000
PR_SET_CHILD_SUBREAPER = 36


def pytest_configure(config):
    if set(os.listdir("/run")) != {"netns", "wireguard"}:
        raise pytest.UsageError("needs namespaces of its own: tests/lab/enter python3 -m pytest tests/lab")
    if hasattr(config, "workerinput"):
        be_a_lab_of_its_own()


def be_a_lab_of_its_own():
    """Workers of pytest-xdist: each has its own network and its own names of namespaces, and adopts its orphans."""
    libc = ctypes.CDLL(None, use_errno=True)
    steps = (libc.unshare(CLONE_NEWNS | CLONE_NEWNET), libc.mount(b"none", b"/run", b"tmpfs", 0, b"mode=755"),
             libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
    assert steps == (0, 0, 0), os.strerror(ctypes.get_errno())
    for folder in ("netns", "wireguard"):
        os.mkdir(f"/run/{folder}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def pytest_terminal_summary(terminalreporter):
    """A test's record_property("figure", text) is printed under the results."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == "figure" and report.when == "call":
                terminalreporter.write_line(text)


@pytest.fixture
def make_lab(request):
    """make_lab(router=False, ...): a lab that ends with the test. If the test fails, its report has the lab's logs."""
    labs = []

    def make(**options):
        lab = Lab(**options)
        labs.append(lab)
        lab.start()
        return lab

    request.node.labs = labs
    yield make
    complaints = []
    for lab in labs:
        complaints += [f"{name}: {text}" for name, text in lab.logs() if SANITIZER.search(text)]
        lab.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def lab(make_lab):
    """A lab with router and gateway."""
    return make_lab()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and call.when != "teardown":
        for lab in getattr(item, "labs", []):
            report.sections += [(name, text[-20000:]) for name, text in lab.logs() if text]

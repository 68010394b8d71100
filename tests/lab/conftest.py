import os
import re

import pytest

from lab import Lab

SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error: |Assertion .* failed")


def pytest_configure():
    if os.getpid() > 100 and not os.path.ismount("/run"):
        raise pytest.UsageError("needs namespaces of its own: tests/lab/enter python3 -m pytest tests/lab")


@pytest.fixture
def make_lab(request):
    """make_lab(router=False, ...): labs that end with the test; their logs are in its report if it fails."""
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

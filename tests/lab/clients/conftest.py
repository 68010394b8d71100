import pytest
from story import COLUMNS, Story


@pytest.fixture
def tell(make_lab, request):
    """tell(Program): runs the story of that program, in a lab of its own whose gateway grants leases of 60 s."""
    def begin(program, daemon=None, **attributes):
        lab = make_lab(proton=True)
        lab.daemon(env=daemon)
        made = program(lab)
        for name, value in attributes.items():
            setattr(made, name, value)
        request.node.row = {}
        story = Story(lab, made, request.node.row)
        story.row["client"] += "".join(f", `{name}={value}`" for name, value in (daemon or {}).items())
        return story

    return begin


def is_measured(path):
    return path.name.startswith("client_")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """The measurements, as far as they got, are a figure of the test, which is printed under the results."""
    if call.when == "call" and is_measured(item.path) and hasattr(item, "row"):
        item.user_properties.append(("figure", line(item.row.get(column, "-") for column in COLUMNS)))
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter, config):
    if any("client_" in argument for argument in config.args):
        terminalreporter.write_line(line(COLUMNS))
        terminalreporter.write_line(line("---" for _ in COLUMNS))


def line(cells):
    return "| " + " | ".join(cells) + " |"

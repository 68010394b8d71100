import socket

import pytest


def pytest_configure():
    # The tests add an address to the loopback interface.
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        raise pytest.UsageError("needs a network namespace of its own: tests/images/run")

"""Clients that are small and quick to install: each gets a port and is reached through both NATs. `make clients`
measures these and other ones for longer (client_*.py)."""

import pytest
from programs import Libtorrent, NatApi, Natpmpc, NatPmp, NatPortMapper


@pytest.mark.parametrize("program", [Natpmpc, Libtorrent, NatPortMapper, NatPmp])
def test_is_reached(tell, program):
    story = tell(program)
    story.begins()
    story.is_reachable()


def test_the_wrong_port_is_closed(tell):
    """nat-api announces the port that it requested. Reachable is the port that it was granted."""
    story = tell(NatApi)
    story.begins()
    story.is_reachable(expected=False)
    program = story.program
    assert program.listeners["tcp"].reached(program.wire.granted("tcp").external)

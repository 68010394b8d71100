"""libtorrent and the programs that use it: PCP first, NAT-PMP after the refusal, renewal at three quarters of the
lease."""

import pytest
from programs import Deluge, Libtorrent, Qbittorrent


@pytest.mark.parametrize("program", [Libtorrent, Qbittorrent, Deluge])
def test_libtorrent(tell, program):
    story = tell(program)
    story.begins()
    story.is_reachable()
    story.after_90_s()
    assert story.learns_of_another_port(60)
    story.ends(deletes=True)

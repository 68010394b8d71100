"""[G3] libtorrent gives a mapping up for good as soon as one renewal is refused. It must not notice that the gateway
refuses for a moment while the lease lives."""

import time

import pytest
from lab import wait_until
from programs import Libtorrent

REFUSED_S = 8


@pytest.mark.parametrize("result", [2, 3, 4])
def test_libtorrent_keeps_its_mapping(tell, result):
    story = tell(Libtorrent)
    story.begins()
    wire, gateway = story.program.wire, story.lab.gateway
    granted = time.monotonic()
    gateway.refuse(result)
    requests = gateway.requests()

    def renewed(protocol):
        return [ask.at for ask in wire.asks(protocol) if ask.at > granted]

    first = wait_until(lambda: all(renewed(one) for one in ("tcp", "udp")) and min(map(min, map(renewed, ("tcp", "udp")))),
                       60, "libtorrent renews both mappings")
    time.sleep(max(0, first + REFUSED_S - time.monotonic()))
    assert gateway.requests() > requests, "renewals that were refused"
    gateway.refuse(0)
    wait_until(lambda: all(wire.granted(one).lifetime > 30 and wire.granted(one).at > first for one in ("tcp", "udp")), 30,
               "both mappings have a whole lease again")
    assert not [answer for answer in wire.answers() if answer.result != 0], wire.text()
    story.is_reachable()

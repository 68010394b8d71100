"""Two daemons with the same INSTANCE on one router: an old container still runs. [R3]"""

import pytest

from lab import CONTAINER, wait_until
from test_health import health

OTHER_PORT = 5451
STANDS_BY = "another double-natpmp with this INSTANCE serves; this one stands by"
SERVES = "the other double-natpmp with this INSTANCE has gone; this one serves again"


@pytest.fixture
def other_client(lab):
    client = lab.client("lan2", server=CONTAINER)
    client.server = (CONTAINER, OTHER_PORT)
    return client


def start_second(lab, client, name):
    daemon = lab.daemon(name, env={"LISTEN_ADDR": f":{OTHER_PORT}"}, wait=False)
    wait_until(client.serves)
    return daemon


def writes(lab):
    counters = lab.router.counters()
    return counters["adds"] + counters["removes"] + counters["sets"]


def test_the_later_one_serves(lab, other_client):
    first = lab.daemon()
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45001, 600).external == 45001
    listener = lab.listener("lan1", "udp", 5000)
    assert listener.reached(45001)

    before = writes(lab)
    second = start_second(lab, other_client, "second")
    wait_until(lambda: first.events(STANDS_BY, address=CONTAINER), 10)
    status, line = health(lab)
    assert status == 1 and f"serves at {CONTAINER}; stop one of the two" in line
    assert not client.serves(), "the first one does not answer"
    assert other_client.map("udp", 5001, 0, 600).result == 0
    assert len(lab.router.own_rules()) == 2 and listener.reached(45001)
    assert writes(lab) - before <= 12

    # It dies without a farewell, and the first one finds its rules.
    before = writes(lab)
    second.kill()
    wait_until(lambda: first.events(SERVES), 15)
    wait_until(client.serves)
    assert client.map("udp", 5000, 45001, 600).external == 45001
    assert listener.reached(45001) and len(lab.router.own_rules()) == 2
    wait_until(lambda: health(lab)[0] == 0)
    assert writes(lab) - before <= 12

    # The second one comes back, and ends in an orderly way with its rules.
    second = start_second(lab, other_client, "second-again")
    wait_until(lambda: len(first.events(STANDS_BY)) == 2, 10)
    wait_until(lambda: all("takes over" not in r.get("comment", "") for r in lab.router.rules()))
    assert second.stop() == 0
    wait_until(lambda: len(first.events(SERVES)) == 2, 15)
    assert first.stop() == 0
    assert lab.router.own_rules() == []
    assert all("takes over" not in r.get("comment", "") for r in lab.router.rules()), "nothing is left"

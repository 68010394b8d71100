"""Two clients that suggest one port get two ports."""

from lab import CLIENTS
from natpmp import map_request, parse_mapping

PAIRS = 10


# [M-25]
def test_one_suggestion_at_the_same_instant(lab):
    lab.daemon()
    clients = [lab.client("lan1"), lab.client("lan2")]
    got = {}
    # Ten apart, because the gateway grants the second client the next port.
    for port in range(45000, 45000 + 10 * PAIRS, 10):
        for client in clients:
            client.send(map_request("udp", port, port))
        mappings = [parse_mapping(client.receive(14), "udp") for client in clients]
        assert [m.result for m in mappings] == [0, 0]
        assert mappings[0].external != mappings[1].external
        assert port in [m.external for m in mappings]
        for name, mapping in zip(CLIENTS, mappings):
            got[name, port] = mapping.external
    assert len(set(got.values())) == 2 * PAIRS
    rules = lab.router.own_rules()
    assert len({(r["protocol"], r["dst-port"]) for r in rules}) == len(rules) == 2 * PAIRS
    for name in CLIENTS:
        assert lab.listener(name, "udp", 45030).reached(got[name, 45030])


# [M-05] [M-11]
def test_a_taken_suggestion(lab):
    lab.daemon()
    assert lab.natpmpc("lan1", "tcp", 5000, 45001).external == 45001
    other = lab.natpmpc("lan2", "tcp", 5000, 45001)
    assert other.external != 45001
    one, two = (lab.listener(name, "tcp", 5000) for name in CLIENTS)
    assert one.reached(45001)
    assert two.reached(other.external)


# [M-09] [M-10]
def test_the_companion_port_is_the_same_clients(lab):
    lab.daemon()
    assert lab.client("lan1").map("tcp", 5000, 45001).external == 45001
    assert lab.client("lan2").map("udp", 5000, 45001).external != 45001
    assert lab.client("lan1").map("udp", 5000, 45001).external == 45001


# [M-14]
def test_retransmissions_are_one_request(lab):
    lab.router.ask("latency 300")
    lab.daemon()
    client = lab.client("lan1")
    wanted = map_request("udp", 5000, 45001)
    for _ in range(5):
        client.send(wanted)
    assert parse_mapping(client.receive(14), "udp").external == 45001
    # The next reply belongs to the next request, so there was one reply.
    assert client.address().address == "11.22.33.44"
    assert len(lab.router.own_rules()) == 1
    assert lab.router.counters()["adds"] == 1

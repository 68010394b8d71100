"""double-natpmp status: what the running daemon knows, for people and for programs."""

import json

import pytest

from lab import wait_until


def status(lab, *arguments, user=None, namespace="ctr", **env):
    """Exit status, output, and what went to standard error."""
    program = ["env", "-i", *(f"{name}={value}" for name, value in env.items()), lab.build / "double-natpmp", "status"]
    if user is not None:
        program = ["setpriv", f"--reuid={user}", "--clear-groups", *program]
    result = lab.run(namespace, *program, *arguments, check=False)
    return result.returncode, result.stdout, result.stderr


def document(lab):
    code, text, errors = status(lab, "--json")
    assert (code, errors) == (0, "")
    return json.loads(text)


def test_what_the_daemon_knows(lab):
    daemon = lab.daemon()
    wait_until(lambda: document(lab)["healthy"], 20)
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45001).result == 0
    found = document(lab)
    assert found["version"] == 1 and found["instance"] == "default" and found["clients"] == 1
    assert found["router"]["ready"] and found["router"]["trouble"] is None
    assert found["router"]["interface"] == "wg-vpn" and not found["router"]["interface_configured"]
    assert found["gateway"]["address"] == "10.2.0.1" and found["gateway"]["external_address"] == "11.22.33.44"
    assert found["gateway"]["last_answer_s"] <= 60
    (mapping,) = found["mappings"]
    assert (mapping["client"], mapping["protocol"], mapping["internal_port"]) == ("192.168.88.11", "udp", 5000)
    assert (mapping["state"], mapping["external_port"], mapping["changes"]) == ("active", 45001, 0)
    assert 0 < mapping["lease_left_s"] <= 60 and mapping["since_s"] <= 60

    code, text, errors = status(lab)
    assert (code, errors) == (0, "")
    assert "192.168.88.11  udp    5000      45001   11.22.33.44:45001" in text and "\033" not in text

    lab.router.kill()
    wait_until(lambda: not document(lab)["healthy"], 30)
    wait_until(lambda: document(lab)["router"]["trouble"] == "the router refuses connections", 30)
    assert "/ip/service/enable api" in document(lab)["router"]["remedy"]
    assert "what to do: /ip/service/enable api" in status(lab)[1]
    lab.router.start()
    wait_until(lambda: document(lab)["healthy"], 30)
    assert daemon.stop() == 0


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_what_has_arrived(lab, protocol):
    """The kernel of the lab's router counts connections that come through both NATs."""
    lab.daemon()
    wait_until(lambda: document(lab)["healthy"], 20)
    listener = lab.listener("lan1", protocol, 5000)
    assert lab.client("lan1").map(protocol, 5000, 45001).result == 0

    def arrived():
        (mapping,) = document(lab)["mappings"]
        return mapping["connections"]

    # The counters are read every ten seconds at most, and `status` waits for the reading.
    wait_until(lambda: arrived() == 0, 12)
    (mapping,) = document(lab)["mappings"]
    assert (mapping["first_packet_bytes"], mapping["last_connection"], mapping["last_connection_s"]) == (0, None, None)
    assert "  none     active\n" in status(lab)[1]
    assert listener.reached(45001) and listener.reached(45001)
    wait_until(arrived, 12)
    found = document(lab)
    (mapping,) = found["mappings"]
    assert mapping["connections"] == 2 and mapping["last_connection_s"] <= 30
    assert 2 * 28 <= mapping["first_packet_bytes"] <= 2 * 100
    assert found["router"]["counters_read_s"] <= 10
    assert "  2, " in status(lab)[1]

    # Another rule makes the lab's router begin to count anew, and a reset does it as RouterOS shows it.
    lab.router.add("chain=dstnat action=dst-nat protocol=tcp dst-port=81 to-addresses=192.168.88.12")
    lab.router.ask("reset-counters")
    assert listener.reached(45001)
    wait_until(lambda: arrived() == 3, 25)
    lab.router.kill()
    wait_until(lambda: not document(lab)["healthy"], 30)
    assert arrived() == 3


def test_who_may_ask(lab):
    lab.daemon()
    wait_until(lambda: document(lab)["healthy"], 20)
    code, text, errors = status(lab, user=65534)
    assert (code, text) == (1, "") and "answers only its own user and root" in errors
    assert status(lab, INSTANCE="other")[2].endswith("no daemon runs here with this INSTANCE and LISTEN_ADDR\n")
    assert status(lab, "--xml")[0] == 2


@pytest.mark.parametrize("count", [300])
def test_many_mappings(lab, count):
    """More than one page: each mapping appears once."""
    lab.daemon(env={"MAX_MAPPINGS_PER_CLIENT": "1024"})
    wait_until(lambda: document(lab)["healthy"], 20)
    client = lab.client("lan1")
    for port in range(20000, 20000 + count):
        assert client.map("udp", port, port).result == 0
    ports = sorted(mapping["internal_port"] for mapping in document(lab)["mappings"])
    assert ports == list(range(20000, 20000 + count))

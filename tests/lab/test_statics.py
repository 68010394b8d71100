"""STATIC_MAPPINGS: mappings for hosts that never ask."""

import json

from lab import CLIENTS, wait_until

HOST = CLIENTS["lan1"]


def rows(lab):
    text = lab.run("ctr", "env", "-i", lab.build / "double-natpmp", "status", "--json")
    return {(row["protocol"], row["internal_port"]): (row["state"], row["external_port"])
            for row in json.loads(text)["mappings"]}


def test_a_host_that_never_asks(lab):
    """Packets from the internet reach it, also after a crash and after a restart."""
    settings = {"STATIC_MAPPINGS": f"udp:{HOST}:5000:45001, tcp:{HOST}:32400"}
    both = {("udp", 5000): ("static", 45001), ("tcp", 32400): ("static", 32400)}
    daemon = lab.daemon(env=settings)
    wait_until(lambda: rows(lab) == both, 20)
    udp, tcp = lab.listener("lan1", "udp", 5000), lab.listener("lan1", "tcp", 32400)
    assert udp.reached(45001) and tcp.reached(32400)

    client = lab.client("lan1")
    mapping = client.map("udp", 5000)
    assert (mapping.result, mapping.external) == (0, 45001)
    assert client.delete("udp", 5000).result == 2
    assert rows(lab) == both and udp.reached(45001)

    daemon.kill()
    assert udp.reached(45001)
    daemon = lab.daemon("second", env=settings)
    wait_until(lambda: rows(lab) == both, 20)
    assert udp.reached(45001) and tcp.reached(32400)
    assert daemon.stop() == 0
    assert lab.router.own_rules() == [] and lab.gateway.mappings() == {}
    lab.daemon("third", env=settings)
    wait_until(lambda: rows(lab) == both, 20)
    assert udp.reached(45001) and tcp.reached(32400)


def test_a_bad_entry_names_itself(lab):
    for entry, why in ((f"tcp:{HOST}", "is not valid"), ("tcp:10.2.0.1:80", "leads to the gateway"),
                       ("tcp:172.17.0.1:80", "leads to the router")):
        daemon = lab.daemon(f"bad-{why.split()[-1]}", env={"STATIC_MAPPINGS": f"udp:{HOST}:53, {entry}"}, wait=False)
        assert daemon.process.wait() == 2
        assert f'STATIC_MAPPINGS: the entry "{entry}" {why}; set it to ' in daemon.log()


def test_another_address_of_the_router(lab):
    """The daemon learns it from the router only: it says so, in its status as well, and maps nothing there."""
    daemon = lab.daemon(env={"STATIC_MAPPINGS": "tcp:192.168.88.1:80"})
    wait_until(lambda: daemon.log_lines("error"), 20)
    (line,) = daemon.log_lines("error")
    assert "the static mapping is refused, because it leads to an address of the router" in line["line"]
    assert lab.router.own_rules() == [] and rows(lab) == {("tcp", 80): ("refused", None)}

"""double-natpmp check in the lab: with a real gateway, before the daemon runs and beside it."""

import json

from router import PASSWORD


def run_check(lab, **env):
    environment = {"VPN_GATEWAY": "10.2.0.1", "MIKROTIK_API_ADDRESS": "172.17.0.1", "MIKROTIK_API_USER": "natpmp",
                   "MIKROTIK_API_PASSWORD": PASSWORD, **env}
    settings = [f"{name}={value}" for name, value in environment.items()]
    result = lab.run("ctr", "env", *settings, lab.build / "double-natpmp", "check", "--json", check=False)
    return result.returncode, {f["id"]: f for f in json.loads(result.stdout)["findings"]}


def test_before_the_daemon(lab):
    status, found = run_check(lab)
    assert status == 0 and all(f["status"] == "pass" for f in found.values()), found
    assert lab.gateway.mappings() == {}


def test_beside_the_daemon(lab):
    daemon = lab.daemon()
    client = lab.client("lan1")
    first = client.map("udp", 5000, 45001)
    assert first.result == 0
    lab.wait_until(lambda: "external 45001" in lab.router.own_rules()[0]["comment"], what="the comment is current")
    rules, mappings = lab.router.rules(), lab.gateway.mappings()
    for _ in range(3):
        status, found = run_check(lab)
        assert status == 0 and all(f["status"] == "pass" for f in found.values()), found
    assert lab.router.rules() == rules
    assert lab.gateway.mappings() == mappings
    assert client.map("udp", 5000, 45001)[2:] == first[2:]
    assert lab.client("lan1").address().epoch >= first.epoch, "nothing was lost"
    # The daemon saw the trial rule appear and disappear, and did not take it for its own.
    assert daemon.log_lines("warn") == [] and daemon.log_lines("error") == []
    assert daemon.stop() == 0
    assert lab.router.own_rules() == [] and lab.gateway.mappings() == {}

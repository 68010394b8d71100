"""What the daemon does when something does not work for a while: it runs the reading part of the check by itself. Its log,
`status` and the page say what is wrong, with the remedy."""

import html
import json
import time

from lab import release_build, wait_until
from router import PASSWORD
from test_status import document, status
from web import request

SECRET = "a comment that stays on the router"
DROP = f'chain=forward action=drop src-address=172.17.0.2 dst-address=10.2.0.1 comment="{SECRET}"'
# The daemon runs the check 30 s after its start. Reading takes a moment.
FIRST = 45
# The findings themselves, and what the stack grows by.
MORE_MAX = 100 * 1024


def findings(lab):
    """Name and finding; None: there was no check."""
    check = document(lab)["check"]
    return None if check is None else {one["finding"]: one for one in check["findings"]}


def test_a_filter_rule_that_drops_the_requests(make_lab):
    lab = make_lab(router=False, gateway=False)
    lab.router.start("--filter", DROP)
    daemon = lab.daemon(env={"STATUS_LISTEN": "172.17.0.2:8080"})
    wait_until(lambda: document(lab)["router"]["ready"], 20)
    rules, sessions = lab.router.rules(), lab.router.counters()["connections"]
    assert findings(lab) is None
    began = time.monotonic()
    wait_until(lambda: findings(lab), FIRST)
    assert time.monotonic() - began > 20, "not before the trouble has lasted"
    assert lab.router.counters()["connections"] == sessions + 1, "one session"
    wait_until(lambda: lab.router.counters()["sessions"] == 1, what="its session has ended")
    assert lab.router.rules() == rules

    found = findings(lab)["gateway-path"]
    assert found["text"] == "filter rule *1 drops this machine's requests to the gateway"
    assert found["remedy"] == ("/ip/firewall/filter/add chain=forward src-address=172.17.0.2 dst-address=10.2.0.1 "
                               "protocol=udp dst-port=5351 action=accept place-before=*1 "
                               'comment="double-natpmp: check"')
    assert found["since_s"] <= 20 and document(lab)["check"]["time_s"] <= 20
    line, = [one["line"] for one in daemon.log_lines("warn") if one.get("finding") == "gateway-path"]
    assert line.endswith(f'fix="{found["remedy"]}"') and found["text"] in line
    text = status(lab)[1]
    assert f"gateway-path: {found['text']}" in text and f"what to do: {found['remedy']}" in text
    page = request("/")[2]
    assert html.escape(found["remedy"]) in page and "What the check found" in page
    assert json.loads(request("/status.json")[2])["check"]["findings"] == document(lab)["check"]["findings"]
    for told in (daemon.log(), text, page, json.dumps(document(lab))):
        assert PASSWORD not in told and SECRET not in told

    lab.gateway.start()
    wait_until(lambda: document(lab)["healthy"], 30)
    assert findings(lab) is None and "check" not in status(lab)[1] and "What the check found" not in request("/")[2]
    assert len(daemon.events("router and gateway work; what the check found is over")) == 1
    assert not lab.gateway.mappings()
    assert daemon.stop() == 0


def test_a_password_that_the_router_refuses(lab):
    """That the daemon cannot log in is the finding. Nobody tries it once more."""
    daemon = lab.daemon(env={"MIKROTIK_API_PASSWORD_FILE": None, "MIKROTIK_API_PASSWORD": "not-that-one"})
    wait_until(lambda: findings(lab), FIRST)
    found = findings(lab)
    assert list(found) == ["login"]
    assert found["login"]["remedy"] == '/user/set [find name=natpmp] password=CHANGE-ME'
    assert "not-that-one" not in daemon.log() and "not-that-one" not in json.dumps(document(lab))
    lab.router.ask("password natpmp not-that-one")
    wait_until(lambda: document(lab)["healthy"], 60)
    assert findings(lab) is None


def test_a_policy_that_is_missing(make_lab):
    lab = make_lab(router=False)
    lab.router.start("--policies", "read,test,api")
    daemon = lab.daemon(build=release_build(lab))
    wait_until(lambda: document(lab)["healthy"], 20)
    assert lab.client("lan1").map("udp", 5000).result == 2
    assert findings(lab) is None
    before = daemon.dirty_bytes()
    wait_until(lambda: findings(lab), 90)
    assert list(findings(lab)) == ["policy-write"]
    assert findings(lab)["policy-write"]["remedy"].endswith("policy=read,write,test,api")
    assert len([one for one in daemon.log_lines() if one.get("finding") == "policy-write"]) == 1
    assert not lab.router.own_rules()
    assert daemon.dirty_bytes() - before < MORE_MAX, "the memory of the check is free again"
    assert daemon.stop() == 0


def test_all_is_well(lab):
    """Nobody logs in a second time, whatever clients do."""
    lab.daemon()
    wait_until(lambda: document(lab)["healthy"], 20)
    client = lab.client("lan1")
    until = time.monotonic() + 35
    while time.monotonic() < until:
        assert client.map("udp", 5000, 45001).result == 0
        assert lab.router.counters()["connections"] == 1 and findings(lab) is None
        time.sleep(1)

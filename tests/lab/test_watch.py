"""double-natpmp watch: each change as a line of JSON, as scripts read it."""

import json
import re
import signal

from lab import ROOT, wait_until

READERS_MAX = 8
# More lines than the socket of a reader and the daemon's store hold.
MANY = 360


class Watcher:
    """`double-natpmp watch` in the container, and jq, which parses each line."""

    def __init__(self, lab, name="watch", **env):
        self.lab = lab
        self.process = lab.popen(name, "ctr", [lab.build / "double-natpmp", "watch"], env=env)

    def lines(self):
        text = self.lab.run("ctr", "jq", "-c", ".", stdin=self.json())
        return [json.loads(line) for line in text.splitlines()]

    def json(self):
        """All complete lines. What is for people begins with the program's name."""
        lines = self.process.log().split("\n")[:-1]
        return "".join(f"{line}\n" for line in lines if line.startswith("{"))

    def errors(self):
        return [line for line in self.process.log().splitlines() if not line.startswith("{")]

    def changes(self):
        return [line for line in self.lines() if not line["initial"]]

    def last(self, **members):
        """The last line, if it has these members."""
        lines = self.lines()
        return bool(lines) and all(lines[-1][name] == value for name, value in members.items())

    def until(self, limit=20, **members):
        wait_until(lambda: self.last(**members), limit, f"the last line has {members}:\n{self.process.log()[-2000:]}")
        return self.lines()[-1]


def test_the_state_and_then_each_change(lab):
    daemon = lab.daemon()
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45001).result == 0
    watcher = Watcher(lab)
    first = watcher.until(event="mapped")
    assert [line["event"] for line in watcher.lines()] == ["recovered", "recovered", "address", "mapped"]
    assert all(line["initial"] for line in watcher.lines())
    assert [line["part"] for line in watcher.lines()[:2]] == ["router", "gateway"]
    assert watcher.lines()[2]["external_address"] == "11.22.33.44"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["time"])
    del first["time"]
    assert first == {"event": "mapped", "client": "192.168.88.11", "protocol": "udp", "internal_port": 5000,
                     "router_port": 45001, "external_address": "11.22.33.44", "external_port": 45001, "initial": True}

    assert client.map("tcp", 6000, 46001).result == 0
    watcher.until(event="mapped", protocol="tcp", external_port=46001, initial=False)
    assert client.map("tcp", 6000, 46001).result == 0
    assert client.delete("udp", 5000).result == 0
    watcher.until(event="ended", protocol="udp", external_port=45001)
    assert len(watcher.changes()) == 2, "a renewal is no change"

    lab.router.kill()
    watcher.until(event="trouble", part="router", trouble="the router refuses connections",
                  remedy="/ip/service/enable api; with TLS: /ip/service/enable api-ssl")
    lab.router.start()
    watcher.until(event="recovered", part="router")

    assert daemon.stop() == 0
    assert watcher.process.wait() == 1
    watcher.until(event="ended", protocol="tcp", external_port=46001)
    assert watcher.errors() == ["double-natpmp: cannot watch the daemon: the daemon has ended"]


def test_a_slow_reader_loses_its_own_lines(lab):
    lab.daemon(env={"MAX_MAPPINGS_PER_CLIENT": "1024", "ROUTER_CHANGES_PER_SECOND": "0"})
    slow, quick = Watcher(lab, "slow"), Watcher(lab, "quick")
    for watcher in (slow, quick):
        watcher.until(event="address")
    slow.process.signal(signal.SIGSTOP)
    client = lab.client("lan1")
    for port in range(20000, 20000 + MANY):
        assert client.map("udp", port, port, lifetime=3600).result == 0
    quick.until(event="mapped", internal_port=20000 + MANY - 1)
    assert [line["internal_port"] for line in quick.changes()] == list(range(20000, 20000 + MANY))

    slow.process.signal(signal.SIGCONT)
    wait_until(lambda: slow.json().count('"initial": true') >= 3 + MANY, 20, "the state follows what was lost")
    lines = slow.lines()
    lost = [index for index, line in enumerate(lines) if line["event"] == "lost"]
    assert len(lost) == 1 and lines[lost[0]]["lines"] > 0
    before = [line["internal_port"] for line in lines[3:lost[0]]]
    assert before == list(range(20000, 20000 + len(before))) and before
    after = lines[lost[0] + 4:]
    assert sorted(line["internal_port"] for line in after) == list(range(20000, 20000 + MANY))
    assert client.delete("udp", 20000).result == 0
    for watcher in (slow, quick):
        watcher.until(event="ended", internal_port=20000)


def refused(lab, *arguments, user=None, **env):
    """The exit status of a watch that ends at once, and what it says."""
    program = ["env", "-i", *(f"{name}={value}" for name, value in env.items()), lab.build / "double-natpmp", "watch"]
    if user is not None:
        program = ["setpriv", f"--reuid={user}", "--clear-groups", *program]
    result = lab.run("ctr", *program, *arguments, check=False)
    assert result.stdout == ""
    return result.returncode, result.stderr.strip().removeprefix("double-natpmp: cannot watch the daemon: ")


def test_who_may_watch(lab):
    nobody = (1, "no daemon runs here with this INSTANCE and LISTEN_ADDR")
    assert refused(lab) == nobody
    lab.daemon()
    assert refused(lab, INSTANCE="other") == nobody
    assert refused(lab, user=65534) == (
        1, "the daemon answers only its own user and root, and only a program of its own version")
    assert refused(lab, "--json") == (2, "usage: double-natpmp watch")
    watchers = [Watcher(lab, f"watch{i}") for i in range(READERS_MAX)]
    for watcher in watchers:
        watcher.until(event="address")
    assert refused(lab) == (1, "as many processes watch as may")
    watchers[3].process.kill()
    Watcher(lab, "another").until(event="address")


def test_the_example_of_the_readme(lab):
    """The shell code is executed as it stands there."""
    text = (ROOT / "README.md").read_text()
    (script,) = re.findall(r"^```\n(double-natpmp watch \|.*?)^```", text, re.S | re.M)
    lab.daemon()
    example = lab.popen("example", "ctr", ["sh", "-c", f"PATH={lab.build}:$PATH\n{script}"])
    assert lab.client("lan1").map("tcp", 6000, 46001).result == 0
    wait_until(lambda: example.log() == "192.168.88.11 tcp 6000 is 11.22.33.44:46001 on the internet\n", 20,
               "the script has seen the mapping")

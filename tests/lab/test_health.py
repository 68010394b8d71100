"""double-natpmp health: the running daemon reports whether it can serve clients."""

import signal

import pytest

from lab import wait_until


def health(lab, namespace="ctr", arguments=(), **env):
    """Exit status and output."""
    program = ["env", "-i", *(f"{name}={value}" for name, value in env.items()), lab.build / "double-natpmp", "health"]
    result = lab.run(namespace, *program, *arguments, check=False)
    return result.returncode, (result.stdout + result.stderr).strip()


def says(lab, status, text, **env):
    return lambda: health(lab, **env) == (status, text)


def test_router_and_gateway_come_and_go(make_lab):
    lab = make_lab(router=False, gateway=False)
    assert health(lab) == (1, "unhealthy: no daemon runs here with INSTANCE=default and LISTEN_ADDR=0.0.0.0:5351")
    daemon = lab.daemon()
    status, line = health(lab)
    assert status == 1 and line.startswith("unhealthy: the router ")
    lab.gateway.start()
    lab.router.start()
    wait_until(says(lab, 0, "healthy external=11.22.33.44 mappings=0 clients=0"), 20)
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45001).result == 0
    assert health(lab) == (0, "healthy external=11.22.33.44 mappings=1 clients=1")
    assert client.delete("udp", 5000).result == 0
    assert health(lab) == (0, "healthy external=11.22.33.44 mappings=0 clients=0")

    # A daemon that works, but cannot serve clients.
    lab.router.kill()
    wait_until(lambda: health(lab)[0] == 1, 20)
    assert health(lab)[1].startswith("unhealthy: ") and "router" in health(lab)[1]
    lab.router.start()
    wait_until(lambda: health(lab)[0] == 0, 20)
    assert daemon.stop() == 0
    assert health(lab)[0] == 1


def test_a_daemon_that_hangs(lab):
    daemon = lab.daemon()
    wait_until(lambda: health(lab)[0] == 0, 20)
    daemon.process.signal(signal.SIGSTOP)
    assert health(lab) == (1, "unhealthy: the daemon does not answer")
    daemon.process.signal(signal.SIGCONT)
    assert health(lab)[0] == 0


def test_each_daemon_has_its_own(lab):
    lab.daemon()
    lab.daemon("other", env={"INSTANCE": "other", "LISTEN_ADDR": ":5451", "VPN_GATEWAY": "10.2.0.77"}, wait=False)
    other = {"INSTANCE": "other", "LISTEN_ADDR": ":5451"}
    wait_until(lambda: health(lab)[0] == 0, 20)
    wait_until(says(lab, 1, "unhealthy: the gateway does not answer", **other), 20)
    assert health(lab)[0] == 0
    assert health(lab, INSTANCE="other")[0] == 1
    assert health(lab, LISTEN_ADDR=":5451")[0] == 1
    assert health(lab, namespace="lan1")[0] == 1, "another host"


@pytest.mark.parametrize("arguments, env", [(["now"], {}), ([], {"LISTEN_ADDR": "x"}), ([], {"INSTANCE": "a b"})])
def test_used_wrongly(lab, arguments, env):
    """Docker reserves exit status 2."""
    status, line = health(lab, arguments=arguments, **env)
    assert status == 1 and line and not line.startswith("healthy")

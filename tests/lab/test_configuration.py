"""The environment: an invalid setting is reported in one line, and no secret appears anywhere."""

import pathlib

import pytest

from lab import wait_until
from router import PASSWORD

WRONG = {
    "no gateway": {"VPN_GATEWAY": None},
    "empty gateway": {"VPN_GATEWAY": ""},
    "IPv6 gateway": {"VPN_GATEWAY": "::1"},
    "gateway by name": {"VPN_GATEWAY": "gateway.example"},
    "gateway with a leading zero": {"VPN_GATEWAY": "10.2.0.01"},
    "no router": {"MIKROTIK_API_ADDRESS": None},
    "router port": {"MIKROTIK_API_ADDRESS": "192.168.88.1:99999"},
    "no password": {"MIKROTIK_API_PASSWORD_FILE": None},
    "two passwords": {"MIKROTIK_API_PASSWORD": "x"},
    "password file": {"MIKROTIK_API_PASSWORD_FILE": "/nowhere/password"},
    "instance": {"INSTANCE": "two words"},
    "tls": {"MIKROTIK_API_TLS": "maybe"},
    "tls settings without tls": {"MIKROTIK_API_TLS_INSECURE": "True"},
    "listen": {"LISTEN_ADDR": "5351"},
    "status": {"STATUS_LISTEN": "8080"},
    "status port": {"STATUS_LISTEN": ":0"},
    "status name": {"STATUS_LISTEN": "nas.lan:8080"},
    "listen port": {"LISTEN_ADDR": ":0"},
    "level": {"LOG_LEVEL": "LOUD"},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_value(lab, what):
    (name, value), = WRONG[what].items()
    daemon = lab.daemon(env=WRONG[what], wait=False)
    assert daemon.process.wait() == 2
    lines = daemon.log().splitlines()
    assert len(lines) == 1
    assert name in lines[0].replace("_FILE", "") or name in lines[0]
    if value and name not in ("MIKROTIK_API_PASSWORD", "MIKROTIK_API_TLS_INSECURE"):
        assert value in lines[0]
    assert PASSWORD not in daemon.log()


@pytest.mark.parametrize("spelling", ["false", "False", "FALSE", "no", "0", "off"])
def test_spellings_of_false(lab, spelling):
    lab.daemon(env={"MIKROTIK_API_TLS": spelling})
    assert lab.client("lan1").map("udp", 5000, 45001).external == 45001


@pytest.mark.parametrize("option,wanted", [
    ("--help", "MIKROTIK_API_PASSWORD_FILE"),
    ("--version", "double-natpmp"),
])
def test_help_and_version(lab, option, wanted):
    assert wanted in lab.run("ctr", lab.build / "double-natpmp", option)


def test_check_config(lab):
    environment = ["VPN_GATEWAY=10.2.0.1", "MIKROTIK_API_ADDRESS=172.17.0.1",
                   f"MIKROTIK_API_PASSWORD={PASSWORD}"]
    program = lab.build / "double-natpmp"
    good = lab.run("ctr", "env", *environment, program, "--check-config", check=False)
    assert good.returncode == 0
    assert "VPN_GATEWAY=10.2.0.1" in good.stdout and PASSWORD not in good.stdout + good.stderr
    bad = lab.run("ctr", "env", *environment, "LOG_LEVEL=LOUD", program, "--check-config", check=False)
    assert bad.returncode == 2 and "LOG_LEVEL" in bad.stderr


@pytest.mark.parametrize("by_file", [True, False])
def test_the_password_appears_nowhere(lab, by_file):
    environment = {} if by_file else {"MIKROTIK_API_PASSWORD_FILE": None, "MIKROTIK_API_PASSWORD": PASSWORD}
    daemon = lab.daemon(env=environment)
    assert lab.client("lan1").map("udp", 5000, 45001).result == 0
    lab.router.ask("drop reset")
    assert lab.client("lan1").map("udp", 5001).result == 0
    for file in ("cmdline", "environ"):
        assert PASSWORD.encode() not in pathlib.Path(f"/proc/{daemon.pid}/{file}").read_bytes()
    assert daemon.stop() == 0
    assert PASSWORD not in daemon.log()


def test_a_wrong_password_is_logged_once(lab):
    daemon = lab.daemon(env={"MIKROTIK_API_PASSWORD_FILE": None, "MIKROTIK_API_PASSWORD": "not-that-one"})
    wait_until(lambda: lab.router.counters()["failed_logins"] >= 3, 10)
    errors = daemon.log_lines("error")
    assert len(errors) == 1, daemon.log()
    assert "password" in errors[0]["line"]
    assert "not-that-one" not in daemon.log()
    # The password is corrected on the router, and the daemon continues by itself.
    lab.router.ask("password natpmp not-that-one")
    wait_until(lambda: lab.client("lan1").map("udp", 5000).result == 0, 40)


def test_a_user_without_the_write_policy(make_lab):
    lab = make_lab(router=False)
    lab.router.start("--policies", "read,test,api")
    daemon = lab.daemon()
    client = lab.client("lan1")
    for port in (5000, 5001):
        assert client.map("udp", port).result == 2, "a permanent refusal"
    errors = daemon.log_lines("error")
    assert len(errors) == 1 and "policies read, write, test and api" in errors[0]["line"]
    lab.router.ask("policies natpmp read,write,test,api")
    wait_until(lambda: client.map("udp", 5000, 45001).result == 0, 40)
    assert lab.gateway.mappings().keys() == {("udp", 45001)}, "the failed request left nothing behind"


def test_log_lines_have_one_form(lab):
    daemon = lab.daemon(env={"LOG_LEVEL": "DEBUG"})
    lab.client("lan1").map("udp", 5000, 45001)
    assert daemon.stop() == 0
    assert len(daemon.log_lines()) == len(daemon.log().splitlines()), "time level component message key=value"

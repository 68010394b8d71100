"""The daemon speaks TLS to the router's API: socat is in front of it, with certificates as RouterOS makes them."""

import contextlib
import json
import subprocess

import pytest

from api_ssl import ApiSsl, fingerprint, make_certificates
from lab import CLIENTS, ROUTER_CONTAINER, wait_until
from router import PASSWORD

LAN1 = CLIENTS["lan1"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def api_ssl(lab, certificates):
    return ApiSsl(lab, certificates)


def plain_connections(lab):
    return [line for line in lab.run("ctr", "ss", "-Htn").splitlines() if ":8728" in line]


# Predecessor fault 36: TLS to the router works with none of the router's usual certificates.
def test_a_mapping_lives_and_ends(lab, api_ssl, certificates):
    api_ssl.start()
    daemon = lab.daemon(env={"MIKROTIK_API_TLS": "true", "MIKROTIK_API_TLS_CA": str(certificates / "ca.pem"),
                             "MIKROTIK_API_TLS_NAME": "router"})
    client = lab.client("lan1")
    for protocol in ("udp", "tcp"):
        assert client.map(protocol, 5000, 45001, 60).external == 45001
        assert lab.router.rule_for(protocol, LAN1, 5000)["dst-port"] == "45001"
        assert lab.listener("lan1", protocol, 5000).reached(45001)
    # A rule that is removed by hand comes back, and one that its client deletes is removed.
    lab.router.ask(f"remove {lab.router.rule_for('udp', LAN1, 5000)['.id']}")
    wait_until(lambda: lab.router.rule_for("udp", LAN1, 5000), what="the rule is there again")
    assert client.delete("tcp", 5000).result == 0
    assert lab.router.rule_for("tcp", LAN1, 5000) is None
    # The router disappears, and its TLS service with it.
    api_ssl.stop()
    wait_until(lambda: daemon.log_lines("warn"), what="the loss is logged")
    api_ssl.start()
    assert client.map("tcp", 5001, 45002).external == 45002
    assert not plain_connections(lab)
    assert daemon.stop() == 0
    assert lab.router.own_rules() == [] and lab.gateway.mappings() == {}
    assert PASSWORD not in daemon.log()
    assert not daemon.log_lines("error")


@contextlib.contextmanager
def system_cas(file):
    """Replaces the machine's CAs by that file, in the test's own mount namespace."""
    where = "/etc/ssl/certs/ca-certificates.crt"
    subprocess.run(["mount", "--bind", file, where], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", where], check=True)


@pytest.mark.parametrize("name,reason", [("router", None), ("else", "is for another name")])
def test_the_systems_cas(lab, api_ssl, certificates, name, reason):
    """Only the name distinguishes this router from all others that these CAs have signed for."""
    api_ssl.start()
    with system_cas(certificates / "bundle.pem"):
        daemon = lab.daemon(env={"MIKROTIK_API_TLS": "true", "MIKROTIK_API_TLS_NAME": name})
        if reason is None:
            assert lab.client("lan1").map("udp", 5000, 45001).result == 0
        else:
            wait_until(lambda: daemon.log_lines("error"), what="the reason is logged")
            assert reason in daemon.log_lines("error")[0]["line"]
            assert lab.router.counters()["logins"] == 0


def test_four_sessions_at_once(lab, api_ssl, certificates):
    api_ssl.start()
    daemon = lab.daemon(env={"MIKROTIK_API_TLS": "on",
                             "MIKROTIK_API_TLS_FINGERPRINT": fingerprint(certificates, "server")})
    count = lab.open_sessions(daemon, 4)
    wait_until(lambda: len(lab.router.own_rules()) == count, 20, what="all rules are made")
    assert not plain_connections(lab)


@pytest.mark.parametrize("certificate,settings,reason", [
    ("other", {"MIKROTIK_API_TLS_CA": "ca.pem"}, "no CA that is trusted here signed it"),
    ("server", {"MIKROTIK_API_TLS_CA": "ca.pem", "MIKROTIK_API_TLS_NAME": "else"}, "is for another name"),
    ("past", {"MIKROTIK_API_TLS_CA": "ca.pem"}, "has expired"),
    ("other", {"MIKROTIK_API_TLS_FINGERPRINT": "server"}, "another fingerprint"),
    (None, {"MIKROTIK_API_TLS_FINGERPRINT": "server"}, "has no certificate"),
    ("server", {"MIKROTIK_API_TLS_NAME": "router"}, "no CA that is trusted here signed it"),
    ("server", {}, "or else MIKROTIK_API_ADDRESS"),
])
def test_a_wrong_certificate_is_logged_once_and_gets_nothing(lab, api_ssl, certificates, certificate, settings, reason):
    api_ssl.start(certificate)
    env = {"MIKROTIK_API_TLS": "true"}
    for name, value in settings.items():
        env[name] = value
        if name.endswith("_CA"):
            env[name] = str(certificates / value)
        if name.endswith("_FINGERPRINT"):
            env[name] = fingerprint(certificates, value)
    daemon = lab.daemon(env=env)
    wait_until(lambda: daemon.log_lines("error"), what="the reason is logged")
    wait_until(lambda: api_ssl.process.log().count("SSL_accept()") >= 3, 20, what="the daemon has tried again")
    errors = daemon.log_lines("error")
    assert len(errors) == 1 and reason in errors[0]["line"], daemon.log()
    assert "/certificate/add" in errors[0]["line"] and "print detail" in errors[0]["line"]
    assert lab.router.counters()["commands"] == 0 and lab.router.counters()["logins"] == 0
    if certificate == "server":
        return
    api_ssl.stop()
    api_ssl.start("server")
    wait_until(lambda: lab.client("lan1").map("udp", 5000, 45001).result == 0, 40, what="the right certificate is accepted")


def test_without_any_certificate(lab, api_ssl):
    """RouterOS with certificate=none: anonymous Diffie-Hellman."""
    api_ssl.start(None)
    daemon = lab.daemon(env={"MIKROTIK_API_TLS": "true", "MIKROTIK_API_TLS_INSECURE": "true"})
    assert lab.client("lan1").map("udp", 5000, 45001).external == 45001
    assert not plain_connections(lab)
    warnings = [line["line"] for line in daemon.log_lines("warn")]
    assert len([line for line in warnings if "MIKROTIK_API_TLS_INSECURE" in line and "read the password" in line]) == 1
    assert daemon.stop() == 0
    assert lab.router.own_rules() == []


def test_the_port_of_the_plain_api(lab):
    daemon = lab.daemon(env={"MIKROTIK_API_TLS": "true", "MIKROTIK_API_TLS_INSECURE": "true",
                             "MIKROTIK_API_ADDRESS": f"{ROUTER_CONTAINER}:8728"})
    wait_until(lambda: "8729" in daemon.log(), 20, what="the log names the right port")
    assert lab.router.counters()["logins"] == 0


@pytest.mark.parametrize("pinned,status,says", [
    ("server", "pass", "answers"),
    ("other", "fail", "another fingerprint"),
])
def test_check(lab, api_ssl, certificates, pinned, status, says):
    api_ssl.start()
    environment = {"VPN_GATEWAY": "10.2.0.1", "MIKROTIK_API_ADDRESS": ROUTER_CONTAINER, "MIKROTIK_API_USER": "natpmp",
                   "MIKROTIK_API_PASSWORD": PASSWORD, "MIKROTIK_API_TLS": "true",
                   "MIKROTIK_API_TLS_FINGERPRINT": fingerprint(certificates, pinned)}
    result = lab.run("ctr", "env", *(f"{k}={v}" for k, v in environment.items()), lab.build / "double-natpmp", "check",
                     "--json", check=False)
    found = {finding["id"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert found["api"]["status"] == status and says in found["api"]["what"], result.stdout

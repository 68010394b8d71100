"""The memory that the amd64 image's program takes. Under qemu the measurement would be qemu's."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))

from api_ssl import ApiSsl, fingerprint, make_certificates  # noqa: E402
from lab import Lab, wait_until  # noqa: E402

IDLE_MAX_KB = 700
# Of the four buffers of 31 KiB, and of what 52 mappings touch. There is no goal for this.
FOUR_SESSIONS_MAX_KB = 1200


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_memory(tls, tmp_path, capsys):
    env = {}
    with Lab() as lab:
        if tls:
            certificates = make_certificates(tmp_path)
            ApiSsl(lab, certificates).start()
            env |= {"MIKROTIK_API_TLS": "true", "MIKROTIK_API_TLS_FINGERPRINT": fingerprint(certificates, "server")}
        daemon = lab.daemon(env=env)
        wait_until(lambda: lab.client("lan1").address().result == 0, what="the gateway's address is known")
        wait_until(lambda: lab.router.counters()["prints"] > 0, what="the router has been read")
        idle = daemon.resident_bytes() // 1024
        mappings = lab.open_sessions(daemon, 4)
        wait_until(lambda: len(lab.router.own_rules()) == mappings, 30, what="all rules are made")
        four = daemon.resident_bytes() // 1024
        with capsys.disabled():
            print(f"\n{'TLS' if tls else 'plain'}: idle {idle} KiB, with four sessions and {mappings} mappings {four} KiB")
    assert idle < IDLE_MAX_KB
    assert four < FOUR_SESSIONS_MAX_KB

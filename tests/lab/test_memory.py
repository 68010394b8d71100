"""The memory of the release daemon when it is idle: all resident memory, and the part that is its own, without the
pages of libc that it shares with all other programs."""

from lab import wait_until

RESIDENT_LIMIT = 2_700_000
OWN_LIMIT = 1000 * 1000


def test_idle_memory(lab, capsys):
    build = lab.build.parent / "release"
    assert (build / "double-natpmp").exists(), "build the release first: make release"
    daemon = lab.daemon(build=build)
    client = lab.client("lan1")
    wait_until(lambda: client.address().result == 0)
    wait_until(lambda: lab.router.counters()["sessions"] >= 1)
    idle, own = daemon.resident_bytes(), daemon.own_bytes()
    for port in range(5000, 5050):
        assert client.map("udp", port).result == 0
    with capsys.disabled():
        print(f"\nrelease daemon, idle: {idle // 1000} kB resident, {own // 1000} kB of it its own; "
              f"with 50 mappings: {daemon.resident_bytes() // 1000} kB, {daemon.own_bytes() // 1000} kB")
    assert idle < RESIDENT_LIMIT
    assert own < OWN_LIMIT

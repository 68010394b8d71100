"""What strangers send costs them, not us."""

import os

from lab import release_build

# Other versions and opcodes, garbage, deletions of one and of all, addresses, mappings of port 0.
KINDS = "vogdDaz"


def strangers(lab, namespace, *arguments):
    return lab.run(namespace, lab.program("strangers"), *arguments, limit=120)


def test_a_million_requests_for_nothing(lab, record_property):
    """Requests and deletions for things that do not exist leave the memory as it was."""
    daemon = lab.daemon(build=release_build(lab))
    client = lab.client("lan1")
    assert client.map("udp", 5000, 45001).external == 45001
    seed = int.from_bytes(os.urandom(4), "big")
    loopback = ("127.0.0.1", "127.1.0.1", 4096)
    print(strangers(lab, "ctr", *loopback, 50000, seed, KINDS))
    before = daemon.resident_bytes()
    text = strangers(lab, "ctr", *loopback, 1000000, seed + 1, KINDS)
    after = daemon.resident_bytes()
    record_property("figure", f"a million requests for nothing: {before // 1000} kB before, {after // 1000} kB after; "
                    + text.strip())
    assert int(text.split(" datagrams, ")[1].split()[0]) > 500000, text
    # A page or two: another path through the C library.
    assert after <= before + 2 * 4096, (before, after)
    assert client.map("udp", 5000, 45001).external == 45001
    assert len(lab.router.own_rules()) == len(lab.gateway.mappings()) == 1

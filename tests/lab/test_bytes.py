"""The server's rows of RFC 6886 by the byte, against the real daemon."""

import struct

import pytest

from natpmp import map_request, parse_address, parse_mapping


@pytest.fixture
def client(lab):
    lab.daemon()
    return lab.client("lan1")


def is_silent_to(client, payload):
    """No answer comes: the next reply is that to the next request, which differs from all others."""
    probe = b"\0\x70"
    client.send(payload)
    return client.ask(probe)[1] == 0x70 | 0x80


# [G-09]
def test_external_address(client):
    reply = client.ask(b"\0\0")
    assert len(reply) == 12 and reply[:4] == b"\0\x80\0\0" and reply[8:] == bytes([11, 22, 33, 44])
    assert parse_address(reply).epoch < 30
    # A longer request than needed is valid.
    assert client.ask(b"\0\0and more")[8:] == bytes([11, 22, 33, 44])


# [M-03] [D-02] [D-05]
@pytest.mark.parametrize("opcode", [1, 2])
def test_map_and_delete(client, opcode):
    protocol = {1: "udp", 2: "tcp"}[opcode]
    # Reserved bytes and a longer datagram are ignored.
    request = struct.pack("!BBHHHI", 0, opcode, 0xFFFF, 5000, 45001, 60) + b"tail"
    reply = client.ask(request)
    assert len(reply) == 16 and reply[:4] == bytes([0, 128 + opcode, 0, 0])
    assert struct.unpack("!HHI", reply[8:]) == (5000, 45001, 60)
    # The suggested port of a deletion is ignored. A repeated deletion gets the same reply.
    for _ in range(2):
        reply = client.ask(map_request(protocol, 5000, 45001, 0))
        assert len(reply) == 16 and reply[:4] == bytes([0, 128 + opcode, 0, 0])
        assert struct.unpack("!HHI", reply[8:]) == (5000, 0, 0)


# [D-04] [D-11]
def test_delete_of_nothing(client):
    for port in (0, 1, 5000, 65535):
        for protocol in ("udp", "tcp"):
            reply = parse_mapping(client.ask(map_request(protocol, port, 0, 0)), protocol)
            assert (reply.result, reply.internal, reply.external, reply.lifetime) == (0, port, 0, 0)


# [M-24]
def test_internal_port_0_with_a_lifetime(lab, client):
    reply = parse_mapping(client.ask(map_request("udp", 0, 45001, 60)), "udp")
    assert (reply.result, reply.internal, reply.external, reply.lifetime) == (2, 0, 0, 0)
    assert lab.router.own_rules() == []


#
@pytest.mark.parametrize("version", [1, 2, 3, 127, 255])
def test_other_versions(client, version):
    for rest in (b"\0", b"\1", b"\x7f", b"\1" + bytes(58)):
        reply = client.ask(bytes([version]) + rest)
        assert len(reply) == 8 and reply[:4] == b"\0\x80\0\1"
        assert struct.unpack("!I", reply[4:])[0] < 30, "our epoch"


#
# Predecessor fault 30: An unsupported request comes back cut at 1,024 bytes.
@pytest.mark.parametrize("length", [2, 4, 12, 60, 1400])
def test_other_opcodes(client, length):
    for opcode in (3, 64, 127):
        request = bytes([0, opcode]) + bytes(i % 251 for i in range(length - 2))
        reply = client.ask(request)
        assert reply[:4] == bytes([0, opcode | 0x80, 0, 5])
        if length > 4:
            assert reply[4:] == request[4:], "the entire request is returned"


#
@pytest.mark.parametrize("payload", [
    b"", b"\0", b"\1", b"\0\x80", b"\0\x81" + bytes(10), b"\0\xff",
    b"\1\x80", b"\2\x81" + bytes(58), b"\xff\xff",
    *(bytes([0, opcode]) + bytes(length - 2) for opcode in (1, 2) for length in (2, 3, 8, 11)),
], ids=lambda payload: f"{len(payload)}-{payload[:2].hex()}")
def test_silence(client, payload):
    assert is_silent_to(client, payload)


# [G-11]
def test_the_epoch_counts_seconds(client):
    first = client.address().epoch
    assert client.receive(2.1) is None
    assert 2 <= client.address().epoch - first <= 3


# [G-08]
def test_the_reply_leaves_from_the_address_that_was_asked(lab):
    lab.ip("addr add 10.9.9.9/32 dev lo", namespace="ctr")
    lab.ip("route add 10.9.9.9/32 via 172.17.0.2", "rule add to 10.9.9.9 lookup main pref 92",
           namespace="rtr")
    lab.daemon()
    # Client.receive fails on a reply from elsewhere.
    for server in ("172.17.0.2", "10.9.9.9", "192.168.88.1"):
        assert lab.client("lan1", server=server).address(5).address == "11.22.33.44"


# [G-08]
def test_the_reply_goes_to_the_port_that_asked(lab):
    """Several clients send from the port of announcements, 5350."""
    lab.daemon()
    assert lab.client("lan1", bind=("", 5350)).map("tcp", 5000, 45001).external == 45001

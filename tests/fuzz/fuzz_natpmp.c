/* Any datagram, decoded as a request and as a reply. What was decoded encodes to the same bytes, apart from
 * those without a meaning, and no server takes the daemon's answer for a request. */

#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "wire/natpmp.h"

static void check_same(struct span encoded, struct span datagram)
{
    assert(encoded.len <= datagram.len);
    assert(memcmp(encoded.data, datagram.data, encoded.len) == 0);
}

/* The first bytes of the datagram, with `count` of them from `at` on set to zero. */
static struct span without(struct span datagram, uint8_t copy[NATPMP_REPLY_MAX], size_t at, size_t count)
{
    size_t len = datagram.len < NATPMP_REPLY_MAX ? datagram.len : NATPMP_REPLY_MAX;
    memcpy(copy, datagram.data, len);
    for (size_t i = at; i < at + count && i < len; i++)
        copy[i] = 0;
    return span_of(copy, len);
}

static void check_answer(struct span answer, enum natpmp_reply_type expected)
{
    assert(natpmp_decode_request(answer).type == NATPMP_REQUEST_RESPONSE);
    assert(natpmp_decode_reply(answer).type == expected);
}

static void check_map_request(struct natpmp_request request, struct span datagram)
{
    uint8_t encoded[NATPMP_REQUEST_MAX];
    uint8_t first[NATPMP_REPLY_MAX];
    uint8_t second[NATPMP_REPLY_MAX];
    struct span expected = without(datagram, first, 2, 2);
    if (request.lifetime_s == 0)
        expected = without(expected, second, 6, 2);
    size_t len = natpmp_encode_map_request(encoded, request.protocol, request.internal_port,
                                           request.external_port, request.lifetime_s);
    assert(len == sizeof(encoded));
    check_same(span_of(encoded, len), expected);

    uint8_t answer[NATPMP_REPLY_MAX];
    len = natpmp_encode_map_reply(answer, request.protocol, NATPMP_SUCCESS, request.lifetime_s,
                                  request.internal_port, request.external_port, request.lifetime_s);
    check_answer(span_of(answer, len), NATPMP_REPLY_MAP);
    struct natpmp_reply reply = natpmp_decode_reply(span_of(answer, len));
    assert(reply.protocol == request.protocol && reply.internal_port == request.internal_port);
    assert(reply.external_port == request.external_port && reply.lifetime_s == request.lifetime_s);
}

static void check_request(struct span datagram)
{
    static uint8_t answer[DATAGRAM_MAX];
    struct natpmp_request request = natpmp_decode_request(datagram);
    size_t len;
    switch (request.type) {
    case NATPMP_REQUEST_MALFORMED:
        assert(datagram.len < NATPMP_REQUEST_MAX || datagram.len > DATAGRAM_MAX);
        break;
    case NATPMP_REQUEST_RESPONSE:
        assert(datagram.data[1] >= 128);
        break;
    case NATPMP_REQUEST_UNSUPPORTED_VERSION:
        assert(datagram.data[0] != 0 && datagram.data[1] < 128);
        len = natpmp_encode_unsupported_version(answer, 0xA5A5A5A5);
        check_answer(span_of(answer, len), NATPMP_REPLY_UNSUPPORTED_VERSION);
        break;
    case NATPMP_REQUEST_UNSUPPORTED_OPCODE:
        len = natpmp_encode_unsupported_opcode(answer, datagram, 0xA5A5A5A5);
        assert(len >= datagram.len && len <= sizeof(answer));
        check_answer(span_of(answer, len), NATPMP_REPLY_UNSUPPORTED_OPCODE);
        if (datagram.len > 4)
            assert(len == datagram.len && memcmp(answer + 4, datagram.data + 4, len - 4) == 0);
        break;
    case NATPMP_REQUEST_ADDRESS:
        len = natpmp_encode_address_request(answer);
        check_same(span_of(answer, len), datagram);
        break;
    case NATPMP_REQUEST_MAP:
        check_map_request(request, datagram);
        break;
    }
}

static void check_address_reply(struct natpmp_reply reply, struct span datagram)
{
    uint8_t encoded[NATPMP_REPLY_MAX];
    uint8_t copy[NATPMP_REPLY_MAX];
    size_t len = natpmp_encode_address_reply(encoded, reply.result, reply.epoch_s, reply.address);
    struct span expected = reply.result == NATPMP_SUCCESS ? datagram : without(datagram, copy, 8, 4);
    /* An error may come without the address. */
    check_same(span_of(encoded, expected.len < len ? 8 : len), expected);
}

static void check_map_reply(struct natpmp_reply reply, struct span datagram)
{
    uint8_t encoded[NATPMP_REPLY_MAX];
    uint8_t copy[NATPMP_REPLY_MAX];
    size_t len = natpmp_encode_map_reply(encoded, reply.protocol, reply.result, reply.epoch_s,
                                         reply.internal_port, reply.external_port, reply.lifetime_s);
    struct span expected = reply.result == NATPMP_SUCCESS ? datagram : without(datagram, copy, 10, 6);
    check_same(span_of(encoded, expected.len < len ? 8 : len), expected);
}

static void check_reply(struct span datagram)
{
    struct natpmp_reply reply = natpmp_decode_reply(datagram);
    switch (reply.type) {
    case NATPMP_REPLY_MALFORMED:
        break;
    case NATPMP_REPLY_ADDRESS:
        check_address_reply(reply, datagram);
        break;
    case NATPMP_REPLY_MAP:
        check_map_reply(reply, datagram);
        break;
    case NATPMP_REPLY_UNSUPPORTED_VERSION:
        assert(reply.result == NATPMP_UNSUPPORTED_VERSION && reply.has_epoch == (datagram.data[0] == 0));
        break;
    case NATPMP_REPLY_UNSUPPORTED_OPCODE:
        assert(reply.result == NATPMP_UNSUPPORTED_OPCODE && !reply.has_epoch);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_request(span_of(data, size));
    check_reply(span_of(data, size));
    return 0;
}

#include "wire/natpmp.h"

#include <assert.h>

#include "base/cursor.h"

enum {
    OPCODE_ADDRESS = 0,
    OPCODE_MAP_UDP = 1,
    OPCODE_MAP_TCP = 2,
    RESPONSE_BIT = 0x80, /* section 3: 128 and above are responses */
    PCP_VERSION = 2,
    PCP_HEADER_LENGTH = 24,

    REQUEST_LENGTH_MIN = 2,
    MAP_REQUEST_LENGTH = 12,
    MAP_REPLY_LENGTH = 16,
};

static bool is_map(uint8_t opcode)
{
    return opcode == OPCODE_MAP_UDP || opcode == OPCODE_MAP_TCP;
}

static enum natpmp_protocol protocol_of(uint8_t opcode)
{
    return opcode == OPCODE_MAP_TCP ? NATPMP_TCP : NATPMP_UDP;
}

static uint8_t opcode_of(enum natpmp_protocol protocol)
{
    return protocol == NATPMP_TCP ? OPCODE_MAP_TCP : OPCODE_MAP_UDP;
}

/* ---- the server's half ---- */

static struct natpmp_request decode_map_request(uint8_t opcode, struct reader *r)
{
    struct natpmp_request request = {.type = NATPMP_REQUEST_MAP, .protocol = protocol_of(opcode)};
    (void)read_u16(r); /* Reserved: ignored on reception (section 3.3) */
    request.internal_port = read_u16(r);
    request.external_port = read_u16(r);
    request.lifetime_s = read_u32(r);
    return r->failed ? (struct natpmp_request){.type = NATPMP_REQUEST_MALFORMED} : request;
}

struct natpmp_request natpmp_decode_request(struct span datagram)
{
    struct reader r = reader_of(datagram);
    uint8_t version = read_u8(&r);
    uint8_t opcode = read_u8(&r);
    struct natpmp_request request = {.type = NATPMP_REQUEST_MALFORMED};
    if (r.failed || datagram.len > DATAGRAM_MAX) { /* */
        return request;
    }
    /* The response bit is checked before the version: a response of any version must never be answered, or
     * two servers would answer each other forever. The version is checked before the opcode.
     * Only UDP and TCP can be mapped [G-19]. */
    if ((opcode & RESPONSE_BIT) != 0) {
        request.type = NATPMP_REQUEST_RESPONSE;
    } else if (version != 0) {
        request.type = NATPMP_REQUEST_UNSUPPORTED_VERSION;
    } else if (opcode == OPCODE_ADDRESS) {
        request.type = NATPMP_REQUEST_ADDRESS;
    } else if (is_map(opcode)) {
        request = decode_map_request(opcode, &r);
    } else {
        request.type = NATPMP_REQUEST_UNSUPPORTED_OPCODE;
    }
    return request;
}

/* Every reply carries the epoch, and so does every error [G-06] [R-06] [M-16]. */
static void write_reply_header(struct writer *w, uint8_t request_opcode, uint16_t result, uint32_t epoch_s)
{
    write_u8(w, 0);
    write_u8(w, request_opcode | RESPONSE_BIT);
    write_u16(w, result);
    write_u32(w, epoch_s);
}

size_t natpmp_encode_address_reply(uint8_t *buffer, uint16_t result, uint32_t epoch_s, uint32_t address)
{
    struct writer w = writer_of(buffer, NATPMP_REPLY_MAX);
    write_reply_header(&w, OPCODE_ADDRESS, result, epoch_s);
    /* Section 3.2: zero on transmission when the result is an error [G-10], else a.b.c.d [G-03]. */
    write_u32(&w, result == NATPMP_SUCCESS ? address : 0);
    return w.len;
}

size_t natpmp_encode_map_reply(uint8_t *buffer, enum natpmp_protocol protocol, uint16_t result,
                               uint32_t epoch_s, uint16_t internal_port, uint16_t external_port,
                               uint32_t lifetime_s)
{
    bool success = result == NATPMP_SUCCESS;
    struct writer w = writer_of(buffer, NATPMP_REPLY_MAX);
    write_reply_header(&w, opcode_of(protocol), result, epoch_s); /* 129 or 130 [M-03] */
    write_u16(&w, internal_port);
    /* Section 3.5: both are zero if no mapping was made. */
    write_u16(&w, success ? external_port : 0);
    write_u32(&w, success ? lifetime_s : 0);
    return w.len;
}

size_t natpmp_encode_unsupported_version(uint8_t *buffer, uint32_t epoch_s)
{
    struct writer w = writer_of(buffer, NATPMP_REPLY_MAX);
    write_reply_header(&w, OPCODE_ADDRESS, NATPMP_UNSUPPORTED_VERSION, epoch_s); /* erratum 3618 */
    return w.len;
}

size_t natpmp_encode_unsupported_opcode(uint8_t *buffer, struct span request, uint32_t epoch_s)
{
    assert(request.len >= REQUEST_LENGTH_MIN && request.len <= DATAGRAM_MAX);
    struct writer w = writer_of(buffer, DATAGRAM_MAX);
    write_u8(&w, request.data[0]);
    write_u8(&w, request.data[1] | RESPONSE_BIT);
    write_u16(&w, NATPMP_UNSUPPORTED_OPCODE);
    if (request.len > 4) { /* the entire request */
        write_bytes(&w, span_skip(request, 4));
    } else {
        write_u32(&w, epoch_s);
    }
    return w.len;
}

/* ---- the client's half ---- */

size_t natpmp_encode_address_request(uint8_t *buffer)
{
    struct writer w = writer_of(buffer, NATPMP_REQUEST_MAX);
    write_u8(&w, 0);
    write_u8(&w, OPCODE_ADDRESS);
    return w.len;
}

size_t natpmp_encode_map_request(uint8_t *buffer, enum natpmp_protocol protocol, uint16_t internal_port,
                                 uint16_t external_port, uint32_t lifetime_s)
{
    struct writer w = writer_of(buffer, NATPMP_REQUEST_MAX);
    write_u8(&w, 0);
    write_u8(&w, opcode_of(protocol));
    write_u16(&w, 0); /* Reserved [C-17] */
    write_u16(&w, internal_port);
    /* Section 3.4: a deletion suggests no port [C-22]. */
    write_u16(&w, lifetime_s == 0 ? 0 : external_port);
    write_u32(&w, lifetime_s);
    return w.len;
}

/* With result 5 the server returns the request (section 3.5), where a map request has its internal port at
 * offset 4. Some servers send a whole map reply instead, with the port at offset 8. The length shows which:
 * our requests have 12 bytes, a map reply has 16. */
static struct natpmp_reply decode_unsupported_opcode(struct span datagram, struct natpmp_reply reply)
{
    reply.type = NATPMP_REPLY_UNSUPPORTED_OPCODE;
    size_t port_offset = datagram.len >= MAP_REPLY_LENGTH ? 8 : 4;
    if (is_map(reply.opcode) && datagram.len >= MAP_REQUEST_LENGTH) {
        struct reader r = reader_of(span_skip(datagram, port_offset));
        reply.internal_port = read_u16(&r);
    }
    return reply;
}

static struct natpmp_reply decode_map_reply(struct reader *r, struct natpmp_reply reply)
{
    uint16_t internal_port = read_u16(r);
    uint16_t external_port = read_u16(r);
    uint32_t lifetime_s = read_u32(r);
    bool success = reply.result == NATPMP_SUCCESS;
    if (success && r->failed)
        return (struct natpmp_reply){.type = NATPMP_REPLY_MALFORMED};
    reply.type = NATPMP_REPLY_MAP;
    reply.internal_port = r->failed ? 0 : internal_port;
    reply.external_port = success ? external_port : 0;
    reply.lifetime_s = success ? lifetime_s : 0; /* an error has no lifetime: section 3.4 [C-23] */
    return reply;
}

static struct natpmp_reply decode_address_reply(struct reader *r, struct natpmp_reply reply)
{
    uint32_t address = read_u32(r);
    bool success = reply.result == NATPMP_SUCCESS;
    if (success && r->failed)
        return (struct natpmp_reply){.type = NATPMP_REPLY_MALFORMED};
    reply.type = NATPMP_REPLY_ADDRESS;
    reply.address = success ? address : 0; /* section 3.2 [C-13] */
    return reply;
}

struct natpmp_reply natpmp_decode_reply(struct span datagram)
{
    const struct natpmp_reply malformed = {.type = NATPMP_REPLY_MALFORMED};
    struct reader r = reader_of(datagram);
    uint8_t version = read_u8(&r);
    uint8_t first = read_u8(&r);
    uint8_t opcode = (uint8_t)(first & ~RESPONSE_BIT);
    uint16_t result = read_u16(&r);
    bool is_response = (first & RESPONSE_BIT) != 0;
    /* A server that speaks PCP alone answers as RFC 6887 section 9 and appendix A say. */
    if (version == PCP_VERSION && is_response && result == NATPMP_UNSUPPORTED_VERSION &&
        datagram.len >= PCP_HEADER_LENGTH)
        return (struct natpmp_reply){.type = NATPMP_REPLY_UNSUPPORTED_VERSION, .result = result};
    if (r.failed || version != 0)
        return malformed;
    struct natpmp_reply reply = {.opcode = opcode, .result = result};
    if (is_map(opcode))
        reply.protocol = protocol_of(opcode);
    if (is_response && result == NATPMP_UNSUPPORTED_OPCODE)
        return decode_unsupported_opcode(datagram, reply);
    reply.epoch_s = read_u32(&r);
    reply.has_epoch = !r.failed;
    if (r.failed)
        return malformed;
    /* Section 3.5 prints opcode 0 for this reply, erratum 3618 corrects it to 128, and some servers send 128
     * plus the request's opcode. A reply that names its mapping answers that request alone [C-30]. */
    bool names_mapping = is_map(opcode) && datagram.len >= MAP_REPLY_LENGTH;
    if (result == NATPMP_UNSUPPORTED_VERSION && (is_response ? !names_mapping : opcode == OPCODE_ADDRESS)) {
        reply.type = NATPMP_REPLY_UNSUPPORTED_VERSION;
        return reply;
    }
    if (!is_response)
        return malformed;
    if (opcode == OPCODE_ADDRESS)
        return decode_address_reply(&r, reply);
    return is_map(opcode) ? decode_map_reply(&r, reply) : malformed;
}

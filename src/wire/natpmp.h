/* NAT-PMP messages, RFC 6886: bytes to structs and back, both directions. Pure: no state, no time.
 *
 * The server's half decodes requests and encodes replies; the client's half encodes requests and decodes
 * replies. Addresses and ports are in host byte order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/limits.h"
#include "base/span.h"

enum {
    NATPMP_PORT = 5351,
    NATPMP_ANNOUNCE_PORT = 5350, /* section 3.2.1 */
    NATPMP_REQUEST_MAX = 12,
    NATPMP_REPLY_MAX = 16,
};

enum natpmp_protocol {
    NATPMP_UDP = 0,
    NATPMP_TCP = 1,
};

/* Section 3.5. Other values arrive from gateways and are kept as numbers. */
enum natpmp_result {
    NATPMP_SUCCESS = 0,
    NATPMP_UNSUPPORTED_VERSION = 1,
    NATPMP_NOT_AUTHORIZED = 2,
    NATPMP_NETWORK_FAILURE = 3,
    NATPMP_OUT_OF_RESOURCES = 4,
    NATPMP_UNSUPPORTED_OPCODE = 5,
};

/* What a datagram from the LAN is. */
enum natpmp_request_type {
    NATPMP_REQUEST_MALFORMED,           /* too short, or longer than DATAGRAM_MAX: no answer */
    NATPMP_REQUEST_RESPONSE,            /* opcode >= 128: never answered, or two servers would never stop */
    NATPMP_REQUEST_UNSUPPORTED_VERSION, /* answered with the 8 bytes of natpmp_encode_unsupported_version */
    NATPMP_REQUEST_UNSUPPORTED_OPCODE,  /* answered with natpmp_encode_unsupported_opcode */
    NATPMP_REQUEST_ADDRESS,
    NATPMP_REQUEST_MAP, /* also deletion: lifetime 0 */
};

struct natpmp_request {
    enum natpmp_request_type type;
    enum natpmp_protocol protocol; /* MAP only, as all below */
    uint16_t internal_port;
    uint16_t external_port; /* suggested */
    uint32_t lifetime_s;
};

/* Checks length, response bit, version and opcode in this order. Reserved and all bytes behind the 2 or 12
 * that a request needs are ignored (section 3.3). */
struct natpmp_request natpmp_decode_request(struct span datagram);

/* Encoders return the length written into `buffer`, which holds at least NATPMP_REPLY_MAX bytes. If the
 * result is not success, the address (section 3.2), or the external port and the lifetime (section 3.5), are
 * sent as zero. */
size_t natpmp_encode_address_reply(uint8_t *buffer, uint16_t result, uint32_t epoch_s, uint32_t address);
size_t natpmp_encode_map_reply(uint8_t *buffer, enum natpmp_protocol protocol, uint16_t result,
                               uint32_t epoch_s, uint16_t internal_port, uint16_t external_port,
                               uint32_t lifetime_s);
/* Writes 00 80 00 01 and the epoch: erratum 3618 corrects the opcode to 128, whatever the request had. */
size_t natpmp_encode_unsupported_version(uint8_t *buffer, uint32_t epoch_s);
/* Returns the whole request (section 3.5) with the top bit of its opcode set and result 5. A request of up to
 * four bytes is extended to eight with the epoch; in a longer one the epoch would overwrite the request.
 * `buffer` holds DATAGRAM_MAX bytes and is not the request's own; request.len is 2 .. DATAGRAM_MAX. */
size_t natpmp_encode_unsupported_opcode(uint8_t *buffer, struct span request, uint32_t epoch_s);

/* The client's half. `buffer` holds at least NATPMP_REQUEST_MAX bytes. */
size_t natpmp_encode_address_request(uint8_t *buffer);
/* A lifetime of 0 deletes the mapping; its external port is then sent as 0 (section 3.4). */
size_t natpmp_encode_map_request(uint8_t *buffer, enum natpmp_protocol protocol, uint16_t internal_port,
                                 uint16_t external_port, uint32_t lifetime_s);

enum natpmp_reply_type {
    NATPMP_REPLY_MALFORMED, /* a request, a wrong length, or a version that is not 0: to be dropped */
    NATPMP_REPLY_ADDRESS,
    NATPMP_REPLY_MAP,
    /* Result 1 in 8 bytes or more that name no mapping; the opcode is 0 (as section 3.5 prints it), 128
     * (erratum 3618) or the request's. A whole map reply with result 1 is a MAP. */
    NATPMP_REPLY_UNSUPPORTED_VERSION,
    /* Result 5: the request with the top bit set, 4 bytes or more. Its bytes 4 to 7 are not an epoch (section
     * 3.5). */
    NATPMP_REPLY_UNSUPPORTED_OPCODE,
};

struct natpmp_reply {
    enum natpmp_reply_type type;
    uint8_t opcode; /* of the request, without the top bit */
    uint16_t result;
    bool has_epoch;
    uint32_t epoch_s;
    uint32_t address;              /* ADDRESS with result 0 */
    enum natpmp_protocol protocol; /* MAP, UNSUPPORTED_OPCODE of a map request (opcode 1 or 2) */
    uint16_t internal_port;        /* likewise; 0 if the reply was too short to contain it */
    uint16_t external_port;        /* MAP with result 0, as is lifetime_s */
    uint32_t lifetime_s;
};

/* Some servers send only 8 bytes when a request fails. Such a reply to a map request decodes as MAP with
 * internal_port 0, one to an address request as ADDRESS. Trailing bytes are ignored. */
struct natpmp_reply natpmp_decode_reply(struct span datagram);

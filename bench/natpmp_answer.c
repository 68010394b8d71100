#include "natpmp_answer.h"

#include <string.h>

#include "bytes.h"

enum { EXTERNAL_ADDRESS = 0xC6336407 };

unsigned natpmp_answer(uint8_t *bytes, unsigned len, uint32_t epoch_s)
{
    uint8_t request[12] = {0};
    if (len < 2 || len > sizeof(request) || bytes[0] != 0 || bytes[1] > 2)
        return 0;
    memcpy(request, bytes, len);
    bytes[1] |= 128;
    put16(bytes + 2, 0);
    put32(bytes + 4, epoch_s);
    if (request[1] == 0) {
        put32(bytes + 8, EXTERNAL_ADDRESS);
        return 12;
    }
    uint16_t internal_port = get16(request + 4);
    uint32_t lifetime_s = get32(request + 8);
    put16(bytes + 8, internal_port);
    put16(bytes + 10, lifetime_s == 0 ? 0 : internal_port);
    put32(bytes + 12, lifetime_s);
    return 16;
}

#include "natpmp_answer.h"

#include <string.h>

unsigned natpmp_answer(uint8_t *bytes, unsigned len, uint32_t epoch_s)
{
    const uint8_t address[] = {198, 51, 100, 7};
    const uint8_t epoch[] = {(uint8_t)(epoch_s >> 24), (uint8_t)(epoch_s >> 16), (uint8_t)(epoch_s >> 8),
                             (uint8_t)epoch_s};
    uint8_t request[12] = {0};
    if (len < 2 || len > sizeof(request) || bytes[0] != 0 || bytes[1] > 2)
        return 0;
    memcpy(request, bytes, len);
    bytes[1] |= 128;
    bytes[2] = bytes[3] = 0;
    memcpy(bytes + 4, epoch, sizeof(epoch));
    if (request[1] == 0) {
        memcpy(bytes + 8, address, sizeof(address));
        return 12;
    }
    const uint8_t nothing[4] = {0};
    const uint8_t *lifetime = request + 8;
    memcpy(bytes + 8, request + 4, 2);
    memcpy(bytes + 10, memcmp(lifetime, nothing, 4) == 0 ? nothing : request + 4, 2);
    memcpy(bytes + 12, lifetime, 4);
    return 16;
}

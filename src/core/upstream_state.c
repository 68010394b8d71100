/* What others ask about the gateway's side. */
#include "core/upstream.h"

bool upstream_free(const struct upstream *u)
{
    return u->used < UPSTREAM_PARALLEL_MAX;
}

uint32_t upstream_external(const struct upstream *u)
{
    return u->address_known && u->trouble <= GATEWAY_FINE ? u->address : 0;
}

bool upstream_external_is_decided(const struct upstream *u)
{
    return u->address_known || u->trouble > GATEWAY_FINE;
}

uint64_t upstream_apart_ms(const struct upstream *u, enum natpmp_protocol protocol, bool deletes)
{
    return u->apart_ms[protocol][deletes];
}

bool upstream_is_busy(const struct upstream *u, enum natpmp_protocol protocol)
{
    for (unsigned i = 0; u->used != 0 && i < UPSTREAM_PARALLEL_MAX; i++)
        if (u->transaction[i].used && u->key[i] >> 16 == (uint32_t)protocol)
            return true;
    return false;
}

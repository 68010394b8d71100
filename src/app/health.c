#include "app/health.h"

#include <assert.h>
#include <stdio.h>

#define GOOD "healthy"

struct health_name health_name(const char *instance, uint32_t listen_address, uint16_t listen_port)
{
    struct health_name name;
    int len = snprintf(name.text, sizeof(name.text), "double-natpmp/%s/%s:%u", instance,
                       address_text(listen_address).text, (unsigned)listen_port);
    assert(len > 0 && (size_t)len < sizeof(name.text));
    return name;
}

void health_write(const struct proxy_status *status, char ret_line[HEALTH_LINE_MAX + 1])
{
    const char *router = router_trouble_text(status);
    const char *gateway = gateway_state_text(status);
    int len;
    if (status->standing_by)
        len = snprintf(
            ret_line, HEALTH_LINE_MAX + 1,
            "un" GOOD ": another double-natpmp with this INSTANCE serves at %s; stop one of the two, or "
            "give it another INSTANCE",
            status->other_address == 0 ? "an unknown address" : address_text(status->other_address).text);
    else if (router == NULL && gateway == NULL)
        len = snprintf(ret_line, HEALTH_LINE_MAX + 1, GOOD " external=%s mappings=%u clients=%u",
                       status->external_address == 0 ? "?" : address_text(status->external_address).text,
                       status->mappings, status->clients);
    else
        len = snprintf(ret_line, HEALTH_LINE_MAX + 1, "un" GOOD ": %s%s%s", router == NULL ? "" : router,
                       router == NULL || gateway == NULL ? "" : "; ", gateway == NULL ? "" : gateway);
    assert(len > 0 && len <= HEALTH_LINE_MAX);
}

bool health_is_good(const char *line)
{
    return span_starts(span_text(line), GOOD " ");
}

#include "app/portforward.h"

#include "app/status_report.h"

struct port {
    uint16_t internal;
    uint16_t external;
};

/* While the router does not answer, its rules most likely forward. */
static bool stays(const struct mapping_status *mapping)
{
    return mapping->condition == MAPPING_WAITS_ROUTER && mapping->has_rule && mapping->noted != 0 &&
           mapping->external_port != 0;
}

static bool fits(struct port_filter filter, const struct mapping_status *mapping)
{
    return mapping->client == filter.client && (status_forwards(mapping) || stays(mapping)) &&
           (filter.internal_port == 0 || mapping->internal_port == filter.internal_port) &&
           (filter.protocol < 0 || mapping->protocol == (unsigned)filter.protocol);
}

/* TCP and UDP of one internal port have the same external port, as a rule. */
static unsigned insert(struct port *ports, unsigned count, struct port port)
{
    unsigned i;
    for (i = 0; i < count; i++)
        if (ports[i].external == port.external)
            return count;
    for (i = count; i > 0 && ports[i - 1].internal > port.internal; i--)
        ports[i] = ports[i - 1];
    ports[i] = port;
    return count + 1;
}

void portforward_write(const struct proxy *proxy, struct port_filter filter, uint64_t now_ms, FILE *out)
{
    struct port ports[CLIENT_MAPPINGS_MAX];
    unsigned count = 0;
    struct mapping_status mapping;
    for (uint16_t m = 0; count < CLIENT_MAPPINGS_MAX; m++) {
        m = mapping_status_from(proxy, m, now_ms, &mapping);
        if (m == 0)
            break;
        if (fits(filter, &mapping))
            count = insert(ports, count, (struct port){mapping.internal_port, mapping.external_port});
        if (m == UINT16_MAX)
            break;
    }
    (void)fprintf(out, "{\"port\":%u,\"ports\":[", count > 0 ? (unsigned)ports[0].external : 0U);
    for (unsigned i = 0; i < count; i++)
        (void)fprintf(out, i == 0 ? "%u" : ",%u", (unsigned)ports[i].external);
    (void)fputs("]}\n", out);
}

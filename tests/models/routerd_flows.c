/* The connection table of the kernel as that of the router: in the lab the packets cross this machine. */
#include "routerd.h"

#include "base/cursor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The n-th value of that name in the line: the kernel writes both directions one after the other. */
static const char *value_of(const char *line, const char *name, unsigned n)
{
    for (const char *at = strstr(line, name); at; at = strstr(at + 1, name))
        if (n-- == 0)
            return at + strlen(name);
    return "";
}

static uint32_t address_of(const char *line, const char *name, unsigned n)
{
    const char *text = value_of(line, name, n);
    uint32_t address = 0;
    return parse_address(span_of(text, strcspn(text, " ")), &address) ? address : 0;
}

static uint16_t port_of(const char *line, const char *name, unsigned n)
{
    return (uint16_t)strtoul(value_of(line, name, n), NULL, 10);
}

void routerd_read_flows(const struct routerd *d)
{
    char line[512];
    FILE *table = d->config.nft_family ? fopen("/proc/net/nf_conntrack", "r") : NULL;
    if (!table)
        return;
    router_model_connections_clear(d->model);
    while (fgets(line, sizeof(line), table)) {
        struct router_model_flow flow = {.source = address_of(line, "src=", 0),
                                         .destination = address_of(line, "dst=", 0),
                                         .source_port = port_of(line, "sport=", 0),
                                         .destination_port = port_of(line, "dport=", 0)};
        /* "udp", the number of the protocol, and the seconds that are left. */
        const char *udp = value_of(line, " udp ", 0);
        char *left;
        (void)strtoul(udp, &left, 10);
        if (udp[0])
            router_model_connection_add(d->model, routerd_now_ms(d), &flow, address_of(line, "dst=", 1),
                                        !strstr(line, "[UNREPLIED]"), (uint32_t)strtoul(left, NULL, 10));
    }
    (void)fclose(table);
}

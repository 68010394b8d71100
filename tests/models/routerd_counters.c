/* The counters of the kernel's rules as those of the router: in the lab the packets cross this machine. */
#include "routerd.h"

#include <stdlib.h>
#include <string.h>

static struct routerd_counter *counter_of(struct routerd *d, uint32_t id)
{
    for (unsigned i = 0; i < d->counters; i++)
        if (d->counter[i].id == id)
            return &d->counter[i];
    d->counter = realloc(d->counter, (d->counters + 1) * sizeof(*d->counter));
    if (!d->counter)
        abort();
    d->counter[d->counters] = (struct routerd_counter){.id = id};
    return &d->counter[d->counters++];
}

/* "... counter packets 3 bytes 180 dnat to ... comment "*5"" */
static void read_line(struct routerd *d, const char *line)
{
    const char *counted = strstr(line, "counter packets ");
    const char *comment = strstr(line, "comment \"*");
    if (!counted || !comment)
        return;
    char *rest;
    uint64_t packets = strtoull(counted + strlen("counter packets "), &rest, 10);
    uint64_t bytes = strncmp(rest, " bytes ", 7) == 0 ? strtoull(rest + 7, NULL, 10) : 0;
    struct routerd_counter *last =
        counter_of(d, (uint32_t)strtoul(comment + strlen("comment \"*"), NULL, 16));
    if (packets <= last->packets)
        return;
    router_model_rule_traffic(d->model, last->id, bytes - last->bytes, packets - last->packets);
    last->packets = packets;
    last->bytes = bytes;
}

void routerd_read_counters(struct routerd *d)
{
    char text[512];
    if (!d->config.nft_family)
        return;
    /* The table, because nft takes some names of chains for words of its own. */
    snprintf(text, sizeof(text), "nft list table %s %s", d->config.nft_family, d->config.nft_table);
    FILE *list = popen(text, "re"); /* NOLINT(cert-env33-c): its words are those of our command line */
    if (!list)
        return;
    while (fgets(text, sizeof(text), list))
        read_line(d, text);
    (void)pclose(list);
}

void routerd_forget_counters(struct routerd *d)
{
    free(d->counter);
    d->counter = NULL;
    d->counters = 0;
}

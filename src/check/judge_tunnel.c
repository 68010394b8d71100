/* What the settings of the tunnel and of the router's IP let through, before any rule. */
#include "check/judge_parts.h"

static bool list_has(struct span list, uint32_t address)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.data) : list.len;
        struct prefix prefix;
        if (parse_prefix(span_of(list.data, len), &prefix) && prefix_has(&prefix, address))
            return true;
        list = span_skip(list, comma != NULL ? len + 1 : len);
    }
    return false;
}

/* WireGuard drops what comes from an address that its peer does not have. */
static void judge_peers(struct scene *scene)
{
    struct log_safe name = log_safe(span_text(scene->vpn.interface));
    struct log_safe only = log_safe(span_of(NULL, 0));
    bool has[SAMPLE_HOSTS] = {false};
    unsigned count = 0;
    uint32_t id = 0; /* the peer of the gateway, else the first one */
    for (struct table_rows t = table_rows_of(scene->s, TABLE_PEER); table_rows_next(&t) != NULL;) {
        struct span list;
        if (!row_is(t.row, "interface", scene->vpn.interface) || ros_flag(t.row, "disabled") ||
            !row_get(t.row, "allowed-address", &list))
            continue;
        for (size_t i = 0; i < SAMPLE_HOSTS; i++) {
            bool new = !has[i] && list_has(list, sample_hosts[i]);
            count += new;
            has[i] = has[i] || new;
        }
        if (id != 0 && !list_has(list, scene->s->config->gateway))
            continue;
        id = row_id(t.row);
        only = log_safe(list);
    }
    if (id == 0)
        return;
    if (count == SAMPLE_HOSTS) {
        (void)finding_add(scene->out, FINDING_PEERS, FINDING_PASS,
                          "the WireGuard peers of %s let through what comes from the internet", name.text);
        return;
    }
    finding_cure(finding_add(scene->out, FINDING_PEERS, count == 0 ? FINDING_FAIL : FINDING_WARN,
                             "WireGuard lets only packets from %s through %s, and not what comes from all of "
                             "the internet",
                             only.text, name.text),
                 "/interface/wireguard/peers/set *%X allowed-address=0.0.0.0/0", (unsigned)id);
}

void judge_tunnel(struct scene *scene)
{
    if (scene->vpn.interface[0] != '\0')
        judge_peers(scene);
}

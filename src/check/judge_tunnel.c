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

/* A strict filter looks the way back up without marks and without the interface of the answer. */
static enum finding_status judge_way_back(const struct scene *scene)
{
    struct traveller traveller = {.in = "", .routing_mark = ""};
    enum finding_status worst = FINDING_PASS;
    if (scene_known(&scene->lan) != NULL)
        traveller.src = scene_network(scene, scene->lan.interface, 0);
    for (size_t i = 0; i < SAMPLE_HOSTS; i++) {
        struct ways ways;
        unsigned wrong = 0;
        traveller.dst = sample_hosts[i];
        ways_find(scene->s, &traveller, &ways);
        for (unsigned k = 0; k < ways.count; k++)
            wrong += strcmp(ways.at[k].interface, scene->vpn.interface) != 0;
        if (wrong > 0 && worst != FINDING_FAIL)
            worst = wrong == ways.count ? FINDING_FAIL : FINDING_WARN;
    }
    return worst;
}

static void judge_settings(struct scene *scene)
{
    struct table_rows rows = table_rows_of(scene->s, TABLE_SETTINGS);
    const struct ros_sentence *row = table_rows_next(&rows);
    struct log_safe name = log_safe(span_text(scene->vpn.interface));
    if (row == NULL)
        return;
    if (row_is(row, "ip-forward", "false") || row_is(row, "ip-forward", "no")) {
        finding_cure(finding_add(scene->out, FINDING_SETTINGS, FINDING_FAIL,
                                 "the router forwards nothing (ip-forward=no)"),
                     "/ip/settings/set ip-forward=yes");
        return;
    }
    bool strict = scene->vpn.interface[0] != '\0' && row_is(row, "rp-filter", "strict");
    enum finding_status status = strict ? judge_way_back(scene) : FINDING_PASS;
    if (status == FINDING_PASS)
        (void)finding_add(scene->out, FINDING_SETTINGS, status,
                          "the router forwards packets, and does not filter them by the way back");
    else
        finding_cure(finding_add(scene->out, FINDING_SETTINGS, status,
                                 "with rp-filter=strict the router drops what comes from the internet by %s, "
                                 "because the route back is not through %s",
                                 name.text, name.text),
                     "/ip/settings/set rp-filter=loose");
}

bool judge_vrf(struct scene *scene)
{
    struct span tunnel = span_text(scene->vpn.interface);
    struct span lan = span_text(scene->lan.interface);
    for (struct table_rows t = table_rows_of(scene->s, TABLE_VRF); table_rows_next(&t) != NULL;) {
        struct span interfaces;
        struct span name;
        if (ros_flag(t.row, "disabled") || !row_get(t.row, "interfaces", &interfaces) ||
            !row_get(t.row, "name", &name) || tunnel.len == 0 || lan.len == 0 ||
            !judge_has_word(interfaces, tunnel) || judge_has_word(interfaces, lan))
            continue;
        (void)finding_add(scene->out, FINDING_RETURN, FINDING_WARN,
                          "%s is in the VRF %s, and %s is not: this check does not follow packets from one "
                          "VRF to another, so it is not known whether clients' answers arrive",
                          log_safe(tunnel).text, log_safe(name).text, log_safe(lan).text);
        return true;
    }
    return false;
}

void judge_tunnel(struct scene *scene)
{
    if (scene->vpn.interface[0] != '\0')
        judge_peers(scene);
    judge_settings(scene);
}

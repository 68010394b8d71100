/* What other rules of the router do to the ports that double-natpmp opens. */
#include <stdio.h>

#include "check/judge_parts.h"
#include "core/port.h"

/* ---- ports ---- */

enum {
    PORTS = 65536 - PORT_FIRST,
    PORTS_FEW = 1024,
};

enum { WORD_PORTS = 64 };
enum {
    MOVES_MAX = 8,  /* in one remedy */
    WALKS_MAX = 64, /* for each, the whole table is read once more */
};

static unsigned count_ports(const struct portset *set)
{
    unsigned count = 0;
    for (size_t i = PORT_FIRST / WORD_PORTS; i < ARRAY_LEN(set->word); i++) {
        if (set->word[i] == UINT64_MAX)
            count += WORD_PORTS;
        else
            for (uint64_t rest = set->word[i]; rest != 0; rest &= rest - 1)
                count++;
    }
    return count;
}

static bool is_ours(const struct scene *scene, const struct ros_sentence *row)
{
    return nat_rule_parse(row, &scene->vpn).ours;
}

static void begin_taken_ports(const struct scene *scene, struct judge_room *taken)
{
    for (unsigned i = 0; i < 2; i++) {
        taken_ports_begin(&taken->taken_ports[i], &scene->vpn, (enum natpmp_protocol)i);
        taken->taken_ports[i].packet.lists = &scene->lists;
    }
}

static void find_taken_ports(const struct scene *scene, struct judge_room *taken)
{
    begin_taken_ports(scene, taken);
    for (struct table_rows t = table_rows_of(scene->s, TABLE_NAT); table_rows_next(&t) != NULL;)
        for (unsigned i = 0; i < 2 && !is_ours(scene, t.row); i++)
            taken_ports_add(&taken->taken_ports[i], t.row);
    for (unsigned i = 0; i < 2; i++)
        (void)taken_ports_end(&taken->taken_ports[i], &taken->all[i]);
}

static unsigned count_of_row(struct judge_room *taken, const struct ros_sentence *row)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 2; i++) {
        portset_clear(&taken->one.sure);
        if (taken_ports_reach_row(&taken->taken_ports[i], row) &&
            taken_ports_of_row(&taken->taken_ports[i], row, &taken->one))
            count += count_ports(&taken->one.sure);
    }
    return count;
}

static void find_most(const struct scene *scene, struct judge_room *taken)
{
    for (struct table_rows t = table_rows_of(scene->s, TABLE_NAT); table_rows_next(&t) != NULL;) {
        unsigned count = is_ours(scene, t.row) ? 0 : count_of_row(taken, t.row);
        if (count <= taken->most)
            continue;
        taken->most = count;
        taken->most_id = row_id(t.row);
        taken->most_is_here = row_is(t.row, "in-interface", scene->vpn.interface);
        taken->most_maker = ros_flag(t.row, "dynamic") ? row_id(t.row) : 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct taken_ports *ports = &taken->taken_ports[i];
        if (ports->bar == 0)
            continue;
        taken->most_id = ports->bar;
        taken->most_maker = place_before(scene->s, TABLE_NAT, "dstnat", ports->bar, &ports->packet).maker;
    }
}

static void cure_taker(const struct scene *scene, struct finding *f, const struct judge_room *taken)
{
    uint32_t id = taken->most_id;
    if (taken->most_maker != 0)
        judge_maker(f, "/ip/firewall/nat", taken->most_maker);
    else if (taken->most_is_here)
        finding_cure(f, "/ip/firewall/nat/disable *%X", (unsigned)id);
    else
        finding_cure(f, "/ip/firewall/nat/set *%X in-interface=!%s", (unsigned)id,
                     ros_quote(span_text(scene->vpn.interface)).text);
}

static void judge_ports(struct scene *scene, struct judge_room *taken)
{
    memset(taken, 0, sizeof(*taken));
    find_taken_ports(scene, taken);
    unsigned udp = PORTS - count_ports(&taken->all[NATPMP_UDP].sure);
    unsigned tcp = PORTS - count_ports(&taken->all[NATPMP_TCP].sure);
    bool incomplete = taken_ports_is_incomplete(&taken->taken_ports[NATPMP_UDP]) ||
                      taken_ports_is_incomplete(&taken->taken_ports[NATPMP_TCP]);
    if (udp >= PORTS_FEW && tcp >= PORTS_FEW && incomplete) {
        (void)judge_unread(scene, FINDING_PORTS, TABLE_NAT, "which router ports its rules use");
        return;
    }
    if (udp >= PORTS_FEW && tcp >= PORTS_FEW) {
        (void)finding_add(scene->out, FINDING_PORTS, FINDING_PASS,
                          "%u router ports are free for UDP, %u for TCP", udp, tcp);
        return;
    }
    find_most(scene, taken);
    struct finding *f = finding_add(
        scene->out, FINDING_PORTS, udp == 0 || tcp == 0 ? FINDING_FAIL : FINDING_WARN,
        "other rules use the ports of the tunnel, rule *%X most of them: %u are free for UDP, %u for TCP",
        (unsigned)taken->most_id, udp, tcp);
    cure_taker(scene, f, taken);
}

/* ---- the rules of mappings ---- */

/* What arrives from the internet for that rule of the daemon. */
static struct packet arrival_for(const struct scene *scene, const struct nat_rule *rule)
{
    struct packet packet = {.in = &scene->vpn,
                            .protocol = rule->protocol,
                            .dst_port = rule->router_port,
                            .dst_local = true,
                            .lists = &scene->lists};
    struct prefix tunnel;
    packet.dst_known = scene_prefix(scene->s, scene->vpn.interface, &tunnel);
    if (packet.dst_known)
        packet.dst = (struct prefix){.address = tunnel.address, .length = 32};
    return packet;
}

/* A rule that takes all of it before that one; 0: none. */
static uint32_t find_taker(const struct scene *scene, uint32_t id, const struct packet *packet)
{
    struct verdict v;
    firewall_judge(scene->s, TABLE_NAT, "dstnat", packet, id, &v);
    if (!v.sure.found || v.sure.id == id)
        return 0;
    for (struct table_rows t = table_rows_of(scene->s, TABLE_NAT); table_rows_next(&t) != NULL;)
        if (row_id(t.row) == v.sure.id && is_ours(scene, t.row))
            return 0; /* the one that it is to replace, or that replaces it */
    return v.sure.id;
}

/* The rules of mappings that another one, always the same, comes before. */
struct taken_rules {
    unsigned rules; /* those that are in force */
    unsigned walks;
    uint32_t taker; /* 0: none */
    struct packet packet;
    unsigned count;
    uint32_t id[MOVES_MAX];
};

static void judge_mapping_rule(const struct scene *scene, const struct taken_ports *before,
                               const struct ros_sentence *row, struct taken_rules *r)
{
    struct nat_rule rule = nat_rule_parse(row, &scene->vpn);
    bool named;
    if (!rule.sound || rule.elsewhere || !row_is(row, "chain", "dstnat") || !chain_walk_row_acts(row))
        return;
    r->rules++;
    if (taken_ports_ahead(&before[rule.protocol], rule.router_port, &named) != COVER_ALL ||
        r->walks++ >= WALKS_MAX)
        return;
    struct packet packet = arrival_for(scene, &rule);
    uint32_t taker = find_taker(scene, rule.id, &packet);
    if (taker == 0 || (r->taker != 0 && taker != r->taker))
        return;
    if (r->taker == 0)
        r->packet = packet;
    r->taker = taker;
    if (r->count < MOVES_MAX)
        r->id[r->count] = rule.id;
    r->count++;
}

/* The daemon puts a rule in front of others again, but not often: who moves them does it on purpose. */
static void judge_mapping_rules(struct scene *scene, struct judge_room *room)
{
    struct taken_rules r = {.taker = 0};
    begin_taken_ports(scene, room);
    for (struct table_rows t = table_rows_of(scene->s, TABLE_NAT); table_rows_next(&t) != NULL;) {
        if (is_ours(scene, t.row))
            judge_mapping_rule(scene, room->taken_ports, t.row, &r);
        else
            for (unsigned i = 0; i < 2; i++)
                taken_ports_add(&room->taken_ports[i], t.row);
    }
    if (r.rules == 0 || (r.taker == 0 && r.walks > WALKS_MAX))
        return;
    if (r.taker == 0) {
        (void)finding_add(scene->out, FINDING_MAPPING_RULES, FINDING_PASS,
                          "no rule takes what arrives for mappings (%u)", r.rules);
        return;
    }
    struct finding *f = finding_add(scene->out, FINDING_MAPPING_RULES, FINDING_FAIL,
                                    "rule *%X comes before *%X and takes what arrives for mappings (%u)",
                                    (unsigned)r.taker, (unsigned)r.id[0], r.count);
    for (unsigned i = 0; i < r.count && i < MOVES_MAX; i++)
        if (!judge_move(scene, f, r.id[i], r.taker, &r.packet))
            break;
}

/* ---- the router's own server ---- */

static void judge_nat_pmp(struct scene *scene)
{
    const struct table *table = &scene->s->table[TABLE_NAT_PMP];
    struct table_rows rows = table_rows_of(scene->s, TABLE_NAT_PMP);
    const struct ros_sentence *row = table_rows_next(&rows);
    if (table->state == TABLE_REFUSED && table->error == ROS_ERROR_NO_COMMAND) {
        (void)finding_add(scene->out, FINDING_ROUTER_NAT_PMP, FINDING_PASS,
                          "this RouterOS version has no NAT-PMP server");
    } else if (row != NULL && ros_flag(row, "enabled")) {
        struct finding *f = finding_add(scene->out, FINDING_ROUTER_NAT_PMP, FINDING_WARN,
                                        "the router's own NAT-PMP server is enabled: it answers requests "
                                        "that the redirect does not take, with a wrong address");
        finding_cure(f, "/ip/nat-pmp/set enabled=no");
    } else if (row != NULL) {
        (void)finding_add(scene->out, FINDING_ROUTER_NAT_PMP, FINDING_PASS,
                          "the router's own NAT-PMP server is disabled");
    }
}

/* ---- the tracking of connections ---- */

static void judge_tracking(struct scene *scene)
{
    struct table_rows rows = table_rows_of(scene->s, TABLE_TRACKING);
    const struct ros_sentence *row = table_rows_next(&rows);
    struct span enabled;
    if (row == NULL || !row_get(row, "enabled", &enabled))
        return;
    if (!span_is(enabled, "no") && !span_is(enabled, "false")) {
        (void)finding_add(scene->out, FINDING_TRACKING, FINDING_PASS, "the router tracks connections");
        return;
    }
    struct finding *f =
        finding_add(scene->out, FINDING_TRACKING, FINDING_FAIL,
                    "the router does not track connections, so that no rule translates anything");
    finding_cure(f, "/ip/firewall/connection/tracking/set enabled=auto");
}

/* ---- the filter ---- */

/* Whoever drops what comes from a part of the internet may want it, so there is no remedy. */
static bool judge_origins(struct scene *scene, const char *what)
{
    char some[128];
    for (unsigned i = 0; i < 2 * SAMPLE_HOSTS; i++) {
        struct outcomes marks = marks_none("");
        struct loss loss;
        struct trip trip;
        uint32_t host = sample_hosts[i / 2];
        if (!scene_arrival(scene, (enum natpmp_protocol)(i % 2), &trip))
            return false;
        trip.packet.src = (struct prefix){.address = host, .length = 32};
        trip_follow(scene->s, &trip, &marks, &loss);
        if (!loss.found || !loss.sure)
            continue;
        (void)snprintf(some, sizeof(some), "%s, for instance from %s", what, address_text(host).text);
        judge_loss_finding(scene, FINDING_FORWARD, &loss, &trip, some)->status = FINDING_WARN;
        return true;
    }
    return false;
}

static void judge_forward(struct scene *scene)
{
    static const char what[] = "connections from the tunnel to mapped ports";
    struct loss worst = {.found = false};
    struct trip trip;
    struct trip lost = {.translated = false};
    struct remedy remedy = {.what = what};
    if (scene->s->table[TABLE_FILTER].state != TABLE_READ) {
        (void)finding_add(scene->out, FINDING_FORWARD, FINDING_WARN,
                          "the filter rules could not be read: they may drop connections to mapped ports");
        return;
    }
    for (unsigned protocol = 0; protocol < 2; protocol++) {
        struct outcomes marks = marks_none("");
        struct loss loss;
        if (!scene_arrival(scene, (enum natpmp_protocol)protocol, &trip))
            return;
        trip_follow(scene->s, &trip, &marks, &loss);
        if (loss.found && (!worst.found || (loss.sure && !worst.sure))) {
            worst = loss;
            lost = trip;
        }
    }
    if (!worst.found && judge_origins(scene, what))
        return;
    if (!worst.found) {
        (void)finding_add(scene->out, FINDING_FORWARD, FINDING_PASS, "the router lets %s pass", what);
        return;
    }
    struct ros_quoted tunnel = ros_quote(span_text(scene->vpn.interface));
    remedy.network = scene_network(scene, scene->lan.interface, lost.to.address);
    (void)snprintf(remedy.after.text, sizeof(remedy.after.text),
                   "in-interface=%s connection-nat-state=dstnat", tunnel.text);
    (void)snprintf(remedy.before.text, sizeof(remedy.before.text), "in-interface=%s dst-address-type=local",
                   tunnel.text);
    judge_loss(scene, FINDING_FORWARD, &worst, &lost, &remedy);
}

void judge_rules(struct scene *scene, struct judge_room *room)
{
    bool known = scene->vpn.interface[0] != '\0';
    if (known && scene->s->table[TABLE_NAT].state == TABLE_READ) {
        judge_ports(scene, room);
        judge_mapping_rules(scene, room);
    }
    judge_nat_pmp(scene);
    judge_tracking(scene);
    if (known)
        judge_forward(scene);
}

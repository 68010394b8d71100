/* What other rules of the router do to the ports that double-natpmp opens. */
#include <stdio.h>

#include "check/judge_parts.h"

/* ---- ports ---- */

enum {
    DYNAMIC_FIRST = 49152, /* RFC 6335 section 6: where router ports are taken from */
    DYNAMIC_PORTS = 65536 - DYNAMIC_FIRST,
    PORTS_FEW = 1024,
};

enum { WORD_PORTS = 64 };

static unsigned count_dynamic(const struct portset *set)
{
    unsigned count = 0;
    for (size_t i = DYNAMIC_FIRST / WORD_PORTS; i < ARRAY_LEN(set->word); i++) {
        if (set->word[i] == UINT64_MAX)
            count += WORD_PORTS;
        else
            for (uint64_t rest = set->word[i]; rest != 0; rest &= rest - 1)
                count++;
    }
    return count;
}

struct taken {
    struct portset all[2];
    uint32_t most_id; /* the rule that takes the most ports */
    unsigned most;
    bool most_is_here; /* it names the VPN interface itself */
};

static void add_rule(struct taken *taken, const struct ros_sentence *row, const struct nat_context *vpn)
{
    struct portset one[2];
    portset_clear(&one[0]);
    portset_clear(&one[1]);
    if (nat_rule_parse(row, vpn).ours || !nat_rule_take_ports(row, vpn, one, NULL))
        return;
    unsigned count = count_dynamic(&one[0]) + count_dynamic(&one[1]);
    if (count > taken->most) {
        taken->most = count;
        taken->most_id = row_id(row);
        taken->most_is_here = row_is(row, "in-interface", vpn->interface);
    }
    for (unsigned protocol = 0; protocol < 2; protocol++)
        for (size_t i = 0; i < ARRAY_LEN(one[protocol].word); i++)
            taken->all[protocol].word[i] |= one[protocol].word[i];
}

/* A connection from the internet, before it reaches our rules at the end of the chain. */
static struct packet arrival(const struct scene *scene, enum natpmp_protocol protocol)
{
    struct packet packet = {.in = &scene->vpn, .protocol = protocol, .dst_local = true};
    packet.dst_known = scene_prefix(scene->s, scene->vpn.interface, &packet.dst);
    packet.dst.length = 32;
    return packet;
}

/* Finds a rule that ends the chain without translating. nat_rule_take_ports() sees only rules that
 * translate. */
static const struct ruling *find_accept(const struct scene *scene, struct verdict verdicts[2])
{
    for (unsigned protocol = 0; protocol < 2; protocol++) {
        struct packet packet = arrival(scene, (enum natpmp_protocol)protocol);
        firewall_judge(scene->s, TABLE_NAT, "dstnat", &packet, 0, &verdicts[protocol]);
    }
    for (unsigned protocol = 0; protocol < 2; protocol++)
        if (verdicts[protocol].sure.found && verdicts[protocol].sure.action == FIREWALL_ACCEPT)
            return &verdicts[protocol].sure;
    for (unsigned protocol = 0; protocol < 2; protocol++)
        if (verdicts[protocol].maybe[FIREWALL_ACCEPT].found)
            return &verdicts[protocol].maybe[FIREWALL_ACCEPT];
    return NULL;
}

static void cure_taker(const struct scene *scene, struct finding *f, uint32_t id, bool names_interface)
{
    if (names_interface)
        finding_cure(f, "/ip/firewall/nat/disable *%X", (unsigned)id);
    else
        finding_cure(f, "/ip/firewall/nat/set *%X in-interface=!%s", (unsigned)id,
                     ros_quote(span_text(scene->vpn.interface)).text);
}

static void judge_ports(struct scene *scene)
{
    struct taken taken = {0};
    struct verdict verdicts[2];
    struct finding *f;
    for (struct table_rows t = table_rows_of(scene->s, TABLE_NAT); table_rows_next(&t) != NULL;)
        add_rule(&taken, t.row, &scene->vpn);
    unsigned udp = DYNAMIC_PORTS - count_dynamic(&taken.all[NATPMP_UDP]);
    unsigned tcp = DYNAMIC_PORTS - count_dynamic(&taken.all[NATPMP_TCP]);
    const struct ruling *accept = find_accept(scene, verdicts);
    bool sure = accept == &verdicts[0].sure || accept == &verdicts[1].sure;
    if (udp < PORTS_FEW || tcp < PORTS_FEW) {
        bool none = udp == 0 || tcp == 0;
        f = finding_add(scene->out, FINDING_PORTS, none ? FINDING_FAIL : FINDING_WARN,
                        "dst-nat rules use the ports of the tunnel, rule *%X most of them: %u are free for "
                        "UDP, %u for TCP",
                        (unsigned)taken.most_id, udp, tcp);
        cure_taker(scene, f, taken.most_id, taken.most_is_here);
    } else if (accept != NULL) {
        f = finding_add(
            scene->out, FINDING_PORTS, sure ? FINDING_FAIL : FINDING_WARN,
            "dstnat rule *%X %s connections from the tunnel before the rules of double-natpmp see them",
            (unsigned)accept->id, sure ? "accepts" : "may accept");
        cure_taker(scene, f, accept->id, false);
    } else {
        (void)finding_add(scene->out, FINDING_PORTS, FINDING_PASS,
                          "%u router ports are free for UDP, %u for TCP", udp, tcp);
    }
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

/* ---- the filter ---- */

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

void judge_rules(struct scene *scene)
{
    bool known = scene->vpn.interface[0] != '\0';
    if (known && scene->s->table[TABLE_NAT].state == TABLE_READ)
        judge_ports(scene);
    judge_nat_pmp(scene);
    if (known)
        judge_forward(scene);
}

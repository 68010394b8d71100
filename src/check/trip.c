#include "check/trip.h"

/* Of several outcomes, some may be lost. The first one that is counts. */
struct tally {
    struct loss *loss;
    bool all_sure;
};

static void lose(struct tally *tally, enum loss_by by, uint32_t id, const char *interface, bool sure)
{
    tally->all_sure = tally->all_sure && sure;
    if (tally->loss->found)
        return;
    *tally->loss = (struct loss){.found = true, .by = (uint8_t)by, .id = id};
    memcpy(tally->loss->interface, interface, strlen(interface) + 1);
}

static const struct ruling *find_drop(const struct verdict *v)
{
    if (v->sure.found && v->sure.action == FIREWALL_DROP)
        return &v->sure;
    return v->maybe[FIREWALL_DROP].found ? &v->maybe[FIREWALL_DROP] : NULL;
}

/* True if a rule drops the packets, or may. */
static bool is_dropped(const struct survey *s, enum table_name table, const char *chain,
                       const struct packet *packet, bool sure, struct tally *tally)
{
    struct verdict verdict;
    firewall_judge(s, table, chain, packet, 0, &verdict);
    const struct ruling *drop = find_drop(&verdict);
    if (drop == NULL)
        return false;
    lose(tally, table == TABLE_RAW ? LOSS_RAW : LOSS_FILTER, drop->id, "",
         sure && drop == &verdict.sure && !verdict.maybe[FIREWALL_ACCEPT].found);
    return true;
}

struct packet trip_translated(const struct trip *trip)
{
    struct packet packet = trip->packet;
    packet.out = trip->out;
    if (!trip->translated)
        return packet;
    packet.dst = trip->to;
    packet.dst_known = true;
    packet.dst_port = trip->to_port;
    packet.dst_local = false;
    packet.dstnat = !trip->restored;
    return packet;
}

/* 11.0.0.1, 45.0.0.1, 89.0.0.1, 133.0.0.1, 177.0.0.1, 213.0.0.1: of all regions, and in none of the blocks
 * that are reserved. */
const uint32_t sample_hosts[SAMPLE_HOSTS] = {0x0b000001, 0x2d000001, 0x59000001,
                                             0x85000001, 0xb1000001, 0xd5000001};

/* A host of the subnet that is not the router, whose own address the prefix has. */
static uint32_t host_in(struct prefix subnet)
{
    return subnet.address ^ (uint32_t)((uint64_t)UINT32_MAX >> subnet.length >> 1);
}

/* The first way that does not lead to that interface; NULL: all do. */
static const struct way *wrong_way(const struct ways *ways, const char *interface, bool *ret_sure)
{
    const struct way *first = NULL;
    *ret_sure = true;
    for (unsigned i = 0; i < ways->count; i++) {
        const struct way *way = &ways->at[i];
        bool wrong = strcmp(way->interface, interface) != 0;
        *ret_sure = *ret_sure && wrong && !way->unsure;
        first = first == NULL && wrong ? way : first;
    }
    return first;
}

static bool is_astray(const struct survey *s, const struct packet *packet, const struct outcome *outcome,
                      bool sure, struct tally *tally)
{
    struct traveller traveller = {
        .src = packet->src, .in = packet->in->interface, .routing_mark = outcome->routing_mark};
    unsigned hosts = packet->dst.length == 0 ? SAMPLE_HOSTS : 1;
    unsigned lost = 0;
    struct way way = {.rule = 0};
    uint32_t host = 0;
    bool certain = false;
    for (unsigned i = 0; i < hosts; i++) {
        struct ways ways;
        bool all;
        traveller.dst = packet->dst.length == 0 ? sample_hosts[i] : host_in(packet->dst);
        ways_find(s, &traveller, &ways);
        const struct way *wrong = wrong_way(&ways, packet->out->interface, &all);
        if (wrong == NULL)
            continue;
        if (lost++ == 0 || (all && !certain)) {
            way = *wrong;
            host = traveller.dst;
        }
        certain = certain || all;
    }
    if (lost == 0)
        return false;
    bool first = !tally->loss->found;
    enum loss_by by = way.marked ? LOSS_MARK : way.rule != 0 ? LOSS_RULE : LOSS_MAIN;
    lose(tally, by, way.marked ? outcome->router : way.rule, way.interface, sure && certain);
    if (first && lost < hosts)
        tally->loss->host = host;
    return true;
}

void trip_follow(const struct survey *s, const struct trip *trip, struct outcomes *inout_marks,
                 struct loss *ret_loss)
{
    static const char *const chains[] = {"forward", "postrouting"};
    struct tally tally = {.loss = ret_loss, .all_sure = true};
    struct packet packet = trip_translated(trip);
    struct outcomes marks;
    unsigned lost = 0;
    *ret_loss = (struct loss){.found = false};
    for (unsigned i = 0; i < inout_marks->count; i++) { /* these are the packet's, not the connection's */
        inout_marks->at[i].routing_mark[0] = '\0';
        inout_marks->at[i].router = 0;
    }
    marks_follow(s, "prerouting", &trip->packet, inout_marks, &marks);
    bool sure = !marks.incomplete;
    if (is_dropped(s, TABLE_RAW, "prerouting", &trip->packet, true, &tally)) {
        ret_loss->sure = tally.all_sure;
    }
    bool dropped = ret_loss->sure;
    for (unsigned i = 0; i < marks.count; i++) {
        const struct outcome *outcome = &marks.at[i];
        bool certain = sure && !outcome->unsure;
        packet.connection_mark = outcome->connection_mark;
        packet.routing_mark = outcome->routing_mark;
        lost += dropped || is_astray(s, &packet, outcome, certain, &tally) ||
                is_dropped(s, TABLE_FILTER, "forward", &packet, certain, &tally);
    }
    ret_loss->sure = ret_loss->found && tally.all_sure && lost == marks.count;
    *inout_marks = marks;
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        struct outcomes before = *inout_marks;
        marks_follow(s, chains[i], &packet, &before, inout_marks);
    }
}

bool trip_leads_unmarked(const struct survey *s, const struct trip *trip)
{
    struct loss loss = {.found = false};
    struct tally tally = {.loss = &loss};
    struct outcome outcome = marks_none("").at[0];
    struct packet packet = trip_translated(trip);
    return !is_astray(s, &packet, &outcome, true, &tally);
}

static bool is_fasttrack(const struct survey *s, uint32_t id)
{
    for (struct table_rows t = table_rows_of(s, TABLE_FILTER); table_rows_next(&t) != NULL;)
        if (row_id(t.row) == id)
            return row_is(t.row, "action", "fasttrack-connection");
    return false;
}

bool trip_is_fasttracked(const struct survey *s, const struct trip *trip, const struct outcomes *marks,
                         struct ruling *ret_rule)
{
    for (unsigned i = 0; i < marks->count; i++) {
        struct packet packet = trip_translated(trip);
        struct verdict verdict;
        packet.established = true;
        packet.connection_mark = marks->at[i].connection_mark;
        packet.routing_mark = NULL;
        firewall_judge(s, TABLE_FILTER, "forward", &packet, 0, &verdict);
        const struct ruling *rulings[] = {&verdict.maybe[FIREWALL_ACCEPT], &verdict.part[FIREWALL_ACCEPT],
                                          &verdict.sure};
        for (size_t k = 0; k < ARRAY_LEN(rulings); k++) {
            if (!rulings[k]->found || !is_fasttrack(s, rulings[k]->id))
                continue;
            *ret_rule = *rulings[k];
            return true;
        }
    }
    return false;
}

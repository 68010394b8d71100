/* What is to be asked of the gateway, and whose turn it is. */
#include "core/proxy_parts.h"

enum {
    /* Bitcoin Core takes less for impossible, and stays away for five minutes. */
    POSSIBLE_S = 30,
    /* Of less than this, less than that is left when 5/8 are over. */
    AHEAD_MAX_S = 80,
};

/* Half of a lease (section 3.3 [C-21]) that is shorter than what the clients were told. Ahead of the client,
 * if its renewal may be answered from memory. */
static uint64_t self_renewal_ms(const struct mapping *mapping)
{
    bool ahead = mapping->ahead && mapping->granted_s > POSSIBLE_S && mapping->granted_s < AHEAD_MAX_S;
    bool short_lease = mapping->lease_ends_ms + 1000 < mapping->ends_ms;
    if (mapping->lease != LEASE_GRANTED || (!ahead && !short_lease))
        return UINT64_MAX;
    return mapping->granted_ms + (uint64_t)mapping->granted_s * (ahead ? 375 : 500);
}

/* To be given back: for good, or to be made anew. */
static bool wants_release(const struct proxy *p, const struct mapping *mapping)
{
    bool nameable = proxy_wire_port(p, mapping, true) != 0;
    return (!proxy_ought(mapping) || mapping->pair == PAIR_REJOINS) && mapping->lease != LEASE_NONE &&
           nameable;
}

static bool wants_grant(const struct proxy *p, const struct mapping *mapping)
{
    if (!proxy_ought(mapping) || (mapping->router_port == 0 && !proxy_is_symmetric(p)) ||
        wants_release(p, mapping))
        return false;
    bool relied_on = mapping->work == WORK_MAP || proxy_promised(p, mapping);
    return (relied_on && mapping->need_grant) || mapping->recover ||
           (mapping->lease == LEASE_NONE && proxy_promised(p, mapping)) ||
           self_renewal_ms(mapping) <= p->now_ms;
}

static bool wants_gateway(const struct proxy *p, const struct mapping *mapping)
{
    const struct mapping_trouble *trouble = mapping_trouble(&p->tables, mapping);
    return !mapping->asking && trouble->ask_retry_ms <= p->now_ms &&
           (wants_release(p, mapping) || (trouble->copies_ms <= p->now_ms && wants_grant(p, mapping)));
}

void proxy_client_turn(struct proxy *p, uint16_t c)
{
    struct mapping_tables *t = &p->tables;
    unsigned limit = p->stopping ? UPSTREAM_PARALLEL_MAX : 1;
    bool may = t->client[c].queue.first != 0 && t->client[c].asking < limit;
    if (may && !list_has(&t->client_ready, t->client_ready_link, c))
        list_push(&t->client_ready, t->client_ready_link, c);
}

/* A request that is not wanted any more is forgotten, but the gateway may have granted it: that is settled by
 * a deletion. */
static void forget_request(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    /* Of a port that the gateway chose only its answer tells what is to be deleted. */
    if (!mapping->asking || mapping->releasing || proxy_ought(mapping) || proxy_is_symmetric(p))
        return;
    upstream_cancel(&p->upstream, (enum natpmp_protocol)mapping->protocol,
                    proxy_wire_port(p, mapping, false));
    mapping->asking = false;
    mapping->forgotten = true;
    /* Behind the next request its copies would bring the lifetime back that was asked for then. */
    mapping_set_copies(&p->tables, mapping, p->now_ms + COPIES_MS);
    p->tables.client[mapping->client].asking--;
    proxy_client_turn(p, mapping->client);
    uint64_t ends_ms = p->now_ms + (uint64_t)mapping->asked_s * 1000;
    mapping_set_lease(&p->tables, m, LEASE_UNSURE);
    mapping->lease_ends_ms = ends_ms > mapping->lease_ends_ms ? ends_ms : mapping->lease_ends_ms;
}

static uint64_t lease_gone_ms(const struct mapping *mapping)
{
    return mapping->lease_gone_ms > mapping->lease_ends_ms ? mapping->lease_gone_ms : mapping->lease_ends_ms;
}

void proxy_settle_lease(struct proxy *p, uint16_t m)
{
    struct mapping_tables *t = &p->tables;
    struct mapping *mapping = mapping_at(t, m);
    forget_request(p, m);
    if (!proxy_ought(mapping)) {
        proxy_recovered(p, m);
        mapping->pair = PAIR_SETTLED;
    }
    if (!mapping->asking && !proxy_ought(mapping) && mapping->lease != LEASE_NONE &&
        (lease_gone_ms(mapping) <= p->now_ms || (proxy_is_symmetric(p) && mapping->external_port == 0)))
        mapping_set_lease(t, m, LEASE_NONE); /* it ended by itself */
    struct client *client = &t->client[mapping->client];
    if (!wants_gateway(p, mapping) || list_has(&client->queue, t->to_ask, m))
        return;
    list_push(&client->queue, t->to_ask, m);
    proxy_client_turn(p, mapping->client);
}

static void ask_gateway(struct proxy *p, uint16_t m, struct actions *out)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    bool grant = !wants_release(p, mapping);
    uint32_t asked_s = mapping->asked_s > 0 ? mapping->asked_s : 1;
    uint32_t lifetime_s = grant ? asked_s : 0;
    /* The gateway sends to the rule's port [C-18]. */
    upstream_ask(&p->upstream, m, (enum natpmp_protocol)mapping->protocol,
                 proxy_wire_port(p, mapping, !grant), grant ? proxy_suggestion(p, m) : 0, lifetime_s,
                 p->now_ms, out);
    if (p->now_ms + (uint64_t)lifetime_s * 1000 < mapping->lease_sure_ms)
        mapping->lease_sure_ms = p->now_ms + (uint64_t)lifetime_s * 1000;
    mapping->asking = true;
    mapping->releasing = !grant;
    p->tables.client[mapping->client].asking++;
}

/* Whatever else is asked meanwhile. */
static bool must_wait(struct proxy *p, uint16_t m, struct actions *out)
{
    return proxy_is_symmetric(p) &&
           proxy_symmetric_waits(p, m, wants_release(p, mapping_at(&p->tables, m)), out);
}

/* Clients take turns, one request each at a time (RFC 6886 section 3.1), so that nobody waits for a busy
 * neighbour. At the end nobody is there to be disturbed, and everything goes at once. */
void proxy_pump_upstream(struct proxy *p, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    while (t->client_ready.first != 0 && upstream_free(&p->upstream)) {
        if (!actions_room(out)) {
            p->more = true;
            return;
        }
        uint16_t c = list_pop(&t->client_ready, t->client_ready_link);
        uint16_t m = list_pop(&t->client[c].queue, t->to_ask);
        if (m != 0 && wants_gateway(p, mapping_at(t, m)) && must_wait(p, m, out))
            mapping_touch(t, m); /* for the time of its next try */
        else if (m != 0 && wants_gateway(p, mapping_at(t, m)))
            ask_gateway(p, m, out);
        proxy_client_turn(p, c);
    }
}

void proxy_note_copies(struct proxy *p, struct mapping *mapping, uint64_t deletion_sent_ms)
{
    uint64_t last_ms = mapping->forgotten ? p->now_ms : deletion_sent_ms;
    if (last_ms < mapping->granted_ms)
        last_ms = mapping->granted_ms;
    mapping_set_copies(&p->tables, mapping, last_ms + COPIES_MS > p->now_ms ? last_ms + COPIES_MS : 0);
    mapping->forgotten = false;
}

uint64_t proxy_ask_due_ms(const struct proxy *p, const struct mapping *mapping)
{
    const struct mapping_trouble *trouble = mapping_trouble(&p->tables, mapping);
    uint64_t due_ms = proxy_sooner(p, UINT64_MAX, self_renewal_ms(mapping));
    bool grant = wants_grant(p, mapping);
    if (grant || wants_release(p, mapping))
        due_ms = proxy_sooner(p, due_ms, trouble->ask_retry_ms);
    if (grant)
        due_ms = proxy_sooner(p, due_ms, trouble->copies_ms);
    if (!proxy_ought(mapping) && mapping->lease != LEASE_NONE)
        due_ms = proxy_sooner(p, due_ms, lease_gone_ms(mapping));
    return due_ms;
}

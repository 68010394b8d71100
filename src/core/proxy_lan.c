/* Requests from the LAN: what they want, and the answers that are owed. */
#include "core/proxy_parts.h"

#include <assert.h>

static_assert(2 * CLIENT_MAPPINGS_MAX * WAITERS_PER_REQUEST_MAX <= WAITERS_MAX + 1,
              "one client leaves half of the waiters to the others");

enum {
    /* libtorrent's last copy comes after 9 s, libnatpmp's longest pause within the first seven is 8 s. */
    COPIES_MAX_MS = 10 * 1000,
};

static struct reply_path path_of(const struct waiter *waiter)
{
    return (struct reply_path){.to = waiter->from, .from = waiter->to, .interface = waiter->interface};
}

static struct waiter waiter_of(const struct event *event)
{
    return (struct waiter){
        .from = event->lan.from,
        .to = event->lan.to,
        .interface = event->lan.interface,
        .since_ms = event->now_ms,
    };
}

/* ---- external address ---- */

/* Section 3.2: what holds now [G-09] [N-04]; without an address result 3 [N-02]. */
static void reply_address(struct proxy *p, const struct waiter *waiter, struct actions *out)
{
    struct reply_path path = path_of(waiter);
    enum natpmp_result result = p->upstream.address_known ? NATPMP_SUCCESS : NATPMP_NETWORK_FAILURE;
    server_reply_address(&p->server, &path, result, p->upstream.address, p->now_ms, out);
}

/* An address reply ahead of the answer to a MAP makes libtorrent forget the MAP: any packet from the gateway
 * ends its retransmission. So it waits until no MAP of this client is in work. */
static bool address_must_wait(const struct proxy *p, uint16_t c)
{
    return !p->upstream.address_known || (c != 0 && p->tables.client[c].working > 0);
}

static void request_address(struct proxy *p, const struct event *event, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    struct waiter waiter = waiter_of(event);
    uint16_t c = client_find(t, event->lan.from.address);
    if (!address_must_wait(p, c)) {
        reply_address(p, &waiter, out);
        return;
    }
    if (!p->upstream.address_known)
        upstream_want_address(&p->upstream, p->now_ms);
    c = client_take(t, event->lan.from.address);
    if (c == 0)
        return;
    waiter_add(t, &t->client[c].address_waiters, &waiter);
    if (t->client[c].address_waiters == 0)
        client_release(t, c);
    else if (!list_has(&t->address_waiting, t->address_waiting_link, c))
        list_push(&t->address_waiting, t->address_waiting_link, c);
}

static void answer_address(struct proxy *p, uint16_t c, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    struct waiter waiter;
    while (waiter_take(t, &t->client[c].address_waiters, &waiter))
        reply_address(p, &waiter, out);
    list_remove(&t->address_waiting, t->address_waiting_link, c);
    client_release(t, c);
}

static uint64_t address_due_ms(const struct proxy *p, uint16_t c)
{
    return p->tables.waiter[p->tables.client[c].address_waiters].since_ms + ANSWER_MS;
}

void proxy_pump_addresses(struct proxy *p, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    uint16_t c = t->address_waiting.first;
    while (c != 0 && actions_room(out) && address_due_ms(p, c) <= p->now_ms) {
        answer_address(p, c, out);
        c = t->address_waiting.first;
    }
    if (!p->address_flush)
        return;
    while (c != 0 && actions_room(out)) {
        uint16_t next = t->address_waiting_link[c].next;
        if (!address_must_wait(p, c))
            answer_address(p, c, out);
        c = next;
    }
    p->address_flush = c != 0;
    p->more = p->more || p->address_flush;
}

uint64_t proxy_addresses_deadline_ms(const struct proxy *p)
{
    uint16_t c = p->tables.address_waiting.first;
    return c == 0 ? UINT64_MAX : address_due_ms(p, c);
}

/* ---- answers ---- */

void proxy_answer(struct proxy *p, uint16_t m, enum natpmp_result result, uint16_t external_port,
                  uint32_t lifetime_s, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    struct mapping *mapping = mapping_at(t, m);
    struct waiter waiter;
    while (waiter_take(t, &mapping->waiters, &waiter)) {
        struct reply_path path = path_of(&waiter);
        server_reply_map(&p->server, &path, (enum natpmp_protocol)mapping->protocol, result,
                         mapping->internal_port, external_port, lifetime_s, p->now_ms, out);
    }
    mapping_set_work(t, m, WORK_NONE);
    const struct client *client = &t->client[mapping->client];
    if (client->working == 0 && client->address_waiters != 0 && p->upstream.address_known)
        answer_address(p, mapping->client, out);
}

/* ---- creating and renewing ---- */

/* Names the port that was asked, and no mapping. */
static void refuse(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                   enum natpmp_result result, struct actions *out)
{
    struct waiter waiter = waiter_of(event);
    struct reply_path path = path_of(&waiter);
    server_reply_map(&p->server, &path, request->protocol, result, request->internal_port, 0, 0, p->now_ms,
                     out);
}

/* The record of this request, found, woken or made; 0: there is no room for it. Its key is the source of the
 * packet [M-12], the protocol and the internal port: what was suggested before does not matter [M-13]. */
static uint16_t take_mapping(struct proxy *p, uint32_t address, const struct natpmp_request *request)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = mapping_find(t, address, request->protocol, request->internal_port);
    uint16_t c = client_find(t, address);
    unsigned limit = p->config.client_mappings_max;
    bool live = m != 0 && mapping_at(t, m)->wanted;
    if (!live && request->lifetime_s > 0 && c != 0 && t->client[c].live >= limit)
        return 0;
    if (m != 0)
        return m;
    /* With those at rest: what a client gave up must not take the ports of the others. */
    if (c != 0 && t->client[c].records >= 2 * limit && !mapping_free_resting_of(t, c))
        return 0;
    return mapping_new(t, address, request->protocol, request->internal_port);
}

/* Told once, until one of its mappings ends; record 0 stands for hosts that have no record. */
static void report_full(struct proxy *p, uint32_t address, struct actions *out)
{
    uint16_t c = client_find(&p->tables, address);
    struct client *client = &p->tables.client[c];
    if (client->full_told)
        return;
    client->full_told = true;
    actions_log(out, LOG_LEVEL_WARN, "mapping",
                "no room for another mapping client=%s mappings=%u MAX_MAPPINGS_PER_CLIENT=%u",
                address_text(address).text, (unsigned)client->live, (unsigned)p->config.client_mappings_max);
}

/* RFC 6886 section 3.3: a copy of a request gets the same answer. Mono.Nat sends one too many, and an answer
 * may have been lost or be on its way; the gateway was asked for it just now. */
static bool is_copy(const struct proxy *p, const struct mapping *mapping,
                    const struct natpmp_request *request)
{
    uint64_t told_for_ms = mapping->told_until_ms - mapping->told_ms;
    uint64_t copies_for_ms = told_for_ms / 4 < COPIES_MAX_MS ? told_for_ms / 4 : COPIES_MAX_MS;
    return mapping->wanted && mapping->lease == LEASE_GRANTED && mapping->lease_sure_ms > p->now_ms &&
           request->lifetime_s == mapping->asked_s && mapping->told_until_ms > p->now_ms &&
           p->now_ms < mapping->told_ms + copies_for_ms;
}

/* The gateway granted less than was asked, and the client comes back only now that it is over: Transmission
 * before 4.0 renews every 20 minutes, Syncthing every 30, whatever they were told. */
static void note_late(struct proxy *p, uint16_t m, struct actions *out)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    struct client *client = &p->tables.client[mapping->client];
    bool late = mapping->told_until_ms != 0 && mapping->told_until_ms <= p->now_ms &&
                mapping->told_until_ms < proxy_hold_ends_ms(mapping);
    if (!late || client->late || mapping->work != WORK_NONE || p->config.lease_hold != LEASE_HOLD_AUTO)
        return;
    client->late = true;
    actions_log(out, LOG_LEVEL_INFO, "mapping",
                "a client renews later than it is told to: from now on its mappings are kept for as long as "
                "it asks, at most two hours client=%s told=%u",
                address_text(client->address).text,
                (unsigned)((mapping->told_until_ms - mapping->told_ms) / 1000));
}

static void begin_map(struct proxy *p, uint16_t m, const struct natpmp_request *request)
{
    struct mapping_tables *t = &p->tables;
    struct mapping *mapping = mapping_at(t, m);
    if (mapping->work == WORK_NONE) { /* else it is a copy of what is in work [M-14] */
        mapping->again = is_copy(p, mapping, request);
        mapping_set_work(t, m, WORK_MAP);
        mapping->work_since_ms = p->now_ms;
        mapping->suggested_port = request->external_port;
        mapping->need_grant = mapping->need_grant || !mapping->again;
        mapping->refusal = 0;
        mapping->conflicts = 0;
        mapping->moves = 0;
        mapping->moved_from = 0;
        mapping->gateway_result = 0;
        mapping->ask_failures = mapping->again ? mapping->ask_failures : 0;
        if (!mapping->again)
            mapping_set_ask_retry(t, mapping, 0);
        mapping_set_rule_retry(t, mapping, 0);
        mapping_set_wanted(t, m, true);
        if (mapping->asking && !mapping->again)
            upstream_again(&p->upstream, request->protocol, proxy_wire_port(p, mapping, false), p->now_ms);
    }
    mapping->asked_s = request->lifetime_s;
    mapping_touch(t, m);
}

static void request_map(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                        struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    uint32_t address = event->lan.from.address;
    if (request->internal_port == 0) {
        /* Section 3.3 gives it no meaning with a lifetime, and some gateways do strange things with it
         * [M-24]. */
        refuse(p, event, request, NATPMP_NOT_AUTHORIZED, out);
        return;
    }
    uint16_t m = take_mapping(p, address, request);
    if (m == 0) {
        report_full(p, address, out);
        refuse(p, event, request, NATPMP_OUT_OF_RESOURCES, out); /* */
        return;
    }
    struct mapping *mapping = mapping_at(t, m);
    if (!mapping->wanted && mapping_trouble(t, mapping)->refused_until_ms > p->now_ms) {
        refuse(p, event, request, (enum natpmp_result)mapping->refusal, out);
        return;
    }
    mapping_wake(t, m);
    if (mapping->work == WORK_DELETE)
        proxy_answer(p, m, NATPMP_SUCCESS, 0, 0, out); /* the newer request wins [D-16] */
    if (mapping->delete_all)
        proxy_delete_all_progress(p, m, NATPMP_SUCCESS, out);
    struct waiter waiter = waiter_of(event);
    waiter.lifetime_s = request->lifetime_s;
    waiter_add(t, &mapping->waiters, &waiter);
    note_late(p, m, out);
    begin_map(p, m, request);
}

/* ---- deleting ---- */

/* Nothing forwards to the client any more, and nothing is about to. */
static bool is_gone(const struct mapping *mapping)
{
    return !mapping->wanted && mapping->rule == RULE_ABSENT;
}

static void begin_delete(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    mapping_wake(&p->tables, m);
    mapping_set_wanted(&p->tables, m, false); /* also while it is being made [D-15] */
    proxy_end_promise(mapping);
    mapping->moving = false;
    if (mapping->work != WORK_DELETE) {
        p->address_flush = true; /* what waited behind the mapping need not wait for its end */
        mapping_set_work(&p->tables, m, WORK_DELETE);
        mapping->work_since_ms = p->now_ms;
    }
    mapping_set_rule_retry(&p->tables, mapping, 0);
    mapping_touch(&p->tables, m);
}

/* Before the first snapshot a rule of an earlier run may be there: the record keeps the request until it is
 * known. Internal port 0 stands for all of this client and protocol. */
static void hold_delete(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                        struct actions *out)
{
    uint16_t m = take_mapping(p, event->lan.from.address, request);
    if (m == 0) {
        refuse(p, event, request, NATPMP_OUT_OF_RESOURCES, out);
        return;
    }
    struct waiter waiter = waiter_of(event);
    waiter_add(&p->tables, &mapping_at(&p->tables, m)->waiters, &waiter);
    begin_delete(p, m);
}

bool proxy_begin_held_delete(struct proxy *p, uint16_t m)
{
    struct mapping *mapping = mapping_at(&p->tables, m);
    uint16_t all =
        mapping_find(&p->tables, mapping_address(&p->tables, m), (enum natpmp_protocol)mapping->protocol, 0);
    if (mapping->work == WORK_MAP || (all == 0 && mapping->work != WORK_DELETE))
        return false; /* what is asked for now was asked for later [D-16] */
    mapping->delete_all = mapping->delete_all || all != 0;
    begin_delete(p, m);
    return true;
}

/* Of this source only [D-01] [D-12]; the suggested port is not looked at [D-02]. */
static void request_delete(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                           struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    if (p->adopting) {
        hold_delete(p, event, request, out);
        return;
    }
    uint16_t m = mapping_find(t, event->lan.from.address, request->protocol, request->internal_port);
    if (m == 0 || is_gone(mapping_at(t, m))) {
        refuse(p, event, request, NATPMP_SUCCESS, out); /* section 3.4: as if it had worked [D-04] [D-05] */
        return;
    }
    struct waiter waiter = waiter_of(event);
    waiter_add(t, &mapping_at(t, m)->waiters, &waiter);
    begin_delete(p, m);
}

/* Internal port 0 means all mappings of this client and this protocol (section 3.4 [D-08]), whatever port is
 * suggested [D-14]. It is never passed on: to the gateway we are one client. */
static void request_delete_all(struct proxy *p, const struct event *event,
                               const struct natpmp_request *request, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    uint16_t c = client_find(t, event->lan.from.address);
    unsigned pending = 0;
    for (uint16_t m = c != 0 ? t->client[c].mappings.first : 0; m != 0; m = t->of_client[m].next) {
        struct mapping *mapping = mapping_at(t, m);
        if (mapping->protocol != (unsigned)request->protocol || is_gone(mapping))
            continue;
        mapping->delete_all = true;
        begin_delete(p, m);
        pending++;
    }
    if (p->adopting) {
        hold_delete(p, event, request, out);
        return;
    }
    if (pending == 0) {
        refuse(p, event, request, NATPMP_SUCCESS, out);
        return;
    }
    struct waiter waiter = waiter_of(event);
    waiter_add(t, &t->client[c].delete_all_waiters[request->protocol], &waiter);
}

/* The last one that is gone answers with success [D-11], the first failure at once, and the others go all the
 * same [D-10]. */
void proxy_delete_all_progress(struct proxy *p, uint16_t m, enum natpmp_result result, struct actions *out)
{
    struct mapping_tables *t = &p->tables;
    struct mapping *done = mapping_at(t, m);
    uint16_t c = done->client;
    enum natpmp_protocol protocol = (enum natpmp_protocol)done->protocol;
    done->delete_all = false;
    for (uint16_t i = t->client[c].mappings.first; i != 0; i = t->of_client[i].next) {
        struct mapping *mapping = mapping_at(t, i);
        if (mapping->protocol != (unsigned)protocol || !mapping->delete_all)
            continue;
        if (result == NATPMP_SUCCESS)
            return; /* the answer waits for the last one */
        mapping->delete_all = false;
    }
    uint16_t held = mapping_find(t, t->client[c].address, protocol, 0);
    if (held != 0)
        mapping_touch(t, held);
    struct waiter waiter;
    while (waiter_take(t, &t->client[c].delete_all_waiters[protocol], &waiter)) {
        struct reply_path path = path_of(&waiter);
        server_reply_map(&p->server, &path, protocol, result, 0, 0, 0, p->now_ms, out); /* port 0 [D-09] */
    }
}

/* ---- all requests ---- */

void proxy_lan_request(struct proxy *p, const struct event *event, struct actions *out)
{
    const struct endpoint *from = &event->lan.from;
    /* Section 3.8: who is about to go is no NAT any more [G-12]. */
    if (p->stopping || !server_admits(from, event->lan.to)) {
        p->server.dropped++;
        return;
    }
    if (from->address == p->config.gateway || router_has_address(&p->router, from->address)) {
        p->server.dropped++;
        server_report_hidden(&p->server, from->address, p->now_ms, out);
        return;
    }
    struct waiter waiter = waiter_of(event);
    struct reply_path path = path_of(&waiter);
    struct natpmp_request request;
    if (!server_receive(&p->server, event->lan.bytes, &path, p->now_ms, &request, out))
        return;
    if (request.lifetime_s > LIFETIME_MAX_S)
        request.lifetime_s = LIFETIME_MAX_S;
    if (request.type == NATPMP_REQUEST_ADDRESS)
        request_address(p, event, out);
    else if (request.lifetime_s > 0)
        request_map(p, event, &request, out);
    else if (request.internal_port != 0)
        request_delete(p, event, &request, out);
    else
        request_delete_all(p, event, &request, out);
}

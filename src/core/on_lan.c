#include "core/on_lan.h"

#include <assert.h>

#include "core/budget.h"
#include "core/deletion.h"
#include "core/reply.h"
#include "core/statics.h"
#include "core/strategy.h"
#include "core/target.h"

static_assert(2 * CLIENT_MAPPINGS_MAX * PENDING_PER_REQUEST_MAX <= PENDING_REPLIES_MAX + 1,
              "one client leaves half of the pending replies to the others");

enum {
    /* libtorrent sends its last retransmission after 9 s. The longest pause between the first seven requests
     * of libnatpmp is 8 s. */
    RETRANSMISSIONS_MAX_MS = 10 * 1000,
};

static void wait_for_job(struct proxy *p, uint16_t m, const struct event *event)
{
    struct pending_reply reply = reply_to(event);
    job_add_pending(&p->tables, m, &reply);
}

/* ---- creating and renewing ---- */

/* Logs this once, until one of the client's mappings ends. */
static void report_client_full(struct proxy *p, struct client *client, const struct step *step)
{
    if (!first_time(&client->full_noted))
        return;
    actions_log(step->out, LOG_LEVEL_WARN, "mapping",
                "the client has as many mappings as it may have; more are refused client=%s mappings=%u "
                "MAX_MAPPINGS_PER_CLIENT=%u",
                address_text(client->address).text, (unsigned)client->live,
                (unsigned)p->config.client_mappings_max);
}

/* Logs this once, until half of the room is free. */
static void report_full(struct proxy *p, uint32_t address, const struct step *step)
{
    struct client *client = &p->tables.client[client_find(&p->tables, address)];
    unsigned limit = p->config.client_mappings_max;
    if (client->live >= limit || client->records >= 2 * limit)
        report_client_full(p, client, step);
    else if (first_time(&p->full_noted))
        actions_log(step->out, LOG_LEVEL_WARN, "mapping",
                    "the hosts have as many mappings as they may have; new ones are refused until some end "
                    "mappings=%u MAX_MAPPINGS=%u clients=\"%s\" fix=\"check what runs on these hosts\"",
                    (unsigned)p->tables.live, (unsigned)p->config.mappings_max,
                    budget_holders(&p->tables, false).text);
}

static bool is_old(const struct mapping *mapping, uint64_t now_ms)
{
    return promise_lives(mapping, now_ms) &&
           mapping->rule.added_ms + UINT64_C(1000) * MAPPINGS_KEPT_AGE_S <= now_ms;
}

static bool has_old_mapping(const struct mapping_tables *t, uint16_t c, uint64_t now_ms)
{
    uint16_t m = c != 0 ? t->client[c].mappings.first : 0;
    while (m != 0 && !is_old(&t->mapping[m], now_ms))
        m = t->of_client[m].next;
    return m != 0;
}

/* True if there is room for another mapping of this client. A host that invents source addresses cannot take
 * the last share of it from the hosts that had a mapping before. */
static bool has_room(struct proxy *p, uint16_t c, const struct step *step)
{
    unsigned used = (unsigned)p->tables.records - p->tables.quarantined;
    unsigned all = p->config.mappings_max;
    p->full_noted = p->full_noted && used > all / 2;
    return used < all - all / MAPPINGS_KEPT_SHARE ||
           (used < all && has_old_mapping(&p->tables, c, step->now_ms));
}

/* Returns the record of this request, which may be a new one or one in quarantine; 0: there is no room. The
 * key is the source address of the packet [M-12], the protocol and the internal port. The suggested port is
 * not a part of the key [M-13]. */
static uint16_t take_mapping(struct proxy *p, uint32_t address, const struct natpmp_request *request,
                             const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t m = mapping_find(t, address, request->protocol, request->internal_port);
    uint16_t c = client_find(t, address);
    unsigned limit = p->config.client_mappings_max;
    bool live = m != 0 && mapping_at(t, m)->wanted;
    if (!live && request->lifetime_s > 0 && c != 0 && t->client[c].live >= limit)
        return 0;
    if ((m == 0 || mapping_is_quarantined(t, m)) && !has_room(p, c, step))
        return 0;
    if (m != 0)
        return m;
    /* This limit includes the records in quarantine. Without it, a client that requests and deletes mappings
     * again and again could take the router ports of all other clients. */
    if (c != 0 && t->client[c].records >= 2 * limit && !mapping_free_quarantined_of(t, c))
        return 0;
    return mapping_new(t, address, request->protocol, request->internal_port);
}

/* RFC 6886 section 3.3: a retransmission gets the same answer. Mono.Nat sends one request too many, and the
 * answer to an earlier one may be lost or still on its way. The gateway is not asked again, because it has
 * just granted the lease. */
static bool is_repeated(const struct mapping *mapping, const struct natpmp_request *request, uint64_t now_ms)
{
    const struct promise *promise = &mapping->promise;
    uint64_t retransmissions_for_ms = earlier_ms(promise_lifetime_ms(mapping) / 4, RETRANSMISSIONS_MAX_MS);
    return mapping->wanted && lease_left_ms(mapping, now_ms) > 0 &&
           request->lifetime_s == mapping->job.asked_s && promise->advertised_until_ms > now_ms &&
           now_ms < promise->advertised_ms + retransmissions_for_ms;
}

/* Recognizes a client that renews only after its lifetime has ended, because the gateway granted less than
 * the client requested. Transmission before 4.0 renews every 20 minutes and Syncthing every 30, whatever
 * lifetime they were granted. */
static void note_late(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    struct client *client = &p->tables.client[mapping->client];
    if (client->late || mapping->job.kind != JOB_NONE || p->config.lease_hold != LEASE_HOLD_AUTO ||
        !promise_was_outlived(mapping, step->now_ms))
        return;
    client->late = true;
    actions_log(step->out, LOG_LEVEL_INFO, "mapping",
                "the client renewed too late; its mappings are kept from now on, for the lifetime that it "
                "requests (2 h at most) client=%s advertised=%u",
                address_text(client->address).text, (unsigned)(promise_lifetime_ms(mapping) / 1000));
}

static void begin_map(struct proxy *p, uint16_t m, const struct natpmp_request *request,
                      const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    /* A request that arrives while the same one is in work is a retransmission [M-14]. */
    if (mapping->job.kind == JOB_NONE) {
        bool again = is_repeated(mapping, request, step->now_ms);
        job_begin_map(t, m, request, again, step->now_ms);
        bool from_memory =
            proxy_is_contradicted(p, step->now_ms) && lease_is_answered_from_memory(mapping, step->now_ms);
        bool asks = !again && !from_memory;
        lease_begin(t, m, asks);
        rule_hurry(t, m);
        if (!mapping->wanted && !router_is_ready(&p->router) &&
            rule_on_wanted_blindly(t, m, p->router.snapshot))
            router_resync(&p->router, step->now_ms); /* a snapshot that runs may have shown the rule */
        mapping_set_wanted(t, m, true);
        if (mapping->lease.asking && asks)
            upstream_again(&p->upstream, request->protocol, p->strategy->request_port(mapping), step->now_ms);
    }
    job_set_lifetime(t, m, request->lifetime_s);
    mapping_touch(t, m);
}

/* At the end of the step `drive` asks the touched mapping what it needs, and answers the client. */
static void request_map(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                        const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint32_t address = event->lan.from.address;
    if (request->internal_port == 0 || target_refused(p, address) != TARGET_ALLOWED) {
        /* RFC 6886 section 3.3 does not define internal port 0 with a lifetime, and gateways handle it in
         * different ways [M-24]. */
        reply_at_once(p, event, request, NATPMP_NOT_AUTHORIZED, step);
        return;
    }
    uint16_t m = take_mapping(p, address, request, step);
    if (m == 0) {
        report_full(p, address, step);
        reply_at_once(p, event, request, NATPMP_OUT_OF_RESOURCES, step); /* */
        return;
    }
    const struct mapping *mapping = mapping_at(t, m);
    if (!mapping->wanted && mapping->job.refused_until_ms > step->now_ms) {
        reply_at_once(p, event, request, (enum natpmp_result)mapping->job.refusal, step);
        return;
    }
    mapping_wake(t, m);
    if (mapping->job.kind == JOB_DELETE)
        reply_to_job(p, m, NATPMP_SUCCESS, 0, 0, step); /* the new request replaces the deletion [D-16] */
    if (mapping->job.delete_all)
        deletion_progress(p, m, NATPMP_SUCCESS, step);
    wait_for_job(p, m, event);
    note_late(p, m, step);
    begin_map(p, m, request, step);
}

/* ---- deleting ---- */

/* Before the first snapshot, a rule of an earlier run may still be on the router. The record keeps the
 * deletion until the snapshot has shown that rule. Internal port 0 stands for all mappings of this client and
 * protocol. */
static void keep_delete(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                        const struct step *step)
{
    uint16_t m = take_mapping(p, event->lan.from.address, request, step);
    if (m == 0) {
        reply_at_once(p, event, request, NATPMP_OUT_OF_RESOURCES, step);
        return;
    }
    wait_for_job(p, m, event);
    deletion_begin(p, m, step);
}

/* A client can delete only its own mappings [D-01] [D-12]. The suggested port is ignored [D-02]. */
static void request_delete(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                           const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    /* Section 3.4: nobody but the operator deletes what the operator configured [D-07]. */
    if (statics_has(p, event->lan.from.address, request->protocol, request->internal_port)) {
        reply_at_once(p, event, request, NATPMP_NOT_AUTHORIZED, step);
        return;
    }
    if (p->adopting) {
        keep_delete(p, event, request, step);
        return;
    }
    uint16_t m = mapping_find(t, event->lan.from.address, request->protocol, request->internal_port);
    if (m == 0 || deletion_is_done(mapping_at(t, m))) {
        reply_at_once(p, event, request, NATPMP_SUCCESS,
                      step); /* section 3.4: success also without a mapping [D-04] [D-05] */
        return;
    }
    wait_for_job(p, m, event);
    deletion_begin(p, m, step);
}

/* Internal port 0 means all mappings of this client and this protocol (section 3.4 [D-08]), whatever the
 * suggested port is [D-14]. Static mappings are not the client's: if the host has one, the others are
 * deleted, and the reply is an error [D-07] [D-10]. The daemon never sends such a deletion to the gateway,
 * because the gateway would delete the mappings of all clients. */
static void request_delete_all(struct proxy *p, const struct event *event,
                               const struct natpmp_request *request, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t c = client_find(t, event->lan.from.address);
    unsigned ending = 0;
    bool statics = statics_has(p, event->lan.from.address, request->protocol, 0);
    for (uint16_t m = c != 0 ? t->client[c].mappings.first : 0; m != 0; m = t->of_client[m].next) {
        const struct mapping *mapping = mapping_at(t, m);
        if (mapping_protocol(mapping) != request->protocol || deletion_is_done(mapping) || mapping->is_static)
            continue;
        job_set_delete_all(t, m, !statics);
        deletion_begin(p, m, step);
        ending++;
    }
    if (p->adopting) {
        keep_delete(p, event, request, step);
        return;
    }
    if (ending == 0 || statics) {
        reply_at_once(p, event, request, statics ? NATPMP_NOT_AUTHORIZED : NATPMP_SUCCESS, step);
        return;
    }
    struct pending_reply reply = reply_to(event);
    pending_add(t, &t->client[c].delete_all_pending[request->protocol], &reply);
}

/* ---- all requests ---- */

void on_lan(struct proxy *p, const struct event *event, const struct step *step)
{
    const struct endpoint *from = &event->lan.from;
    /* Section 3.8: a gateway that ends its service does not answer any more [G-12]. */
    if (p->stopping || !server_admits(from, event->lan.to)) {
        p->server.dropped++;
        return;
    }
    bool hidden = from->address == p->config.gateway || router_has_address(&p->router, from->address);
    if (hidden || router_is_broadcast(&p->router, from->address)) {
        p->server.dropped++;
        if (hidden)
            server_report_hidden(&p->server, from->address, step);
        return;
    }
    target_note_own(p, event->lan.to);
    struct pending_reply reply = reply_to(event);
    struct natpmp_request request;
    if (!server_receive(&p->server, event->lan.bytes, &reply.path, &request, step))
        return;
    if (request.lifetime_s > LIFETIME_MAX_S)
        request.lifetime_s = LIFETIME_MAX_S;
    if (request.type == NATPMP_REQUEST_ADDRESS)
        reply_address_request(p, event, step);
    else if (request.lifetime_s > 0)
        request_map(p, event, &request, step);
    else if (request.internal_port != 0)
        request_delete(p, event, &request, step);
    else
        request_delete_all(p, event, &request, step);
}

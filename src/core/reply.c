#include "core/reply.h"

#include "core/job_answer.h"

struct pending_reply reply_to(const struct event *event)
{
    struct reply_path path = {
        .to = event->lan.from, .from = event->lan.to, .interface = event->lan.interface};
    return (struct pending_reply){.path = path, .since_ms = event->now_ms};
}

/* ---- external address ---- */

/* RFC 6886 section 3.2: the reply contains the address that is known now [G-09] [N-04], or result 3 if no
 * address is known [N-02]. */
static void answer_address(struct proxy *p, const struct pending_reply *reply, const struct step *step)
{
    uint32_t address = upstream_external(&p->upstream);
    enum natpmp_result result = address != 0 ? NATPMP_SUCCESS : NATPMP_NETWORK_FAILURE;
    server_reply_address(&p->server, &reply->path, result, address, step);
}

/* libtorrent stops the retransmission of its MAP request when it receives any packet from its gateway. An
 * address reply would therefore end a MAP request that has not been answered, so the reply waits until no MAP
 * request of this client is in work. It also waits for the gateway's first answer, unless the gateway is
 * known not to answer. */
static bool address_must_wait(const struct proxy *p, uint16_t c)
{
    return !upstream_external_is_decided(&p->upstream) || p->tables.client[c].map_jobs > 0;
}

void reply_address_request(struct proxy *p, const struct event *event, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    struct pending_reply reply = reply_to(event);
    uint16_t c = client_find(t, event->lan.from.address);
    if (upstream_external(&p->upstream) == 0)
        upstream_want_address(&p->upstream, step->now_ms);
    if (!address_must_wait(p, c)) {
        answer_address(p, &reply, step);
        return;
    }
    c = client_take(t, event->lan.from.address);
    if (c == 0)
        return;
    pending_add(t, &t->client[c].address_pending, &reply);
    if (t->client[c].address_pending == 0)
        client_release(t, c);
    else
        list_push(&t->address_waiting, t->address_waiting_link, c);
}

static void answer_addresses(struct proxy *p, uint16_t c, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    struct pending_reply reply;
    while (pending_take(t, &t->client[c].address_pending, &reply))
        answer_address(p, &reply, step);
    list_remove(&t->address_waiting, t->address_waiting_link, c);
    client_release(t, c);
}

static uint64_t address_due_ms(const struct proxy *p, uint16_t c)
{
    return p->tables.pending[p->tables.client[c].address_pending].since_ms + ANSWER_MS;
}

void reply_pump_addresses(struct proxy *p, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    uint16_t c = t->address_waiting.first;
    while (c != 0 && actions_room(step->out) && address_due_ms(p, c) <= step->now_ms) {
        answer_addresses(p, c, step);
        c = t->address_waiting.first;
    }
    if (!p->address_flush)
        return;
    while (c != 0 && actions_room(step->out)) {
        uint16_t next = t->address_waiting_link[c].next;
        if (!address_must_wait(p, c))
            answer_addresses(p, c, step);
        c = next;
    }
    p->address_flush = c != 0;
    p->more = p->more || p->address_flush;
}

uint64_t reply_addresses_due_ms(const struct proxy *p)
{
    uint16_t c = p->tables.address_waiting.first;
    return c == 0 ? UINT64_MAX : address_due_ms(p, c);
}

/* ---- mappings ---- */

void reply_at_once(struct proxy *p, const struct event *event, const struct natpmp_request *request,
                   enum natpmp_result result, const struct step *step)
{
    struct pending_reply reply = reply_to(event);
    server_reply_map(&p->server, &reply.path, request->protocol, result, request->internal_port, 0, 0, step);
}

void reply_to_job(struct proxy *p, uint16_t m, enum natpmp_result result, uint16_t external_port,
                  uint32_t lifetime_s, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    struct pending_reply reply;
    while (job_take_pending(t, m, &reply)) {
        server_reply_map(&p->server, &reply.path, mapping_protocol(mapping), result, mapping->internal_port,
                         external_port, lifetime_s, step);
    }
    job_end(t, m);
    if (t->client[mapping->client].address_pending != 0 && !address_must_wait(p, mapping->client))
        answer_addresses(p, mapping->client, step);
}

void reply_to_delete_all(struct proxy *p, uint16_t c, enum natpmp_protocol protocol,
                         enum natpmp_result result, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    struct pending_reply reply;
    while (pending_take(t, &t->client[c].delete_all_pending[protocol], &reply)) {
        server_reply_map(&p->server, &reply.path, protocol, result, 0, 0, 0, step); /* port 0 [D-09] */
    }
}

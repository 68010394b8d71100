/* What the clients request. */
#include "book.h"

#include <string.h>

#include "bytes.h"

enum {
    WAITING_ANSWERED = 8, /* more sources that wait for one mapping may get no answer */
    RETRANSMISSIONS_MAX_MS = 10000,
};

static struct book_request *add_request(struct book *b, uint64_t now_ms, uint32_t from, uint16_t from_port,
                                        uint16_t internal_port, unsigned kind)
{
    struct book_request wanted = {.kind = kind,
                                  .process = b->process,
                                  .address = from,
                                  .source_port = from_port,
                                  .internal_port = internal_port};
    struct book_request *request = book_take_request(b, &wanted);

    if (request->first_ms == 0) {
        request->first_ms = now_ms;
        request->lifetime_s = 0;
        request->overtaken = false;
        request->more = 0;
        b->requests_live++;
    } else if (request->overtaken) {
        request->more++;
    }
    return request;
}

/* A later request has overtaken the requests for that mapping, so they need not be answered in time any more.
 * Port 0: for all mappings of the client and the protocol. */
static void overtake(struct book *b, uint32_t address, uint16_t internal_port, unsigned kind)
{
    for (size_t i = 0; i < b->requests_room; i++) {
        struct book_request *request = &b->requests[i];

        if (request->used && request->kind == kind && request->address == address &&
            (internal_port == 0 || request->internal_port == internal_port))
            request->overtaken = true;
    }
}

static void note_deletion(struct book *b, uint64_t now_ms, uint32_t address, bool tcp, uint16_t internal_port)
{
    for (size_t i = 0; i < b->mappings_room; i++) {
        struct book_mapping *m = &b->mappings[i];

        /* A static mapping is not its client's to delete. */
        if (!m->used || m->tcp != tcp || m->address != address || m->is_static ||
            (internal_port != 0 && m->port != internal_port))
            continue;
        book_give_up(b, m);
        m->deleted_ms = now_ms;
        m->work_ms = 0;
        m->doubtful = true;
    }
}

/* RFC 6886 section 3.3: the same request again, a moment after its answer. */
static bool may_be_repeated(const struct book_mapping *m, uint64_t told_ms, uint64_t until_ms,
                            uint64_t now_ms)
{
    uint64_t copies_ms = (m->until_ms - m->told_ms) / 4;

    if (copies_ms > RETRANSMISSIONS_MAX_MS)
        copies_ms = RETRANSMISSIONS_MAX_MS;
    return until_ms > now_ms && m->asked_s == m->told_asked_s && now_ms < told_ms + copies_ms;
}

/* The answer to it still holds. */
bool book_still_holds(const struct book *b, const struct book_mapping *m, uint64_t now_ms)
{
    const struct book_rule *rule = book_rule_of(b, m->address, m->tcp, m->port);
    const struct book_lease *lease = rule ? book_lease_of(b, rule->tcp, rule->router_port) : NULL;

    return !m->doubtful && book_told_by_us(b, m) && lease && book_lease_is_sure(b, lease, now_ms) &&
           lease->grant[0].port == m->external_port;
}

static void note_map(struct book *b, uint64_t now_ms, uint32_t from, uint16_t from_port, const uint8_t *bytes)
{
    bool tcp = bytes[1] == 2;
    uint16_t internal_port = get16(bytes + 4);
    uint32_t lifetime_s = get32(bytes + 8);
    struct book_request *request;
    struct book_mapping *m;

    if (lifetime_s == 0) {
        overtake(b, from, internal_port, tcp ? BOOK_KIND_CREATE_TCP : BOOK_KIND_CREATE_UDP);
        (void)add_request(b, now_ms, from, from_port, internal_port,
                          tcp ? BOOK_KIND_DELETE_TCP : BOOK_KIND_DELETE_UDP);
        note_deletion(b, now_ms, from, tcp, internal_port);
        return;
    }
    request = add_request(b, now_ms, from, from_port, internal_port,
                          tcp ? BOOK_KIND_CREATE_TCP : BOOK_KIND_CREATE_UDP);
    if (lifetime_s > request->lifetime_s)
        request->lifetime_s = lifetime_s;
    if (internal_port == 0)
        return;
    m = book_take_mapping(b, from, tcp, internal_port);
    if (m->asked_ms <= m->deleted_ms && m->deleted_ms != 0)
        overtake(b, from, internal_port, tcp ? BOOK_KIND_DELETE_TCP : BOOK_KIND_DELETE_UDP);
    m->asked_ms = now_ms;
    m->asked_s = lifetime_s;
    if (m->work_ms == 0) {
        m->adopted = m->adopted && m->rule_generation == b->rule_generation;
        m->work_ms = now_ms;
        m->work_by = b->process;
        m->longest_s = 0;
        m->waiting = 0;
        m->suggested = get16(bytes + 6);
        m->repeats = may_be_repeated(m, m->last_told_ms, m->last_until_ms, now_ms);
        m->must_repeat =
            may_be_repeated(m, m->first_told_ms, m->until_ms, now_ms) && book_still_holds(b, m, now_ms);
    }
    if (lifetime_s > m->longest_s)
        m->longest_s = lifetime_s;
    if (request->first_ms == now_ms && ++m->waiting > WAITING_ANSWERED)
        request->overtaken = true;
}

uint64_t book_hash(const uint8_t *bytes, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 4; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

void book_request(struct book *b, uint64_t now_ms, uint32_t from, uint16_t from_port, const uint8_t *bytes,
                  size_t len)
{
    struct book_request *request;

    if (len < 2 || bytes[1] >= 128 || b->own.stopping)
        return;
    if (bytes[0] != 0) {
        (void)add_request(b, now_ms, from, from_port, 0, BOOK_KIND_VERSION);
    } else if (bytes[1] == 0) {
        (void)add_request(b, now_ms, from, from_port, 0, BOOK_KIND_ADDRESS);
    } else if (bytes[1] > 2) {
        request = add_request(b, now_ms, from, from_port, 0, BOOK_KIND_OPCODE);
        request->len = len;
        request->bytes_hash = book_hash(bytes, len);
    } else if (len >= 12) {
        note_map(b, now_ms, from, from_port, bytes);
    }
}

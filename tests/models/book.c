/* The LAN's side of the book: what the daemon answers. */
#include "book.h"

#include <inttypes.h>
#include <string.h>

#include "bytes.h"

enum {
    MEMORY_MS = 200,
    KEPT_MAX_S = 7200,
    REFUSED_MS = 2000, /* a refusal is repeated so long */
    /* The daemon has requested again what existed before a restart of the gateway. */
    OTHERS_FIRST_MS = 20000,
    PORTS_SHORT_MS = 62000, /* after a refusal the gateway counts as short of ports so long */
    SHORT_MS = 1000,        /* lifetimes are whole seconds, rounded up */
};

/* ---- answers ---- */

static void answered(struct book *b, struct book_request *request)
{
    if (!request) {
        book_fail(b, "an answer without a request");
        return;
    }
    if (request->more > 0) {
        request->more--;
        return;
    }
    request->first_ms = 0;
    b->requests_live--;
}

/* The latest end of what the gateway granted for the mapping's rule, with that port. */
static uint64_t check_lease(const struct book *b, const char *what, const struct book_rule *rule,
                            uint16_t external_port)
{
    const struct book_lease *lease = book_lease_of(b, rule->tcp, rule->router_port);
    uint64_t ends_ms = 0;
    bool granted = false;

    for (unsigned i = 0; lease && i < lease->grants; i++) {
        if (lease->grant[i].port != external_port)
            continue;
        granted = true;
        if (lease->grant[i].latest_ms > ends_ms)
            ends_ms = lease->grant[i].latest_ms;
    }
    if (!granted)
        book_fail(b, "%s with external port %u, and the gateway granted %u last for router port %u", what,
                  external_port, lease && lease->grants > 0 ? lease->grant[lease->grants - 1].port : 0,
                  rule->router_port);
    return ends_ms;
}

/* A new request waits for the gateway, a retransmission gets the answer that was given. */
static void check_memory(const struct book *b, uint64_t now_ms, const struct book_mapping *m,
                         const struct book_lease *lease, uint32_t lifetime_s)
{
    bool again = m->must_repeat && m->until_ms > now_ms;
    uint64_t got_ms = lease && lease->grants > 0 ? lease->grant[lease->grants - 1].got_ms : 0;

    if (again && now_ms + (uint64_t)lifetime_s * 1000 >= m->until_ms + SHORT_MS)
        book_fail(b, "a retransmission gets %" PRIu32 " s, and the first answer ends in %" PRIu64 " ms",
                  lifetime_s, m->until_ms - now_ms);
    /* An earlier process received this request, too, or answered it: its rule was adopted. */
    if (m->adopted && !book_told_by_us(b, m))
        return;
    if (book_contradicts(b, now_ms))
        return;
    if (!m->repeats && now_ms < m->work_ms + MEMORY_MS && got_ms < m->work_ms)
        book_fail(b, "a success after %" PRIu64 " ms without asking the gateway", now_ms - m->work_ms);
}

/* Somebody changed the mapping's rule, and the daemon need not know it yet: a person, or another process with
 * the same INSTANCE. */
bool book_excused(const struct book *b, uint32_t address, bool tcp, uint16_t port)
{
    return b->config.excused(b->config.context, address, tcp, port) || b->twins;
}

/* NULL: there is none that the daemon must know. */
static const struct book_rule *check_rule(const struct book *b, const char *what, uint32_t address, bool tcp,
                                          uint16_t port)
{
    const struct book_rule *rule = book_rule_of(b, address, tcp, port);
    bool excused = book_excused(b, address, tcp, port);

    if ((!rule || !rule->enabled) && !excused)
        book_fail(b, "%s without a rule on the router", what);
    return excused ? NULL : rule;
}

static void check_success(const struct book *b, uint64_t now_ms, const struct book_mapping *m,
                          uint16_t external_port, uint32_t lifetime_s)
{
    static const char success[] = "a success";
    const struct book_rule *rule = check_rule(b, success, m->address, m->tcp, m->port);
    uint64_t ends_ms;

    if (!rule)
        return;
    if (lifetime_s > rule->lease_s)
        book_fail(b, "%" PRIu32 " s are advertised, and the rule's comment says %" PRIu32, lifetime_s,
                  rule->lease_s);
    ends_ms = check_lease(b, success, rule, external_port);
    if (now_ms + (uint64_t)lifetime_s * 1000 >= ends_ms + SHORT_MS)
        book_fail(b, "%" PRIu32 " s are advertised, and the lease of router port %u has %" PRId64 " ms left",
                  lifetime_s, rule->router_port, (int64_t)(ends_ms - now_ms));
    check_memory(b, now_ms, m, book_lease_of(b, m->tcp, rule->router_port), lifetime_s);
}

void book_noticed(struct book *b, uint32_t address, bool tcp, uint16_t port, uint16_t external_port)
{
    static const char notice[] = "a notice";
    const struct book_rule *rule = check_rule(b, notice, address, tcp, port);

    if (rule)
        (void)check_lease(b, notice, rule, external_port);
}

bool book_believes(const struct book *b, const struct book_mapping *m, uint64_t now_ms)
{
    (void)b;
    return m->used && m->external_port != 0 && m->until_ms > now_ms && !m->doubtful && m->broken_ms == 0;
}

bool book_told_by_us(const struct book *b, const struct book_mapping *m)
{
    return m->told_ms >= b->own.started_ms && m->told_by == b->process;
}

/* A client that was told by an earlier process, or whose lease does not certainly count, excuses the daemon:
 * it may know better, or cannot know. */
static bool holds(const struct book *b, const struct book_mapping *m, uint16_t external_port, uint64_t now_ms)
{
    const struct book_rule *rule;
    const struct book_lease *lease;

    if (!book_believes(b, m, now_ms + SHORT_MS) || m->external_port != external_port ||
        !book_told_by_us(b, m))
        return false;
    rule = book_rule_of(b, m->address, m->tcp, m->port);
    lease = rule ? book_lease_of(b, rule->tcp, rule->router_port) : NULL;
    return lease && book_lease_is_sure(b, lease, now_ms) && lease->grant[0].port == external_port;
}

/* It ended, by a deletion or by itself, and nobody told the client that its port is gone. A client that asks
 * for it again while its lease is over has it no more than others, nor has one whose mapping is kept alive,
 * so that its rule stands, but whose lease the gateway did not renew. The gateway of a symmetric daemon
 * chooses the port, so that it goes to the next client. */
static bool rests(const struct book *b, const struct book_mapping *m, uint16_t external_port, uint64_t now_ms)
{
    bool deleted = m->told_by == b->process && m->freed_port == external_port &&
                   m->freed_ms > b->own.started_ms && m->freed_ms + BOOK_QUARANTINE_MS > now_ms;
    bool ended = m->external_port == external_port && m->broken_ms == 0 && !m->doubtful && m->work_ms == 0 &&
                 m->until_ms != 0 && m->until_ms <= now_ms && book_told_by_us(b, m) &&
                 m->until_ms + BOOK_QUARANTINE_MS > now_ms;
    bool stands = m->rule_generation == b->rule_generation;

    return !b->config.symmetric && !m->may_be_gone &&
           (deleted || (ended && (!stands || book_still_holds(b, m, now_ms))));
}

const struct book_mapping *book_other_holder(const struct book *b, const struct book_mapping *m, bool tcp,
                                             uint16_t external_port, uint64_t now_ms)
{
    for (size_t i = 0; i < b->mappings_room; i++) {
        const struct book_mapping *other = &b->mappings[i];
        bool another = other->used && (!m || other->address != m->address);
        bool same = m && other->used && other != m && other->address == m->address && other->tcp == tcp;

        /* A client with twice as many as it may have, in quarantine too, gives the oldest port up early. */
        bool resting = another && rests(b, other, external_port, now_ms) &&
                       !book_rests_shortly(b, other->address, now_ms);

        if (resting || ((another || same) && holds(b, other, external_port, now_ms)))
            return other;
    }
    return NULL;
}

bool book_may_rest(const struct book *b, const struct book_mapping *m, uint16_t external_port,
                   uint64_t now_ms)
{
    for (size_t i = 0; i < b->mappings_room; i++) {
        const struct book_mapping *other = &b->mappings[i];
        uint64_t ends_ms = other->done_ms > other->kept_ms ? other->done_ms : other->kept_ms;

        if (ends_ms < other->until_ms)
            ends_ms = other->until_ms;
        if (ends_ms < other->adopted_until_ms)
            ends_ms = other->adopted_until_ms;
        if (!other->used || other == m || other->external_port != external_port)
            continue;
        if (!m || other->address != m->address)
            ends_ms += BOOK_QUARANTINE_MS;
        if (ends_ms > now_ms)
            return true;
    }
    return false;
}

/* No two clients are told one external port, no client the companion of another client's port, and no client
 * one port twice. */
static void check_alone(const struct book *b, uint64_t now_ms, const struct book_mapping *m,
                        uint16_t external_port)
{
    const struct book_mapping *other = book_other_holder(b, m, m->tcp, external_port, now_ms);
    bool had = m->external_port == external_port && m->until_ms > now_ms;
    char text[48];

    if (other && !(had && rests(b, other, external_port, now_ms)))
        book_fail(b, "external port %u is advertised, and %s %s", external_port, book_name(other, text),
                  other->until_ms > now_ms ? "has it" : "had it a moment ago");
}

static void told(struct book *b, uint64_t now_ms, struct book_mapping *m, uint16_t external_port,
                 uint32_t lifetime_s)
{
    uint32_t kept_s = m->asked_s < KEPT_MAX_S ? m->asked_s : KEPT_MAX_S;
    bool again = m->repeats && m->external_port == external_port &&
                 now_ms + (uint64_t)lifetime_s * 1000 < m->until_ms + SHORT_MS;

    m->done_ms = now_ms;
    m->work_ms = 0;
    m->waiting = 0;
    m->external_port = external_port;
    m->broken_ms = 0;
    m->may_be_gone = false;
    m->last_told_ms = now_ms;
    m->last_until_ms = now_ms + (uint64_t)lifetime_s * 1000;
    if (again)
        return; /* it says what was said */
    m->until_ms = now_ms + (uint64_t)lifetime_s * 1000;
    m->kept_ms = b->config.keeps != BOOK_KEEPS_NONE ? now_ms + (uint64_t)kept_s * 1000 : 0;
    if (!m->repeats)
        m->first_told_ms = now_ms;
    m->told_ms = now_ms;
    m->told_by = b->process;
    m->told_asked_s = m->asked_s;
    m->freed_ms = 0;
    m->doubtful = m->deleted_ms >= m->asked_ms;
}

static void created(struct book *b, uint64_t now_ms, uint32_t to, uint16_t to_port, bool tcp,
                    const uint8_t *bytes)
{
    uint16_t internal_port = get16(bytes + 8);
    uint16_t external_port = get16(bytes + 10);
    uint32_t lifetime_s = get32(bytes + 12);
    struct book_request *request =
        book_find_request(b, to, to_port, internal_port, tcp ? BOOK_KIND_CREATE_TCP : BOOK_KIND_CREATE_UDP);
    struct book_mapping *m = book_find(b, to, tcp, internal_port);

    answered(b, request);
    if (!m || !request || internal_port == 0) {
        book_fail(b, "a mapping without a request");
        return;
    }
    /* Requests for one mapping that are answered together get one lifetime. */
    if (lifetime_s > request->lifetime_s && lifetime_s > m->longest_s)
        book_fail(b, "granted %" PRIu32 " s, asked %" PRIu32, lifetime_s, request->lifetime_s);
    if (external_port == 0)
        book_fail(b, "a success without a port");
    if (m->work_ms != 0) { /* the first of the answers to one request */
        check_success(b, now_ms, m, external_port, lifetime_s);
        check_alone(b, now_ms, m, external_port);
        told(b, now_ms, m, external_port, lifetime_s);
        book_check_limits(b, now_ms, m);
    } else if (!b->twins && (m->external_port != external_port || m->done_ms != now_ms)) {
        book_fail(b, "two answers to one request differ");
    }
    b->successes++;
}

static void forget_deleted(struct book *b, uint64_t now_ms, struct book_mapping *m)
{
    const struct book_rule *rule = book_rule_of(b, m->address, m->tcp, m->port);

    if (m->until_ms > now_ms && m->broken_ms == 0 && !m->may_be_gone && book_told_by_us(b, m)) {
        m->freed_ms = now_ms;
        m->freed_port = m->external_port;
    }
    m->until_ms = 0;
    m->kept_ms = 0;
    m->broken_ms = 0;
    m->done_ms = now_ms;
    m->doubtful = false;
    /* For events of the same millisecond the order is unknown. */
    if (m->asked_ms < m->deleted_ms && rule && rule->enabled && !book_excused(b, m->address, m->tcp, m->port))
        book_fail(b, "a deletion is confirmed and the rule for port %u is still there", m->port);
}

static void deleted(struct book *b, uint64_t now_ms, uint32_t to, uint16_t to_port, bool tcp,
                    const uint8_t *bytes)
{
    uint16_t internal_port = get16(bytes + 8);
    struct book_request *request =
        book_find_request(b, to, to_port, internal_port, tcp ? BOOK_KIND_DELETE_TCP : BOOK_KIND_DELETE_UDP);

    const struct book_mapping *one = book_find(b, to, tcp, internal_port);

    /* A request for a mapping that a deletion has overtaken may get the answer to the deletion. */
    if (!request)
        request = book_find_request(b, to, to_port, internal_port,
                                    tcp ? BOOK_KIND_CREATE_TCP : BOOK_KIND_CREATE_UDP);
    if (request && request->kind >= BOOK_KIND_CREATE_UDP && request->kind <= BOOK_KIND_CREATE_TCP &&
        !request->overtaken)
        book_fail(b, "a request for a mapping is answered with a deletion");
    answered(b, request);
    if (get16(bytes + 10) != 0)
        book_fail(b, "a deletion with a port");
    if (one && one->is_static)
        book_fail(b, "the deletion of a static mapping is confirmed");
    for (size_t i = 0; i < b->mappings_room; i++) {
        struct book_mapping *m = &b->mappings[i];

        if (m->used && m->tcp == tcp && m->address == to && m->is_static && internal_port == 0)
            book_fail(b, "the deletion of all mappings is confirmed, and a static one stays");
        if (m->used && m->tcp == tcp && m->address == to &&
            (internal_port == 0 || m->port == internal_port) && m->asked_ms <= m->deleted_ms && !m->is_static)
            forget_deleted(b, now_ms, m);
    }
    b->deletions++;
}

/* ---- errors ---- */

unsigned book_mappings_of(const struct book *b, uint32_t address)
{
    unsigned count = 0;

    for (size_t i = 0; i < b->mappings_room; i++)
        count += b->mappings[i].used && b->mappings[i].address == address;
    return count;
}

static bool has_statics(const struct book *b)
{
    for (size_t i = 0; i < b->mappings_room; i++)
        if (b->mappings[i].used && b->mappings[i].is_static)
            return true;
    return false;
}

/* The gateway answered so for a router port that can be this mapping's, or granted it a port of another
 * client. */
static bool gateway_said(const struct book *b, const struct book_mapping *m, unsigned result)
{
    /* The gateway is short of ports. When it has restarted, they belong to the mappings that exist, and
     * static ones come first always. */
    bool restarted = b->own.cause_ms != 0 && b->own.cause_ms + OTHERS_FIRST_MS >= m->work_ms;
    bool others_first = result == 4 && (restarted || has_statics(b)) && b->own.short_ms != 0 &&
                        b->own.short_ms + PORTS_SHORT_MS >= m->work_ms;

    if (others_first)
        return true;
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        const struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];
        const struct book_rule *rule = book_rule_of(b, lease->owner, lease->tcp, lease->owner_port);
        bool others = rule && rule->router_port == lease->router_port &&
                      (lease->owner != m->address || lease->owner_port != m->port);

        if (lease->tcp != m->tcp || (others && !b->config.symmetric))
            continue;
        if (result < BOOK_RESULTS && lease->refused_ms[result] != 0 &&
            lease->refused_ms[result] + REFUSED_MS >= m->work_ms)
            return true;
        if (result == 4 && lease->clash_ms != 0 && lease->clash_ms + REFUSED_MS >= m->work_ms)
            return true;
    }
    return false;
}

/* The router has just refused something, and the mapping needs another rule: for want of a right it is
 * refused with result 2, whatever the gateway granted. */
static bool router_may_refuse(const struct book *b, uint64_t now_ms, const struct book_rule *rule,
                              unsigned result)
{
    return result == 2 && !book_router_is_calm(b, now_ms, BOOK_CALM_MS) &&
           b->config.elsewhere(b->config.context, rule->id);
}

/* Result 4 also means that a limit was reached: see book_limits.c, or of the gateway's one port. Result 2
 * also comes from the router, if it lost a right. */
static void check_refusal(const struct book *b, uint64_t now_ms, const struct book_mapping *m,
                          unsigned result)
{
    const struct book_rule *rule = book_rule_of(b, m->address, m->tcp, m->port);
    const struct book_lease *lease = rule ? book_lease_of(b, rule->tcp, rule->router_port) : NULL;
    char text[48];

    if (result == 2 && b->config.forbidden(b->config.context, m->address))
        return;
    if (result == 3 && rule && b->config.hidden(b->config.context, rule))
        return;
    if (!gateway_said(b, m, result) && book_router_is_calm(b, now_ms, BOOK_CALM_MS) &&
        !(result == 4 && (b->config.symmetric || book_may_be_full(b, m, now_ms) ||
                          b->config.barred(b->config.context, m->tcp))))
        book_fail(b, "%s is refused with result %u, and nothing is the reason", book_name(m, text), result);
    if (m->until_ms > now_ms && book_told_by_us(b, m) && rule && rule->enabled && lease &&
        lease->clash_ms < m->work_ms && book_lease_is_sure(b, lease, now_ms + SHORT_MS) &&
        lease->grant[0].port == m->external_port && !router_may_refuse(b, now_ms, rule, result))
        book_fail(b, "%s is refused with result %u while its lease is valid", book_name(m, text), result);
}

static void failed(struct book *b, uint64_t now_ms, uint32_t to, uint16_t to_port, bool tcp,
                   const uint8_t *bytes)
{
    uint16_t internal_port = get16(bytes + 8);
    unsigned result = get16(bytes + 2);
    struct book_request *request =
        book_find_request(b, to, to_port, internal_port, tcp ? BOOK_KIND_CREATE_TCP : BOOK_KIND_CREATE_UDP);
    struct book_request *deletion =
        book_find_request(b, to, to_port, internal_port, tcp ? BOOK_KIND_DELETE_TCP : BOOK_KIND_DELETE_UDP);
    bool creation = request && !(deletion && request->overtaken);
    bool overtaken = request && request->overtaken;
    struct book_mapping *m = book_find(b, to, tcp, internal_port);

    answered(b, creation ? request : deletion);
    if (result < 2 || result > 4)
        book_fail(b, "result %u for a mapping", result);
    if (get16(bytes + 10) != 0 || get32(bytes + 12) != 0)
        book_fail(b, "an error with a port or a lifetime");
    b->errors++;
    if (!m || !creation || m->work_ms == 0)
        return;
    /* The daemon does not report a transient problem before its time limit. */
    if (result == 3 && !b->own.stopping && !overtaken &&
        now_ms + BOOK_ANSWER_SLACK_MS < m->work_ms + BOOK_ANSWER_MS)
        book_fail(b, "network failure after %" PRIu64 " ms", now_ms - m->work_ms);
    if (result != 3 && !overtaken)
        check_refusal(b, now_ms, m, result);
    if (m->until_ms <= now_ms && m->kept_ms <= now_ms)
        book_give_up(b, m);
    m->doubtful = true;
    m->broken_ms = 0;
    m->work_ms = 0;
    m->waiting = 0;
    m->done_ms = now_ms;
}

/* libtorrent gives up its request for a mapping when it gets any other answer from its gateway. When the time
 * of a client's oldest address request is over, all of them are answered. */
static void check_order(struct book *b, uint64_t now_ms, const struct book_request *address)
{
    if (now_ms + BOOK_ANSWER_SLACK_MS >= address->first_ms + BOOK_ANSWER_MS) {
        b->address_to = address->address;
        b->address_overdue_ms = now_ms;
    }
    if (b->address_to == address->address && b->address_overdue_ms == now_ms)
        return;
    for (size_t i = 0; i < b->requests_room; i++) {
        const struct book_request *request = &b->requests[i];
        bool map = request->kind == BOOK_KIND_CREATE_UDP || request->kind == BOOK_KIND_CREATE_TCP;

        if (request->used && request->process == b->process && map && request->first_ms != 0 &&
            !request->overtaken && request->address == address->address && request->internal_port != 0)
            book_fail(b, "the address is answered before the request for port %u", request->internal_port);
    }
}

static void address_answered(struct book *b, uint64_t now_ms, uint32_t to, uint16_t to_port,
                             const uint8_t *bytes)
{
    struct book_request *request = book_find_request(b, to, to_port, 0, BOOK_KIND_ADDRESS);

    if (request && !b->own.stopping)
        check_order(b, now_ms, request);
    answered(b, request);
    book_check_address(b, bytes, false);
}

static void opcode_answered(struct book *b, uint32_t to, uint16_t to_port, const uint8_t *bytes, size_t len)
{
    struct book_request *request = book_find_request(b, to, to_port, 0, BOOK_KIND_OPCODE);

    answered(b, request);
    if (!request)
        return;
    if (get16(bytes + 2) != 5 || len != (request->len <= 4 ? 8 : request->len))
        book_fail(b, "not the answer to an unsupported opcode");
    if (request->len > 4 && book_hash(bytes, len) != request->bytes_hash)
        book_fail(b, "an unsupported request came back changed");
}

void book_reply(struct book *b, uint64_t now_ms, uint32_t to, uint16_t to_port, const uint8_t *bytes,
                size_t len)
{
    bool tcp;

    if (len >= 4 && bytes[0] == 0 && bytes[1] > 130) {
        opcode_answered(b, to, to_port, bytes, len);
        return;
    }
    if (len < 8 || bytes[0] != 0 || bytes[1] < 128) {
        book_fail(b, "not a response");
        return;
    }
    if (!b->own.serves)
        book_fail(b, "a daemon that stands by answers");
    book_check_epoch(b, now_ms, get32(bytes + 4));
    tcp = bytes[1] == 130;
    if (bytes[1] == 128 && len == 8 && get16(bytes + 2) == 1)
        answered(b, book_find_request(b, to, to_port, 0, BOOK_KIND_VERSION));
    else if (bytes[1] == 128 && len == 12)
        address_answered(b, now_ms, to, to_port, bytes);
    else if (bytes[1] == 128 || len != 16)
        book_fail(b, "a response of %zu bytes", len);
    else if (get16(bytes + 2) != 0)
        failed(b, now_ms, to, to_port, tcp, bytes);
    else if (get32(bytes + 12) == 0)
        deleted(b, now_ms, to, to_port, tcp, bytes);
    else
        created(b, now_ms, to, to_port, tcp, bytes);
}

/* ---- the process ---- */

/* The other process has received requests for the same mappings, and has them in work since then. */
static void leave_to_other(struct book *b)
{
    for (size_t i = 0; b->other.serves && i < b->requests_room; i++) {
        const struct book_request *request = &b->requests[i];
        bool tcp = request->kind == BOOK_KIND_CREATE_TCP;
        struct book_mapping *m = NULL;

        if (request->used && request->process != b->process && request->first_ms != 0 &&
            !request->overtaken && (tcp || request->kind == BOOK_KIND_CREATE_UDP))
            m = book_find(b, request->address, tcp, request->internal_port);
        if (!m || (m->work_ms != 0 && m->work_ms <= request->first_ms))
            continue;
        m->work_ms = request->first_ms;
        m->work_by = request->process;
        m->waiting++;
        m->longest_s = request->lifetime_s > m->longest_s ? request->lifetime_s : m->longest_s;
    }
}

/* It will not answer what it received. */
static void forget_requests(struct book *b)
{
    for (size_t i = 0; i < b->requests_room; i++) {
        struct book_request *request = &b->requests[i];

        if (!request->used || request->process != b->process || request->first_ms == 0)
            continue;
        request->first_ms = 0;
        b->requests_live--;
    }
    for (size_t i = 0; i < b->mappings_room; i++) {
        struct book_mapping *m = &b->mappings[i];

        if (m->work_by != b->process)
            continue;
        m->work_ms = 0;
        m->waiting = 0;
        m->longest_s = 0;
    }
    leave_to_other(b);
}

void book_stopping(struct book *b)
{
    b->own.stopping = true;
}

/* The gateway has not announced it, but its leases are over. */
void book_exited(struct book *b)
{
    for (size_t i = 0; b->own.serves && i < b->mappings_room; i++) {
        if (b->mappings[i].told_by != b->process)
            continue;
        b->mappings[i].until_ms = 0;
        b->mappings[i].kept_ms = 0;
    }
}

void book_stands_by(struct book *b)
{
    forget_requests(b);
    b->own.serves = false;
}

void book_dead(struct book *b)
{
    book_stands_by(b);
    b->own.stopping = false;
}

void book_turn(struct book *b, unsigned process)
{
    struct book_process own = b->own;

    if (b->process == process)
        return;
    b->process = process;
    b->own = b->other;
    b->other = own;
}

void book_check_requests(struct book *b, uint64_t now_ms)
{
    for (size_t i = 0; i < b->requests_room && b->requests_live > 0; i++) {
        const struct book_request *request = &b->requests[i];
        uint64_t due_ms = request->first_ms + BOOK_ANSWER_MS + BOOK_ANSWER_SLACK_MS + b->config.late_ms;

        if (request->used && request->process == b->process && request->first_ms != 0 &&
            !request->overtaken && now_ms > due_ms && now_ms > b->own.stalled_ms)
            book_fail(b, "no answer to %u.%u.%u.%u:%u (kind %u, port %u) for %" PRIu64 " ms",
                      (unsigned)(request->address >> 24), (unsigned)(request->address >> 16 & 255),
                      (unsigned)(request->address >> 8 & 255), (unsigned)(request->address & 255),
                      request->source_port, request->kind, request->internal_port,
                      now_ms - request->first_ms);
    }
}

/* The gateway's side of the book: what it answers, and its address. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "book.h"
#include "bytes.h"

enum {
    /* An answer may arrive so long after the last datagram that asked. */
    UNDER_WAY_MS = 3000,
    UNSURE_MS = 10000,
    CONTRADICTIONS = 2, /* a third one may have come as an answer */
    /* So often in a row a client may be told a port that an answer to nothing contradicts so soon. */
    IN_A_ROW_MS = 60000,
    TOLD_AND_CONTRADICTED_MAX = 6,
    AT_ONCE_MS = 1000,
    AHEAD_S = 2,       /* what was sent after an answer has an epoch that is no more ahead of it */
    WRONG_ANSWERS = 3, /* and a request is refused */
    UNSUPPORTED_OPCODE = 5,
};

struct reply {
    enum book_fit fit;
    bool tcp;
    uint16_t result;
    uint16_t internal_port;
    uint16_t external_port;
    uint32_t lifetime_s;
    uint32_t epoch_s;
};

/* ---- answers ---- */

/* Of one port, the longest lifetime is kept: several answers may come late, and the lease is not certain
 * then.
 */
static void add_grant(struct book_lease *lease, uint64_t now_ms, uint64_t since_ms, const struct reply *reply)
{
    uint64_t lifetime_ms = (uint64_t)reply->lifetime_s * 1000;
    uint64_t ends_ms = lease->asked_ms + lifetime_ms;
    uint64_t gone_ms = lease->sent_ms + lifetime_ms;
    uint64_t latest_ms = lease->restarted_ms + lifetime_ms;

    for (unsigned i = 0; i < lease->grants; i++) {
        if (lease->grant[i].port != reply->external_port)
            continue;
        ends_ms = ends_ms > lease->grant[i].ends_ms ? ends_ms : lease->grant[i].ends_ms;
        gone_ms = gone_ms > lease->grant[i].gone_ms ? gone_ms : lease->grant[i].gone_ms;
        latest_ms = latest_ms > lease->grant[i].latest_ms ? latest_ms : lease->grant[i].latest_ms;
        memmove(&lease->grant[i], &lease->grant[i + 1], sizeof(lease->grant[0]) * (--lease->grants - i));
        break;
    }
    if (lease->grants == BOOK_GRANTS)
        memmove(&lease->grant[0], &lease->grant[1], sizeof(lease->grant[0]) * --lease->grants);
    lease->grant[lease->grants].port = reply->external_port;
    lease->grant[lease->grants].since_ms = since_ms;
    lease->grant[lease->grants].got_ms = now_ms;
    lease->grant[lease->grants].epoch_s = reply->epoch_s;
    lease->grant[lease->grants].ends_ms = ends_ms;
    lease->grant[lease->grants].latest_ms = latest_ms;
    lease->grant[lease->grants++].gone_ms = gone_ms;
}

/* While packets come of which it is not certain that they count, the daemon may have ignored this one, too.
 */
static void heard(struct book *b, uint64_t now_ms, enum book_fit fit)
{
    bool sure = fit == BOOK_FIT_SURE && b->own.unsure_ms + UNSURE_MS < now_ms;

    b->own.maybe_silent = b->own.maybe_silent && !sure;
    if (sure)
        b->own.unsure_unheard = 0;
    b->own.silent = false;
    b->own.unheard = 0;
}

static uint64_t granted_since_ms(const struct book_lease *lease, uint64_t now_ms, uint16_t port)
{
    for (unsigned i = 0; i < lease->grants; i++) {
        if (lease->grant[i].port == port)
            return lease->grant[i].since_ms;
    }
    return now_ms;
}

/* The client must learn that its port is gone; it has a reason to hear a new epoch. If the epoch has
 * restarted since the first grant of the other port, it has heard it. */
static void note_port(struct book *b, uint64_t now_ms, const struct book_lease *lease,
                      const struct reply *reply, uint64_t since_ms)
{
    struct book_mapping *m = book_owner_of(b, lease);
    bool knows = m && since_ms <= b->reset_ms && m->told_ms < b->reset_ms;

    /* The client may know the port in the comment of an adopted rule, from an earlier run, and the host of a
     * static mapping any port. */
    if (m && (m->is_static || (m->adopted && !book_told_by_us(b, m))) && since_ms == now_ms)
        b->own.cause_ms = now_ms;
    if (!m || m->external_port == 0)
        return;
    if (m->external_port != reply->external_port)
        b->own.cause_ms = now_ms;
    /* If nothing else is granted, this answer may have given the client its port again: the daemon may have
     * taken the clock of the answer, of which it is not certain yet that it counts. */
    if (lease->open && lease->grants == 0 && m->external_port == reply->external_port)
        m->broken_ms = 0;
    if (reply->fit != BOOK_FIT_SURE)
        return;
    if (m->external_port == reply->external_port)
        m->broken_ms = 0;
    else if (book_believes(b, m, now_ms) && !knows)
        m->broken_ms = now_ms;
}

/* The gateway granted the port to another router port of the protocol as well, or its companion to another
 * client. */
static bool is_granted_twice(const struct book *b, uint64_t now_ms, const struct book_lease *lease,
                             uint16_t port)
{
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        const struct book_lease *other = &b->own.leases[b->own.lease_of[i]];

        if (other == lease || (other->tcp != lease->tcp && other->owner == lease->owner && lease->owner != 0))
            continue;
        for (unsigned k = 0; k < other->grants; k++) {
            if (other->grant[k].port == port && other->grant[k].ends_ms > now_ms)
                return true;
        }
    }
    return false;
}

static void note_clash(struct book *b, uint64_t now_ms, struct book_lease *lease, uint16_t port)
{
    /* The owner may not be known yet. Then the port of any client is another one's. */
    if (!is_granted_twice(b, now_ms, lease, port) && !book_may_rest(b, book_owner_of(b, lease), port, now_ms))
        return;
    lease->clash_ms = now_ms;
    lease->doubted_ms = now_ms;
    b->own.cause_ms = now_ms;
    b->own.error_ms = now_ms;
    book_gateway_trouble(b, now_ms);
}

bool book_contradicts(const struct book *b, uint64_t now_ms)
{
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        const struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];

        if (lease->contradictions >= CONTRADICTIONS && now_ms < lease->contradicted_ms + BOOK_CONTRADICTED_MS)
            return true;
    }
    return false;
}

/* By its epoch, it was sent after the answer that the client was told. A copy of an older answer that comes
 * late, or one from before the clock was set, contradicts nothing. */
static bool is_after_answer(const struct book_lease *lease, uint64_t now_ms, uint32_t epoch_s)
{
    uint64_t latest_s = lease->answered_epoch_s + (now_ms - lease->answered_ms) / 1000 + AHEAD_S;

    return epoch_s >= lease->answered_epoch_s && epoch_s <= latest_s;
}

/* An answer to nothing that contradicts the lease. A client must not be told again and again what is
 * contradicted a moment later. */
static void contradicted(struct book *b, uint64_t now_ms, struct book_lease *lease, const struct reply *reply)
{
    uint16_t port = reply->lifetime_s > 0 ? reply->external_port : 0;
    const struct book_mapping *m = book_owner_of(b, lease);
    char text[48];

    if (lease->contradicted_ms + BOOK_CONTRADICTED_MS < now_ms)
        lease->contradictions = 0;
    if (lease->told_wrong_ms + IN_A_ROW_MS < now_ms)
        lease->told_wrong = 0;
    lease->contradictions++;
    lease->contradicted_ms = now_ms;
    if (book_contradicts(b, now_ms)) { /* the mapping may be refused for it */
        lease->refused_ms[4] = now_ms;
        b->own.error_ms = now_ms;
        b->own.cause_ms = now_ms;
    }
    if (!m || m->external_port == port || m->external_port != lease->answered_port || m->until_ms <= now_ms ||
        m->told_ms + AT_ONCE_MS < now_ms || m->told_ms < lease->answered_ms ||
        m->told_ms < lease->told_wrong_ms || !book_told_by_us(b, m) ||
        !is_after_answer(lease, now_ms, reply->epoch_s))
        return;
    lease->told_wrong_ms = now_ms;
    if (++lease->told_wrong > TOLD_AND_CONTRADICTED_MAX)
        book_fail(b, "%s was told port %u, and the gateway says %u at once, as so often before",
                  book_name(m, text), m->external_port, port);
}

static void granted(struct book *b, uint64_t now_ms, struct book_lease *lease, const struct reply *reply)
{
    uint64_t since_ms = granted_since_ms(lease, now_ms, reply->external_port);
    bool same = lease->grants > 0 && lease->grant[lease->grants - 1].port == reply->external_port;
    /* After wrong answers the daemon may have refused the request. */
    bool sure = reply->fit == BOOK_FIT_SURE && lease->wrong == 0;

    if (lease->deletes && sure)
        return; /* an answer to what was asked before the deletion */
    if (!lease->open && !lease->maybe_open && same && sure)
        return; /* a second copy */
    if (!lease->open && !same)
        contradicted(b, now_ms, lease, reply);
    note_clash(b, now_ms, lease, reply->external_port);
    note_port(b, now_ms, lease, reply, since_ms);
    if (sure)
        lease->grants = 0;
    if (!sure || !lease->open)
        lease->doubted_ms = now_ms;
    if (lease->open) {
        lease->answered_ms = now_ms;
        lease->answered_port = reply->external_port;
        lease->answered_epoch_s = reply->epoch_s;
    }
    lease->open = false;
    lease->wrong = 0;
    lease->maybe_open = false;
    lease->particular_ms = 0;
    add_grant(lease, now_ms, since_ms, reply);
}

static void ended(struct book *b, uint64_t now_ms, struct book_lease *lease, const struct reply *reply)
{
    lease->doubted_ms = now_ms;
    if (!lease->open && !lease->deletes)
        contradicted(b, now_ms, lease, reply);
    if (reply->fit != BOOK_FIT_SURE || !lease->deletes) {
        book_gateway_trouble(b, now_ms);
        b->own.cause_ms = now_ms;
        return;
    }
    lease->open = false;
    lease->grants = 0;
    lease->lingers_ms = 0;
    lease->told_wrong = 0;
    /* What was sent so long before that it cannot be answered any more was perhaps given up, and the last one
     * was the first of a new deletion. */
    bool copied = lease->sends > 1 && lease->sends < BOOK_ATTEMPTS_MAX &&
                  lease->sent_ms < lease->sent_before_ms + BOOK_COPY_MS;

    if (copied)
        lease->quiet_ms = lease->sent_ms + BOOK_COPY_MS;
}

static void refused(struct book *b, uint64_t now_ms, struct book_lease *lease, const struct reply *reply)
{
    struct book_mapping *m = book_owner_of(b, lease);
    bool over = book_lease_ends_ms(lease) <= now_ms;
    bool final = reply->result == 2 || reply->result == 4;

    if (reply->result == 4)
        b->own.short_ms = now_ms;
    book_gateway_trouble(b, now_ms);
    if (reply->fit == BOOK_FIT_SURE && lease->open) /* else the error before it may have been the answer */
        memset(lease->refused_ms, 0, sizeof(lease->refused_ms));
    if (reply->result < BOOK_RESULTS)
        lease->refused_ms[reply->result] = now_ms;
    if (lease->suggested != lease->router_port || now_ms < lease->particular_ms + BOOK_PARTICULAR_MS)
        lease->particular_ms = now_ms;
    b->own.error_ms = now_ms;
    lease->maybe_open = lease->open && reply->fit != BOOK_FIT_SURE; /* the daemon may have ignored it */
    lease->open = false;
    /* A rule of an earlier process whose comment contains no port yet: that process may have told the client.
     * A static mapping that is refused may take the port of a client that uses it. */
    if (!m || (m->external_port == 0 && !m->is_static && m->rule_ms > b->own.started_ms))
        return;
    b->own.cause_ms = now_ms;
    if (final && over && reply->fit == BOOK_FIT_SURE && book_believes(b, m, now_ms))
        m->broken_ms = now_ms;
}

/* A success that grants nothing of what was requested: the request may go on, or be refused. */
static void answered_wrongly(struct book *b, uint64_t now_ms, struct book_lease *lease,
                             const struct reply *reply, bool its_own)
{
    struct book_mapping *m = book_owner_of(b, lease);

    book_gateway_trouble(b, now_ms);
    b->own.cause_ms = now_ms;
    lease->sends = BOOK_ATTEMPTS_MAX;
    if (its_own && reply->lifetime_s == 0) {
        lease->doubted_ms = now_ms;
        if (reply->fit == BOOK_FIT_SURE)
            lease->grants = 0;
    }
    if (++lease->wrong < WRONG_ANSWERS)
        return;
    b->own.error_ms = now_ms;
    lease->refused_ms[4] = now_ms;
    if (its_own && reply->lifetime_s == 0 && reply->fit == BOOK_FIT_SURE && m && book_believes(b, m, now_ms))
        m->broken_ms = now_ms;
}

/* It names no open request, or one that was refused after wrong answers: it may be the wrong answer to any
 * other. */
static void stranger(struct book *b, uint64_t now_ms, const struct book_lease *named,
                     const struct reply *reply)
{
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];

        if (lease != named && lease->open && !lease->deletes)
            answered_wrongly(b, now_ms, lease, reply, false);
    }
}

static bool grants_nothing(const struct reply *reply)
{
    return reply->result == 0 && (reply->lifetime_s == 0 || reply->external_port == 0);
}

/* What grants nothing of the request may be no answer, so it does not settle another clock. */
static bool settles(const struct book_lease *lease, const struct reply *reply)
{
    return lease->is_first && (lease->deletes || !grants_nothing(reply));
}

/* It answers the deletion of an earlier port, and says nothing about the present one. */
static bool keeps_left_port(struct book *b, uint64_t now_ms, struct book_lease *lease, uint16_t port)
{
    if (port == 0 || port != lease->left_port || now_ms >= lease->left_ms + UNDER_WAY_MS)
        return false;
    lease->doubted_ms = now_ms;
    book_gateway_trouble(b, now_ms);
    b->own.cause_ms = now_ms;
    return !lease->open || lease->deletes; /* else it may be the grant of the open request, too */
}

static void take(struct book *b, uint64_t now_ms, struct book_lease *lease, const struct reply *reply)
{
    if (reply->result != 0)
        refused(b, now_ms, lease, reply);
    else if (lease->open && !lease->deletes && grants_nothing(reply))
        answered_wrongly(b, now_ms, lease, reply, true);
    else if (reply->lifetime_s == 0)
        ended(b, now_ms, lease, reply);
    else if (reply->external_port != 0)
        granted(b, now_ms, lease, reply);
}

static void map_answered(struct book *b, uint64_t now_ms, struct reply *reply)
{
    uint16_t port = reply->internal_port;
    bool grant = reply->result == 0 && reply->lifetime_s > 0;
    struct book_lease *lease;
    bool soon;

    if (b->config.symmetric && grant && port != 0 && port != reply->external_port)
        return; /* no answer of such a gateway */
    lease = book_take_lease(b, reply->tcp, port);
    soon = lease->sent_ms != 0 && lease->sent_ms + UNDER_WAY_MS > now_ms;
    if (grant && keeps_left_port(b, now_ms, lease, port))
        return;
    if (grant && lease->deletes)
        book_lingers(b, lease, lease->sent_ms + (uint64_t)reply->lifetime_s * 1000);
    if (!lease->open)
        b->own.unsure_ms = now_ms;
    if (lease->unanswered > 0)
        lease->unanswered--;
    reply->fit = BOOK_FIT_MAYBE;
    /* A lease for a deletion is no answer either. */
    if ((!lease->open && !soon) || (grant && lease->deletes)) {
        /* Nobody asked: it moves no clock. */
        book_gateway_trouble(b, now_ms);
        b->own.cause_ms = now_ms;
    } else if (reply->result != UNSUPPORTED_OPCODE) { /* section 3.5: it has no epoch */
        reply->fit = book_judge(b, now_ms, reply->epoch_s,
                                &(struct book_question){lease->asked_ms, settles(lease, reply)});
        if (reply->fit == BOOK_FIT_SURE)
            lease->unanswered = 0;
    }
    if (lease->open || reply->result == 0)
        heard(b, now_ms, lease->open ? reply->fit : BOOK_FIT_MAYBE);
    if ((!lease->open || lease->wrong >= WRONG_ANSWERS) && grant)
        stranger(b, now_ms, lease, reply);
    take(b, now_ms, lease, reply);
}

/* Some gateways send errors without the ports: it may answer any request that is open. */
static void short_error(struct book *b, uint64_t now_ms, bool tcp, uint16_t result, uint32_t epoch_s)
{
    struct reply reply = {.tcp = tcp, .result = result, .fit = BOOK_FIT_MAYBE};
    unsigned open = 0;

    book_gateway_trouble(b, now_ms);
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];

        open += lease->tcp == tcp && lease->open;
    }
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];

        if (lease->tcp != tcp || !lease->open)
            continue;
        if (result != UNSUPPORTED_OPCODE)
            (void)book_judge(b, now_ms, epoch_s, &(struct book_question){lease->asked_ms, false});
        refused(b, now_ms, lease, &reply);
        lease->open = open > 1; /* then it may have ended any of them, or none */
        lease->sends = BOOK_ATTEMPTS_MAX;
    }
    b->own.refuses = b->own.refuses || result == 1;
    if (open == 1)
        heard(b, now_ms, BOOK_FIT_MAYBE);
    b->own.silent = false;
}

static bool is_possible(uint32_t address)
{
    return address >> 24 != 0 && address >> 24 != 127 && address >> 28 < 14;
}

/* The one that was reported last is the last one. If there are too many, the first one is forgotten. */
static void add_address(struct book *b, uint32_t address)
{
    unsigned i = 0;

    while (i < b->own.addresses && b->own.address[i] != address)
        i++;
    if (i == BOOK_ADDRESSES)
        i = 0;
    if (i < b->own.addresses)
        memmove(&b->own.address[i], &b->own.address[i + 1],
                sizeof(b->own.address[0]) * (--b->own.addresses - i));
    b->own.address[b->own.addresses++] = address;
}

static void address_reported(struct book *b, uint64_t now_ms, uint32_t epoch_s, uint16_t result,
                             uint32_t address)
{
    bool known = b->own.addresses == 1 && b->own.address[0] == address;
    enum book_fit fit;

    if (!b->own.address_open) {
        book_gateway_trouble(b, now_ms);
        return;
    }
    /* The answer to the only question decides. If there are several, it may be to an earlier one. */
    b->own.address_open = b->own.address_questions != 1;
    if (b->own.address_open)
        b->own.unsure_ms = now_ms;
    fit = book_judge(b, now_ms, epoch_s,
                     &(struct book_question){b->own.address_asked_ms, b->own.address_is_first});
    b->own.address_open = true;
    if (b->own.address_questions > 0)
        b->own.address_questions--;
    if (fit == BOOK_FIT_SURE && b->own.address_maybe)
        fit = BOOK_FIT_MAYBE;
    heard(b, now_ms, fit);
    if (address == 0)
        book_gateway_trouble(b, now_ms);
    if (result == 1 || result == 5) { /* the address is not another one */
        b->own.refuses = true;
        return;
    }
    b->own.refuses = b->own.refuses && fit != BOOK_FIT_SURE;
    if (!known && address != 0) {
        b->own.series_cause_ms = now_ms;
        b->own.series_due = fit == BOOK_FIT_SURE && b->own.addresses == 1;
    }
    if (fit == BOOK_FIT_SURE)
        b->own.addresses = 0;
    add_address(b, address);
    b->own.address_open = b->own.address_open && (fit != BOOK_FIT_SURE || address == 0);
    b->own.address_maybe = b->own.address_open && fit != BOOK_FIT_SURE;
}

void book_from_gateway(struct book *b, uint64_t now_ms, const uint8_t *bytes, size_t len)
{
    struct reply reply = {0};

    if (len < 8 || bytes[0] != 0 || bytes[1] < 128 || bytes[1] > 130) {
        if (len >= 4 && bytes[0] == 0) {
            book_gateway_trouble(b, now_ms); /* an error of another form, perhaps */
            b->own.refuses = true;
        }
        return;
    }
    reply.epoch_s = get32(bytes + 4);
    reply.tcp = bytes[1] == 130;
    reply.result = get16(bytes + 2);
    if (bytes[1] == 128) {
        bool address = len >= 12 && reply.result == 0;

        if (len >= 12 || reply.result != 0)
            address_reported(b, now_ms, reply.epoch_s, reply.result,
                             address && is_possible(get32(bytes + 8)) ? get32(bytes + 8) : 0);
        return;
    }
    if (len < 16) {
        if (reply.result != 0)
            short_error(b, now_ms, reply.tcp, reply.result, reply.epoch_s);
        return;
    }
    reply.internal_port = get16(bytes + 8);
    reply.external_port = get16(bytes + 10);
    reply.lifetime_s = get32(bytes + 12);
    map_answered(b, now_ms, &reply);
}

void book_gateway_error(struct book *b, uint64_t now_ms)
{
    book_gateway_trouble(b, now_ms);
    b->own.maybe_silent = true;
}

/* ---- the external address ---- */

void book_check_address(const struct book *b, const uint8_t *bytes, bool announced)
{
    uint16_t result = get16(bytes + 2);
    uint32_t address = get32(bytes + 8);
    bool allowed =
        address == 0 && (b->own.addresses == 0 || ((b->own.maybe_silent || b->own.refuses) && !announced));

    for (unsigned i = 0; i < b->own.addresses && (announced || address == 0 || !b->own.silent); i++)
        allowed = allowed || b->own.address[i] == address;
    if (result != (address != 0 ? 0 : 3))
        book_fail(b, "result %u with an address of %08" PRIx32, result, address);
    else if (!allowed)
        book_fail(b, "the address is %08" PRIx32 ", and the gateway %s", address,
                  b->own.silent ? "does not answer" : "reported another one");
}

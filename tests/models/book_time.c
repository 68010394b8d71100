/* The book's demands that time alone shows: the epoch, the announcements, and what must exist in calm
 * weather. */
#include <inttypes.h>
#include <string.h>

#include "book.h"
#include "bytes.h"

enum {
    SCAN_MS = 100,
    SLOW_SCAN_MS = 1000,
    /* The daemon waits so long after a reason before it restarts its epoch: a renewal of the companion, the
     * random delay and the patience of its recovery, and the pause between two restarts. */
    RESET_LATEST_MS = 40000,
    RESETS_APART_MS = 10000,
    LEARNS_MS = 30000,
    ANNOUNCEMENTS = 10,
    ANNOUNCE_FIRST_MS = 250,
    ANNOUNCE_START_MS = 2000,
    ANNOUNCE_SLACK_MS = 500,
    ASKS_MS = 130000,  /* an answer to the last copy, and the interval after it */
    CREATED_MS = 3000, /* a new mapping in calm weather */
    TURN_MS = 700,     /* and each of its client's that may be before it at the gateway */
    ANSWERED_MS = 1000,
    ASKED_MS = 3000, /* whatever is in the way of it at the gateway */
    GIVEN_UP_MS = 64000,
    RULE_GONE_MS = 5000,
    /* After a start or a lost connection, a process may not know for so long that another one serves: both
     * read the list of sessions and the table, and make their claims (README). */
    TWINS_MS = 60000,
    /* So many series of announcements follow each other at once, and then one in so much time. */
    SERIES_BURST = 2,
    SHORT_LEASE_MS = 4000,
    SERIES_APART_MS = 10000,
    TWINS_UNDONE_MS = 5000, /* and then puts back what the other one removed */
    /* A command may take a minute before it is given up, and then comes a resync. */
    COMMANDS_CALM_MS = 120000,
};

/* ---- the epoch ---- */

static void epoch_restarted(struct book *b, uint64_t now_ms, int64_t origin_ms)
{
    if (b->own.has_epoch && origin_ms < b->own.origin_ms)
        book_fail(b, "the epoch is ahead of the time");
    /* The gateway of a symmetric daemon has one port: the daemon itself gives it to the next client. */
    if (b->own.has_epoch && !b->config.symmetric &&
        (b->own.cause_ms == 0 || (int64_t)b->own.cause_ms + RESETS_APART_MS < b->own.latest_ms ||
         (int64_t)b->own.cause_ms + RESET_LATEST_MS < origin_ms))
        book_fail(b, "the epoch restarted, and the gateway gave no reason since %" PRIu64, b->own.cause_ms);
    if (b->own.has_epoch) {
        b->own.series_cause_ms = now_ms;
        b->own.series_due = true;
    }
    b->reset_ms = now_ms;
    b->own.origin_ms = origin_ms;
    b->own.latest_ms = origin_ms;
    b->own.has_epoch = true;
    for (size_t i = 0; i < b->mappings_room; i++) {
        struct book_mapping *m = &b->mappings[i];

        if (!m->used)
            continue;
        m->broken_ms = 0;
        m->may_be_gone = m->may_be_gone || !book_still_holds(b, m, now_ms);
    }
}

void book_check_epoch(struct book *b, uint64_t now_ms, uint32_t epoch_s)
{
    int64_t origin_ms = (int64_t)now_ms - (int64_t)epoch_s * 1000;
    int64_t earliest_ms = origin_ms < b->own.origin_ms ? origin_ms : b->own.origin_ms;
    int64_t latest_ms = origin_ms > b->own.latest_ms ? origin_ms : b->own.latest_ms;

    if (!b->own.has_epoch || latest_ms - earliest_ms >= 1000) {
        epoch_restarted(b, now_ms, origin_ms);
        return;
    }
    b->own.origin_ms = earliest_ms;
    b->own.latest_ms = latest_ms;
}

/* ---- announcements ---- */

static uint64_t gap_ms(const struct book *b)
{
    return (uint64_t)ANNOUNCE_FIRST_MS << (b->own.series - 1);
}

/* One series more begins at that time. */
static void count_series(struct book *b, uint64_t now_ms, uint64_t begins_ms)
{
    b->own.series_often = now_ms < b->own.series_began_ms + SERIES_APART_MS ? b->own.series_often + 1 : 0;
    b->own.series_began_ms = begins_ms;
}

void book_announce(struct book *b, uint64_t now_ms, const uint8_t *bytes, size_t len)
{
    bool goes_on;

    if (len != 12 || bytes[0] != 0 || bytes[1] != 128) {
        book_fail(b, "not an announcement");
        return;
    }
    if (!b->own.serves)
        book_fail(b, "a daemon that stands by announces something");
    book_check_address(b, bytes, true);
    book_check_epoch(b, now_ms, get32(bytes + 4));
    goes_on = b->own.series > 0 && b->own.series < ANNOUNCEMENTS && now_ms >= b->own.series_ms + gap_ms(b);
    if (b->own.series_cause_ms != 0) {
        b->own.series_sure = b->own.series_due || (!goes_on && b->own.series_sure);
        if (b->own.series_cause_ms != b->own.started_ms + ANNOUNCE_START_MS)
            count_series(b, now_ms, now_ms);
        /* Beyond some series in a row, one that runs announces the news, and one more follows. */
        if (b->own.series_often >= SERIES_BURST)
            b->own.series_sure = false;
        b->own.series = 0;
        b->own.series_cause_ms = 0;
        b->own.series_due = false;
    } else if (!goes_on && b->own.series_often >= SERIES_BURST &&
               now_ms < b->own.series_began_ms + UINT64_C(2) * SERIES_APART_MS) {
        b->own.series = 0;
        b->own.series_began_ms = now_ms;
    } else if (!goes_on) {
        book_fail(b, "an announcement without a reason, after %u of a series", b->own.series);
    }
    b->own.series++;
    b->own.series_ms = now_ms;
    b->announcements++;
}

static void check_announcements(const struct book *b, uint64_t now_ms)
{
    uint64_t slack_ms = ANNOUNCE_SLACK_MS + b->config.late_ms;

    if (b->own.stopping || now_ms <= b->own.stalled_ms + slack_ms)
        return;
    if (b->own.series_due && b->own.series_often + 1 >= SERIES_BURST)
        slack_ms += SERIES_APART_MS;
    if (b->own.series_due && now_ms > b->own.series_cause_ms + slack_ms)
        book_fail(b, "the new address is not announced");
    if (b->own.series_sure && b->own.series > 0 && b->own.series < ANNOUNCEMENTS &&
        now_ms > b->own.series_ms + gap_ms(b) + slack_ms)
        book_fail(b, "announcement %u of a series is missing", b->own.series + 1);
}

/* The gateway's announcements do not cross a tunnel, so the daemon asks each minute. The pauses between two
 * copies of a request grow up to 64 s (section 3.1). */
static void check_asks(const struct book *b, uint64_t now_ms)
{
    uint64_t asked_ms = b->own.address_sent_ms;

    if (asked_ms < b->own.started_ms)
        asked_ms = b->own.started_ms;
    if (asked_ms < b->own.stalled_ms)
        asked_ms = b->own.stalled_ms;
    if (now_ms > asked_ms + ASKS_MS + b->config.late_ms)
        book_fail(b, "the gateway was not asked for its address for %" PRIu64 " ms", now_ms - asked_ms);
}

/* ---- calm weather ---- */

void book_router_trouble(struct book *b, uint64_t until_ms)
{
    if (b->router_ms < until_ms)
        b->router_ms = until_ms;
}

void book_stalled(struct book *b, uint64_t until_ms)
{
    b->own.stalled_ms = until_ms;
}

void book_started(struct book *b, uint64_t now_ms)
{
    b->own.serves = true;
    b->own.started_ms = now_ms;
    b->own.adopted_ms = now_ms;
    b->own.stopping = false;
    b->own.has_epoch = false;
    b->own.cause_ms = 0;
    b->own.clock.known = false;
    b->own.other_clock.known = false;
    b->own.address_open = false;
    b->own.addresses = 0;
    b->own.unheard = 0;
    b->own.unsure_unheard = 0;
    b->own.silent = false;
    b->own.maybe_silent = false;
    b->own.refuses = false;
    b->own.series = 0;
    /* This series counts, even if another one replaces it before its time. */
    count_series(b, now_ms, now_ms + ANNOUNCE_START_MS);
    b->own.series_cause_ms = now_ms + ANNOUNCE_START_MS;
    b->own.series_due = true;
    book_router_trouble(b, now_ms);
    b->own.gateway_ms = now_ms;
    for (size_t i = 0; i < b->mappings_room; i++)
        b->mappings[i].adopted = b->mappings[i].rule_generation == b->rule_generation;
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];

        /* What an earlier process knows, the next one does not. */
        lease->grants = 0;
        lease->open = false;
        lease->sent_ms = 0;
        memset(lease->refused_ms, 0, sizeof(lease->refused_ms));
        lease->clash_ms = 0;
        lease->lingers_ms = 0;
        lease->contradictions = 0;
    }
}

void book_adopted(struct book *b, uint64_t now_ms)
{
    b->own.adopted_ms = now_ms;
    for (unsigned i = 0; i < b->rule_count; i++) {
        const struct book_rule *rule = &b->rules[i];
        struct book_mapping *m = book_find(b, rule->address, rule->tcp, rule->port);

        if (m)
            m->adopted_until_ms = now_ms + (uint64_t)rule->lease_s * 1000;
    }
}

/* ---- one mapping ---- */

static void check_created(const struct book *b, uint64_t now_ms, const struct book_mapping *m)
{
    const struct book_rule *rule;
    uint64_t for_ms;
    char text[48];

    if (m->work_ms == 0 || m->work_ms + CREATED_MS > now_ms)
        return; /* most mappings: what follows takes time */
    for_ms = CREATED_MS + (uint64_t)TURN_MS * book_mappings_of(b, m->address);
    rule = book_rule_of(b, m->address, m->tcp, m->port);
    if (!rule || !rule->enabled || m->rule_ms + ANSWERED_MS + b->config.router_ms > now_ms)
        return; /* the router is slow, or has no room */
    if (b->config.hidden(b->config.context, rule))
        return; /* nothing would arrive */
    if (b->own.error_ms < m->work_ms && b->own.cause_ms + LEARNS_MS < now_ms &&
        m->work_ms + for_ms + b->config.router_ms < now_ms && !b->config.symmetric &&
        book_router_is_calm(b, now_ms, for_ms) && book_gateway_is_calm(b, now_ms, for_ms))
        book_fail(b, "%s waits for %" PRIu64 " ms, and nothing is the reason", book_name(m, text),
                  now_ms - m->work_ms);
}

/* Another request of that client is in work at the gateway, or was until a moment ago: it has one at a time
 * (section 3.1). One that no rule shows the owner of may be that client's. */
static bool waits_for_turn(const struct book *b, uint32_t address, const struct book_lease *own,
                           uint64_t since_ms)
{
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        const struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];

        if (lease != own && (lease->owner == address || !book_owner_of(b, lease)) &&
            (((lease->open || lease->maybe_open) && !lease->deletes) || lease->answered_ms > since_ms))
            return true;
    }
    return false;
}

/* Whatever the weather, the gateway is asked for what a client waits for: no deletion, answered or not, may
 * be in the way of that for long. */
static void check_asked(const struct book *b, uint64_t now_ms, const struct book_mapping *m)
{
    uint64_t for_ms = ASKED_MS + b->config.late_ms + b->config.router_ms;
    const struct book_rule *rule;
    const struct book_lease *lease;
    char text[48];

    if (m->work_ms == 0 || m->work_ms + for_ms > now_ms || b->config.symmetric ||
        b->own.error_ms >= m->work_ms || b->own.stalled_ms + for_ms > now_ms ||
        !book_router_is_calm(b, now_ms, BOOK_CALM_MS))
        return;
    rule = book_rule_of(b, m->address, m->tcp, m->port);
    lease = rule ? book_lease_of(b, rule->tcp, rule->router_port) : NULL;
    if (lease && b->statics > 0 && lease->mapped_ms >= m->work_ms)
        return; /* what it was granted then may have been given back for a static mapping */
    if (!lease || !rule->enabled || m->rule_ms + for_ms > now_ms || lease->contradicted_ms >= m->work_ms ||
        (!lease->deletes && (lease->open || lease->sent_ms >= m->work_ms)) ||
        waits_for_turn(b, m->address, lease, now_ms - for_ms))
        return;
    book_fail(b, "%s waits for %" PRIu64 " ms, and the gateway was not asked for it", book_name(m, text),
              now_ms - m->work_ms);
}

/* The client believes in a port that the gateway gave up, and nobody tells it. */
static void check_learns(const struct book *b, uint64_t now_ms, const struct book_mapping *m)
{
    uint64_t for_ms = LEARNS_MS + b->config.router_ms;
    char text[48];

    if (m->broken_ms != 0 && m->until_ms > now_ms && !m->doubtful && m->work_ms == 0 &&
        book_told_by_us(b, m) && m->broken_ms + for_ms < now_ms && book_gateway_is_calm(b, now_ms, for_ms) &&
        book_router_is_calm(b, now_ms, for_ms))
        book_fail(b,
                  "%s was told external port %u, which is gone since %" PRIu64
                  ", and the epoch has not restarted",
                  book_name(m, text), m->external_port, m->broken_ms);
}

/* The daemon keeps it: the client believes in it, or will come back. */
static bool is_kept(const struct book *b, const struct book_mapping *m, uint64_t now_ms)
{
    bool kept = b->config.keeps == BOOK_KEEPS_ALL && m->kept_ms > now_ms && m->until_ms != 0;

    return (m->until_ms > now_ms || kept) && m->external_port != 0 && !m->doubtful && m->broken_ms == 0 &&
           book_told_by_us(b, m) && m->told_ms > b->reset_ms && b->own.error_ms < m->told_ms;
}

static void check_kept(const struct book *b, uint64_t now_ms, const struct book_mapping *m)
{
    const struct book_rule *rule;
    const struct book_lease *lease;
    bool no_rule;
    bool no_lease;
    char text[48];

    if (!is_kept(b, m, now_ms + SLOW_SCAN_MS) || b->config.symmetric ||
        !book_router_is_calm(b, now_ms, COMMANDS_CALM_MS))
        return;
    rule = book_rule_of(b, m->address, m->tcp, m->port);
    lease = rule ? book_lease_of(b, rule->tcp, rule->router_port) : NULL;
    /* A lease of a pair with two different ports is deleted and requested anew. */
    if (lease && (lease->clash_ms > m->told_ms || lease->deleted_ms + BOOK_CALM_MS > now_ms))
        return;
    /* Nor is a lease of some seconds renewed before its end: it would cost too many requests. */
    if (lease && lease->grants > 0 && lease->grant[0].ends_ms <= lease->grant[0].got_ms + SHORT_LEASE_MS)
        return;
    no_rule = !rule || !rule->enabled;
    no_lease = book_gateway_is_calm(b, now_ms, BOOK_CALM_MS) && lease && !lease->open &&
               book_lease_gone_ms(lease) + SLOW_SCAN_MS < now_ms;
    if ((no_rule || no_lease) && !b->config.forbidden(b->config.context, m->address) &&
        !b->config.barred(b->config.context, m->tcp))
        book_fail(b, "%s is kept for %" PRIu64 " ms more, and has no %s", book_name(m, text),
                  m->kept_ms - now_ms, no_rule ? "rule" : "lease");
}

/* A rule whose mapping has ended for the client, and that no lease of an earlier process explains. */
static void check_rule_ends(const struct book *b, uint64_t now_ms, const struct book_rule *rule)
{
    const struct book_mapping *m = book_find(b, rule->address, rule->tcp, rule->port);
    uint64_t ends_ms = b->own.adopted_ms + (uint64_t)rule->lease_s * 1000;
    char text[48];

    if (!rule->enabled || !m || m->is_static || m->work_ms != 0 ||
        !book_router_is_calm(b, now_ms, COMMANDS_CALM_MS) || book_excused(b, m->address, m->tcp, m->port))
        return;
    if (book_told_by_us(b, m))
        ends_ms = m->until_ms > m->kept_ms ? m->until_ms : m->kept_ms;
    if (m->doubtful && book_told_by_us(b, m) && m->asked_ms > m->deleted_ms)
        return;
    if (ends_ms < m->done_ms)
        ends_ms = m->done_ms;
    if (ends_ms < m->deleted_ms)
        ends_ms = m->deleted_ms;
    if (ends_ms + RULE_GONE_MS < now_ms && m->rule_ms + RULE_GONE_MS < now_ms)
        book_fail(b, "the rule for %s outlives its mapping by %" PRIu64 " ms", book_name(m, text),
                  now_ms - ends_ms);
}

/* A request whose first datagram was lost, or its answer. A deletion is given up soon, and nobody waits for
 * it.
 */
static void note_unanswered(struct book *b, uint64_t now_ms)
{
    for (unsigned i = 0; i < b->own.lease_count; i++) {
        const struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];

        if (lease->open && !lease->deletes && lease->asked_ms + ANSWERED_MS < now_ms &&
            now_ms < lease->sent_ms + GIVEN_UP_MS)
            b->own.gateway_ms = now_ms;
    }
}

static void slow_scan(struct book *b, uint64_t now_ms)
{
    b->own.slow_scan_ms = now_ms;
    note_unanswered(b, now_ms);
    if (b->other.serves)
        return;
    for (size_t i = 0; i < b->mappings_room; i++) {
        if (!b->mappings[i].used)
            continue;
        check_created(b, now_ms, &b->mappings[i]);
        check_asked(b, now_ms, &b->mappings[i]);
        check_learns(b, now_ms, &b->mappings[i]);
        check_kept(b, now_ms, &b->mappings[i]);
    }
    for (unsigned i = 0; i < b->rule_count; i++)
        check_rule_ends(b, now_ms, &b->rules[i]);
}

void book_time(struct book *b, uint64_t now_ms)
{
    if (!b->own.serves || !b->other.serves || b->strangers || b->hidden)
        b->alone_ms = now_ms;
    if (b->own.serves && b->other.serves && !b->strangers)
        b->twins_ms = now_ms;
    b->twins = b->twins_ms != 0 && now_ms < b->twins_ms + TWINS_UNDONE_MS;
    if (now_ms > b->alone_ms + TWINS_MS && book_router_is_calm(b, now_ms, TWINS_MS))
        book_fail(b, "two processes with one INSTANCE serve");
    if (!b->own.serves || b->own.stopping || now_ms < b->own.scan_ms + SCAN_MS)
        return;
    b->own.scan_ms = now_ms;
    if (b->requests_live > 0)
        book_check_requests(b, now_ms);
    check_announcements(b, now_ms);
    check_asks(b, now_ms);
    if (now_ms >= b->own.slow_scan_ms + SLOW_SCAN_MS)
        slow_scan(b, now_ms);
}

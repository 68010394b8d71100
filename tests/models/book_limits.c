/* What limits allow (docs/security.md): how many mappings there may be, and how many changes on the router
 * clients may cause. A refusal needs a limit that may have been reached; a success must not go beyond one
 * that certainly was. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"

enum {
    /* MAX_MAPPINGS: one in so many is kept for hosts that have a mapping. */
    KEPT_SHARE = 4,
    KEPT_AGE_MS = 600000,
    /* Ending a mapping takes two round trips to the router and one to the gateway, which may repeat a
     * deletion for some seconds. Until then it counts. */
    ENDING_MS = 20000,
    /* Changes: a client's burst is as many as it may have mappings, but at least so many ... */
    CLIENT_BURST_MIN = 16,
    CLIENT_PERIOD_US = 1000000,
    /* ... and that of all is this. */
    ALL_BURST = 1024,
    /* A change that the router refused, or that was lost with the connection, cost the budget, and the rules
     * do not show it: for as long as a client's budget of 64 takes to be full again. */
    UNSEEN_MS = 64000,
    CLIENT_ALLOWED = 3,
    ALLOWED_CALM_MS = 120000,
};

/* ---- mappings ---- */

static uint64_t last_ms(const struct book_mapping *m)
{
    uint64_t ms = m->done_ms;

    ms = ms > m->until_ms ? ms : m->until_ms;
    ms = ms > m->kept_ms ? ms : m->kept_ms;
    return ms > m->deleted_ms ? ms : m->deleted_ms;
}

/* The gateway has not confirmed the deletion of its lease. */
static bool lingers(const struct book *b, const struct book_mapping *m, uint64_t now_ms)
{
    for (unsigned i = 0; b->own.lingers_ms > now_ms && i < b->own.lease_count; i++) {
        const struct book_lease *lease = &b->own.leases[b->own.lease_of[i]];

        if (lease->lingers_ms > now_ms && lease->tcp == m->tcp && lease->owner == m->address &&
            lease->owner_port == m->port)
            return true;
    }
    return false;
}

/* The daemon may count it, if it counts what ended less than `rest_ms` ago. */
static bool may_count(const struct book *b, const struct book_mapping *m, uint64_t now_ms, uint64_t rest_ms)
{
    uint64_t ended_ms = last_ms(m);

    return m->used && (m->work_ms != 0 || m->rule_generation == b->rule_generation ||
                       (ended_ms != 0 && ended_ms + rest_ms > now_ms) || lingers(b, m, now_ms));
}

static unsigned may_be(const struct book *b, uint32_t address, uint64_t now_ms, uint64_t rest_ms)
{
    unsigned count = 0;

    for (size_t i = 0; i < b->mappings_room; i++) {
        const struct book_mapping *m = &b->mappings[i];

        count += (address == 0 || m->address == address) && may_count(b, m, now_ms, rest_ms);
    }
    return count;
}

/* The client believes in it, and the present process told it. Rules that a process finds become mappings
 * whatever the limits say. */
static unsigned are(const struct book *b, uint32_t address, bool adopted, uint64_t now_ms)
{
    unsigned count = 0;

    for (size_t i = 0; i < b->mappings_room; i++) {
        const struct book_mapping *m = &b->mappings[i];

        count += (address == 0 || m->address == address) && book_believes(b, m, now_ms) &&
                 book_told_by_us(b, m) && (!m->adopted || adopted) && !m->is_static;
    }
    return count;
}

bool book_rests_shortly(const struct book *b, uint32_t address, uint64_t now_ms)
{
    return may_be(b, address, now_ms, BOOK_QUARANTINE_MS + ENDING_MS) >= 2 * b->config.client_mappings_max;
}

/* A client's mappings count also in quarantine, but then twice as many are allowed: otherwise a client that
 * maps and deletes in turn would take all ports of the others. */
static bool client_is_full(const struct book *b, const struct book_mapping *m, uint64_t now_ms)
{
    return may_be(b, m->address, now_ms, ENDING_MS) >= b->config.client_mappings_max ||
           book_rests_shortly(b, m->address, now_ms);
}

static bool has_old(const struct book *b, uint32_t address, uint64_t now_ms)
{
    for (size_t i = 0; i < b->mappings_room; i++) {
        const struct book_mapping *m = &b->mappings[i];

        if (m->address == address && book_believes(b, m, now_ms) && book_told_by_us(b, m) &&
            m->rule_ms + KEPT_AGE_MS <= now_ms)
            return true;
    }
    return false;
}

/* The last share is for clients that have had a mapping for a while. */
static bool all_are_full(const struct book *b, const struct book_mapping *m, uint64_t now_ms)
{
    unsigned max = b->config.mappings_max;
    unsigned limit = has_old(b, m->address, now_ms) ? max : max - max / KEPT_SHARE;

    return may_be(b, 0, now_ms, ENDING_MS) >= limit;
}

void book_check_limits(const struct book *b, uint64_t now_ms, const struct book_mapping *m)
{
    char text[48];

    if (are(b, m->address, false, now_ms) > b->config.client_mappings_max)
        book_fail(b, "%s is one mapping more than MAX_MAPPINGS_PER_CLIENT", book_name(m, text));
    if (are(b, 0, false, now_ms) > b->config.mappings_max)
        book_fail(b, "%s is one mapping more than MAX_MAPPINGS", book_name(m, text));
}

/* ---- changes on the router ---- */

static struct book_client *client_of(const struct book *b, uint32_t address)
{
    size_t i = (address * 0x9e3779b1u) >> 18;

    while (b->clients[i].address != 0 && b->clients[i].address != address)
        i = (i + 1) % BOOK_CLIENTS;
    b->clients[i].address = address;
    return &b->clients[i];
}

/* It counts every change of the client's rules, also those that the daemon makes by itself and does not
 * count. So what this bucket allows, the daemon allows, too. */
static void take(struct book_bucket *bucket, uint64_t now_ms, unsigned burst, uint64_t period_us)
{
    uint64_t now_us = now_ms * 1000;

    if (bucket->empty_us < now_us)
        bucket->empty_us = now_us;
    bucket->empty_us += period_us;
    /* From the last change that it allows on, until it allows one again. */
    if (bucket->empty_us + period_us >= now_us + burst * period_us)
        bucket->spent_ms = (bucket->empty_us + 2 * period_us - burst * period_us) / 1000;
}

static unsigned client_burst(const struct book *b)
{
    return b->config.client_mappings_max > CLIENT_BURST_MIN ? b->config.client_mappings_max
                                                            : CLIENT_BURST_MIN;
}

/* A second bucket, which allows three times as much: each change that a client may cause, its end by itself,
 * and the rules that it has. In calm weather the daemon must not go beyond that. */
static void check_client(struct book *b, uint64_t now_ms, struct book_client *client)
{
    uint64_t burst_us = (uint64_t)CLIENT_ALLOWED * client_burst(b) * CLIENT_PERIOD_US / 2;
    char text[48];

    if (!book_router_is_calm(b, now_ms, ALLOWED_CALM_MS) || b->own.started_ms + ALLOWED_CALM_MS > now_ms)
        client->all.empty_us = 0;
    take(&client->all, now_ms, CLIENT_ALLOWED * client_burst(b), CLIENT_PERIOD_US / 2);
    if (client->all.empty_us > now_ms * 1000 + burst_us)
        book_fail(b, "the rules of %s change more often than the client may cause",
                  book_name(&(struct book_mapping){.address = client->address}, text));
}

static void note_change(struct book *b, uint64_t now_ms, uint32_t address)
{
    struct book_client *client;

    if (b->config.changes_per_s == 0)
        return;
    client = client_of(b, address);
    take(&client->changes, now_ms, client_burst(b), CLIENT_PERIOD_US);
    check_client(b, now_ms, client);
    take(&b->changes, now_ms, ALL_BURST, 1000000 / b->config.changes_per_s);
}

static bool is_same(const struct book_rule *a, const struct book_rule *b)
{
    return a->id == b->id && a->comment_hash == b->comment_hash && a->enabled == b->enabled;
}

void book_count_changes(struct book *b, uint64_t now_ms)
{
    unsigned same = 0;
    unsigned tail = 0;
    unsigned shorter = b->rule_count < b->before_count ? b->rule_count : b->before_count;
    unsigned old;
    unsigned new;

    while (same < shorter && is_same(&b->rules[same], &b->before[same]))
        same++;
    while (same + tail < shorter &&
           is_same(&b->rules[b->rule_count - 1 - tail], &b->before[b->before_count - 1 - tail]))
        tail++;
    old = b->before_count - same - tail;
    new = b->rule_count - same - tail;
    for (unsigned i = 0; i < old || i < new; i++)
        note_change(b, now_ms, i < new ? b->rules[same + i].address : b->before[same + i].address);
    if (b->rule_count > b->before_room) {
        b->before_room = 2 * b->rule_count;
        b->before = realloc(b->before, b->before_room * sizeof(*b->before));
        assert(b->before);
    }
    if (b->rule_count > same)
        memcpy(b->before + same, b->rules + same, (b->rule_count - same) * sizeof(*b->before));
    b->before_count = b->rule_count;
}

/* A request that waited for its turn until its time was over. */
static bool changes_are_spent(const struct book *b, const struct book_mapping *m, uint64_t now_ms)
{
    bool unseen = !book_router_is_calm(b, now_ms, UNSEEN_MS);
    bool spent =
        client_of(b, m->address)->changes.spent_ms >= m->work_ms || b->changes.spent_ms >= m->work_ms;

    return b->config.changes_per_s != 0 && now_ms + BOOK_ANSWER_SLACK_MS >= m->work_ms + BOOK_ANSWER_MS &&
           (spent || unseen);
}

bool book_may_be_full(const struct book *b, const struct book_mapping *m, uint64_t now_ms)
{
    return client_is_full(b, m, now_ms) || all_are_full(b, m, now_ms) || changes_are_spent(b, m, now_ms);
}

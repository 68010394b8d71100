#include "core/pair.h"

enum {
    /* The gateway might not grant a deleted lease again. So the daemon deletes one at most once in this time,
     * even if the gateway changes ports often. */
    REJOIN_APART_MS = 10 * 60 * 1000,
};

uint16_t pair_companion(const struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    uint16_t companion = mapping_companion(t, m);
    return companion != 0 && lease_lives(&t->mapping[companion], now_ms) ? companion : 0;
}

/* Some gateways change the external ports of both protocols at once. */
static bool may_have_changed(const struct mapping *mapping, const struct mapping *companion, uint16_t old)
{
    return companion->lease.external_port == old && companion->lease.pair == PAIR_SETTLED &&
           companion->router_port == mapping->router_port;
}

static enum pair_next next_of(const struct mapping *mapping, const struct mapping *companion, uint64_t now_ms)
{
    const struct lease *lease = &companion->lease;
    bool lately = lease->rejoined_ms != 0 && lease->rejoined_ms + REJOIN_APART_MS > now_ms;
    if (lease->external_port == mapping->lease.external_port || lately)
        return PAIR_NEXT_SETTLES;
    /* Such a gateway gives both protocols the same number only when a lease is new, not at a renewal. */
    return PAIR_NEXT_REJOINS;
}

struct pair_verdict pair_judge(const struct mapping_tables *t, const struct strategy *strategy, uint16_t m,
                               uint16_t old, bool rotated, uint64_t now_ms)
{
    const struct mapping *mapping = &t->mapping[m];
    uint16_t c = pair_companion(t, m, now_ms);
    const struct mapping *companion = &t->mapping[c];
    bool was_asked_for = c != 0 && companion->lease.pair == PAIR_ASKED;
    bool differs = old != 0 && old != mapping->lease.external_port;
    struct pair_verdict verdict = {.companion = c, .compare = c != 0 && !differs && !was_asked_for};
    if (differs && promise_lives(mapping, now_ms)) {
        verdict.changed = true;
        verdict.ask_companion = rotated && !was_asked_for && c != 0 && strategy->moves &&
                                may_have_changed(mapping, companion, old);
        verdict.broken = !verdict.ask_companion;
    }
    if (was_asked_for)
        verdict.companion_next = next_of(mapping, companion, now_ms);
    return verdict;
}

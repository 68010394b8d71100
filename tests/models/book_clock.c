/* The gateway's clock, and whether the weather is calm: no trouble of the gateway or the router for a while.
 */
#include "book.h"

enum {
    /* Two datagrams of one clock differ by the second that is rounded down and the way. */
    JITTER_S = 1,
    DOUBT_S = 3,
    /* A client tolerates so much (section 3.6), and a reply can be so late. */
    TOLERANCE_S = 2,
    LATE_MAX_S = 64,
    CLOCK_SETTLED_MS = 2000,
    PROMPT_ANSWERS = 2, /* to questions that were asked after the clock changed */
    /* A clock that was set four times, each time within a minute of the last, tells nothing for ten minutes.
     */
    CLOCKS_SURE = 3, /* one may have passed unseen */
    CLOCKS_APART_MS = 65000,
    CLOCK_VOID_MS = 605000,
};

/* ---- calm weather ---- */

void book_gateway_trouble(struct book *b, uint64_t now_ms)
{
    b->own.gateway_ms = now_ms;
}

static bool is_calm(uint64_t trouble_ms, uint64_t now_ms, uint64_t for_ms)
{
    return trouble_ms + for_ms < now_ms;
}

bool book_gateway_is_calm(const struct book *b, uint64_t now_ms, uint64_t for_ms)
{
    return is_calm(b->own.gateway_ms, now_ms, for_ms + b->config.late_ms) &&
           is_calm(b->own.stalled_ms, now_ms, for_ms) && !b->own.stopping;
}

bool book_router_is_calm(const struct book *b, uint64_t now_ms, uint64_t for_ms)
{
    return is_calm(b->router_ms, now_ms, for_ms + b->config.router_ms + b->config.late_ms) &&
           is_calm(b->own.stalled_ms, now_ms, for_ms) && !b->own.stopping;
}

/* ---- the gateway's clock ---- */

static int64_t expected_s(const struct book_clock *clock, uint64_t at_ms)
{
    int64_t passed_ms = (int64_t)at_ms - (int64_t)clock->at_ms;

    return (int64_t)clock->epoch_s + (passed_ms < 0 ? (passed_ms - 999) / 1000 : passed_ms / 1000);
}

static void set_clock(struct book_clock *clock, uint64_t now_ms, uint32_t epoch_s)
{
    if (!clock->known)
        clock->since_ms = now_ms;
    clock->known = true;
    clock->heard_ms = now_ms;
    clock->epoch_s = epoch_s;
    clock->at_ms = now_ms;
}

/* By the old clock, the gateway lost its state: it is behind by more than section 3.6 tolerates, or ahead by
 * more than any reply can be late. */
static bool is_restart(const struct book_clock *clock, uint64_t now_ms, uint32_t epoch_s)
{
    int64_t heard_s = expected_s(clock, clock->heard_ms);
    int64_t passed_s = (int64_t)((now_ms - clock->heard_ms) / 1000);

    return (int64_t)epoch_s + TOLERANCE_S + JITTER_S < heard_s + passed_s * 7 / 8 ||
           (int64_t)epoch_s > heard_s + passed_s * 9 / 8 + LATE_MAX_S + JITTER_S;
}

/* All that was granted by another clock than the one that counts now. */
static void void_grants(struct book *b, struct book_lease *lease, uint64_t now_ms)
{
    struct book_mapping *m = book_owner_of(b, lease);
    unsigned kept = 0;

    if (now_ms < b->own.clock_void_until_ms) {
        lease->doubted_ms = now_ms;
        return;
    }
    for (unsigned i = 0; i < lease->grants; i++) {
        int64_t off_s = (int64_t)lease->grant[i].epoch_s - expected_s(&b->own.clock, lease->grant[i].got_ms);

        /* What came after the first change is not of the old clock. */
        if ((off_s >= -DOUBT_S && off_s <= DOUBT_S) || lease->grant[i].got_ms >= b->own.clock.first_ms)
            lease->grant[kept++] = lease->grant[i];
    }
    /* The epoch may have restarted since then, and told the client. */
    if (kept == 0 && lease->grants > 0 && m && book_believes(b, m, now_ms) &&
        b->reset_ms < b->own.clock.first_ms)
        m->broken_ms = now_ms;
    lease->grants = kept;
}

/* The daemon may take this one at once. */
static void note_clock(struct book *b, uint64_t now_ms)
{
    b->own.clocks = now_ms < b->own.clocks_ms + CLOCKS_APART_MS ? b->own.clocks + 1 : 1;
    b->own.clocks_ms = now_ms;
    if (b->own.clocks >= CLOCKS_SURE)
        b->own.clock_void_until_ms = now_ms + CLOCK_VOID_MS;
}

/* A packet of another clock. When that clock has gone on for a while, it counts: true. */
static bool other_clock(struct book *b, uint64_t now_ms, uint32_t epoch_s,
                        const struct book_question *question)
{
    struct book_clock *other = &b->own.other_clock;
    int64_t off_s = other->known ? (int64_t)epoch_s - expected_s(other, now_ms) : 0;
    bool late = b->own.clock.heard_ms >= other->since_ms; /* the old clock goes on */
    /* The daemon may have taken the other clock already. */
    bool set_again = other->known && !late && !other->restarted && !is_restart(other, now_ms, epoch_s);

    if (!other->known || off_s < -JITTER_S || off_s > JITTER_S || late) {
        *other = (struct book_clock){.restarted = !set_again && is_restart(&b->own.clock, now_ms, epoch_s),
                                     .first_ms = other->known && !late ? other->first_ms : now_ms};
        note_clock(b, now_ms);
    }
    set_clock(other, now_ms, epoch_s);
    other->prompt += question->is_first && question->asked_ms >= other->since_ms + CLOCK_SETTLED_MS / 2 &&
                     now_ms < question->asked_ms + CLOCK_SETTLED_MS;
    if (now_ms < other->since_ms + CLOCK_SETTLED_MS || other->prompt < PROMPT_ANSWERS ||
        (b->own.address_open &&
         !b->own.address_maybe)) /* the answer to an address request decides, and it may be lost */
        return false;
    b->own.clock = *other;
    other->known = false;
    for (unsigned i = 0; b->own.clock.restarted && i < b->own.lease_count; i++)
        void_grants(b, &b->own.leases[b->own.lease_of[i]], now_ms);
    return true;
}

/* The daemon may have taken the other clock, and then it is that one that does not go on: for the daemon the
 * gateway has lost all leases (section 3.6). */
static void may_have_lost_all(struct book *b, uint64_t now_ms)
{
    b->own.cause_ms = now_ms;
    for (unsigned i = 0; i < b->own.lease_count; i++)
        b->own.leases[b->own.lease_of[i]].doubted_ms = now_ms;
}

/* The known clock is heard again after packets of another one. */
static void goes_on(struct book *b, uint64_t now_ms, uint32_t epoch_s)
{
    struct book_clock *clock = &b->own.clock;

    if (clock->again_ms <= b->own.other_clock.heard_ms) {
        clock->again_ms = now_ms;
        clock->prompt = 0;
        if (b->own.other_clock.known && is_restart(&b->own.other_clock, now_ms, epoch_s))
            may_have_lost_all(b, now_ms);
    }
    if (now_ms >= clock->again_ms + CLOCK_SETTLED_MS && ++clock->prompt >= PROMPT_ANSWERS)
        b->own.other_clock.known = false;
}

enum book_fit book_judge(struct book *b, uint64_t now_ms, uint32_t epoch_s,
                         const struct book_question *question)
{
    int64_t off_s = (int64_t)epoch_s - expected_s(&b->own.clock, now_ms);

    if (!b->own.clock.known || (off_s >= -JITTER_S && off_s <= JITTER_S &&
                                (int64_t)epoch_s >= expected_s(&b->own.clock, question->asked_ms))) {
        b->own.clock.heard_ms = now_ms;
        if (!b->own.clock.known || off_s >= 0) /* one that is behind was longer under way */
            set_clock(&b->own.clock, now_ms, epoch_s);
        goes_on(b, now_ms, epoch_s);
        return b->own.other_clock.known ? BOOK_FIT_MAYBE : BOOK_FIT_SURE;
    }
    book_gateway_trouble(b, now_ms);
    b->own.unsure_ms = now_ms;
    if (other_clock(b, now_ms, epoch_s, question))
        return BOOK_FIT_SURE;
    bool near = off_s >= -DOUBT_S && off_s <= DOUBT_S;

    if (!near || off_s < -TOLERANCE_S) /* then it may have restarted just before */
        b->own.cause_ms = now_ms;
    return near ? BOOK_FIT_MAYBE : BOOK_FIT_NOT;
}

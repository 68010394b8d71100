#include "core/upstream_clock.h"

#include "core/upstream_schedule.h"

enum {
    /* The answer to an address request may be an old one that arrives late, or the gateway's clock was set:
     * an answer that arrives so long after the request decides. Two such requests in a row take less than 2
     * s. */
    DOUBT_MS = 700,
    /* If no answer to an address request has contained the epoch for so long, the answer to any request
     * decides: some gateways answer address requests with errors, or not at all. */
    NO_CLOCK_MS = 1400,
    /* After so long no answer to an address request is expected any more. */
    ADDRESS_LATE_MS = 30 * 1000,
    /* A clock that was set so often, each time so soon after the last one, is ignored for a while, because
     * each change costs a request for each mapping. */
    CLOCKS_MAX = 4,
    CLOCKS_APART_MS = 60 * 1000,
};

/* How the epoch of a packet that came now fits to the clock that is known. */
enum epoch {
    EPOCH_FITS,
    EPOCH_LATE,  /* a reply that was long under way, or the gateway's clock was set back */
    EPOCH_OTHER, /* the gateway restarted, or another one answers */
};

bool upstream_clock_is_void(const struct upstream *u, uint64_t now_ms)
{
    return now_ms < u->clock_void_until_ms;
}

uint32_t upstream_epoch_at_least_s(const struct upstream *u, uint64_t now_ms)
{
    return u->epoch_known ? u->epoch_s + (uint32_t)((now_ms - u->epoch_ms) * 7 / 8 / 1000) : 0;
}

/* The most that the epoch should be by now, by a fast reckoning. */
static uint64_t epoch_at_most_s(const struct upstream *u, uint64_t now_ms)
{
    return u->epoch_s + (now_ms - u->epoch_ms) / 1000 * 9 / 8;
}

/* RFC 6886 section 3.6 [C-26]: the epoch should have advanced as our clock did, but for an eighth and two
 * seconds. A late reply fails this as well, but by no more than a reply can be late; and a restart cannot be
 * longer ago than the last packet that fitted. Far ahead is wrong, too: a reply from before a restart, or the
 * tunnel ends at another server now. */
static enum epoch judge_epoch(const struct upstream *u, uint32_t epoch_s, uint64_t now_ms)
{
    uint64_t elapsed_s = (now_ms - u->epoch_ms) / 1000;
    uint32_t expected_s = upstream_epoch_at_least_s(u, now_ms);
    if (!u->epoch_known)
        return EPOCH_FITS;
    if (epoch_s > epoch_at_most_s(u, now_ms) + LATE_MAX_S)
        return EPOCH_OTHER;
    if ((uint64_t)epoch_s + EPOCH_TOLERANCE_S >= expected_s)
        return EPOCH_FITS;
    bool restarted = epoch_s <= elapsed_s + EPOCH_TOLERANCE_S;
    return restarted || expected_s - epoch_s > LATE_MAX_S ? EPOCH_OTHER : EPOCH_LATE;
}

/* The answer to one address request shows whether the packet was late or the clock was set. Answers to
 * earlier ones may still be under way. */
static void suspect(struct upstream *u, enum epoch epoch, uint64_t now_ms)
{
    u->epoch_doubted = u->epoch_doubted || epoch == EPOCH_OTHER;
    if (u->suspected)
        return;
    if (u->address_last_ms + ADDRESS_LATE_MS <= now_ms)
        u->address_unanswered = 0;
    u->suspected = true;
    u->suspected_ms = now_ms;
    u->late_likely = u->address_unanswered > 0 || now_ms < u->late_until_ms;
    upstream_ask_address_now(u, now_ms);
}

bool upstream_may_ask_unasked(struct upstream *u, uint64_t now_ms)
{
    if (now_ms < u->unasked_until_ms)
        return false;
    u->unasked_until_ms = now_ms + UINT64_C(1000) * GATEWAY_UNASKED_INTERVAL_S;
    return true;
}

/* Another clock counts from now on. By section 3.6 the gateway lost its state if its clock went back by more
 * than the tolerance. */
static void change_clock(struct upstream *u, enum epoch epoch, uint64_t now_ms)
{
    u->state_lost = u->state_lost || epoch != EPOCH_FITS;
    u->clocks = now_ms < u->clock_ms + CLOCKS_APART_MS ? u->clocks + 1u : 1;
    u->clock_ms = now_ms;
    if (u->clocks >= CLOCKS_MAX) {
        u->clocks = 0;
        u->clock_void_until_ms = now_ms + CLOCK_VOID_MS;
    }
    for (unsigned i = 0; i < UPSTREAM_PARALLEL_MAX; i++) {
        struct transaction *t = &u->transaction[i];
        t->epoch_floor_s = 0;
        if (t->clock_changes < CLOCK_CHANGES_MAX)
            t->clock_changes++;
    }
    upstream_hurry(u, now_ms);
}

static void set_clock(struct upstream *u, uint32_t epoch_s, uint64_t now_ms)
{
    u->suspected = false;
    u->epoch_doubted = false;
    u->epoch_known = true;
    u->epoch_s = epoch_s;
    u->epoch_ms = now_ms;
}

/* By the clock that is known, the reply was sent before the question. True: it is the clock that is wrong. */
static bool is_other_clock(struct upstream *u, const struct natpmp_reply *reply, enum epoch epoch,
                           uint64_t now_ms)
{
    if (!u->suspected || (reply->type != NATPMP_REPLY_ADDRESS && now_ms < u->suspected_ms + NO_CLOCK_MS)) {
        suspect(u, epoch, now_ms);
        return false;
    }
    return epoch == EPOCH_OTHER || !u->late_likely || now_ms >= u->suspected_ms + DOUBT_MS;
}

/* What answers no question moves no clock; far off, it causes one request at most in a while. */
static bool watch_unasked(struct upstream *u, enum epoch epoch, uint64_t now_ms)
{
    if (epoch == EPOCH_OTHER && upstream_may_ask_unasked(u, now_ms))
        suspect(u, epoch, now_ms);
    if (epoch == EPOCH_LATE)
        u->late_until_ms = now_ms + UINT64_C(1000) * LATE_MAX_S;
    return epoch == EPOCH_FITS;
}

uint32_t upstream_floor_of(const struct upstream *u, const struct question *question)
{
    if (!u->epoch_known || question->asked_ms >= u->epoch_ms)
        return question->floor_s;
    uint64_t since_s = (u->epoch_ms - question->asked_ms) / 1000 * 9 / 8 + 1;
    uint32_t floor_s = u->epoch_s > since_s ? u->epoch_s - (uint32_t)since_s : 0;
    return floor_s > question->floor_s ? floor_s : question->floor_s;
}

bool upstream_watch_epoch(struct upstream *u, const struct natpmp_reply *reply,
                          const struct question *question, uint64_t now_ms)
{
    enum epoch epoch = judge_epoch(u, reply->epoch_s, now_ms);
    if (!question->open)
        return watch_unasked(u, epoch, now_ms);
    bool after = question->decided || upstream_clock_is_void(u, now_ms) ||
                 (epoch != EPOCH_OTHER && reply->epoch_s >= upstream_floor_of(u, question));
    if (!after && !is_other_clock(u, reply, epoch, now_ms))
        return false;
    if (!after)
        change_clock(u, epoch, now_ms);
    else if (u->suspected)
        u->late_until_ms = now_ms + UINT64_C(1000) * LATE_MAX_S;
    /* Ahead: this may be another server, which has another address. */
    bool ahead = u->epoch_known && reply->epoch_s > epoch_at_most_s(u, now_ms) + EPOCH_TOLERANCE_S;
    if (ahead && !upstream_clock_is_void(u, now_ms) && reply->type != NATPMP_REPLY_ADDRESS &&
        upstream_may_ask_unasked(u, now_ms))
        upstream_want_address(u, now_ms);
    /* One that is behind was overtaken on the way, or waited in the socket while the machine stood still:
     * what is known is newer. A second copy of it must not pass for the answer to the next request. */
    if (!after || upstream_clock_is_void(u, now_ms) ||
        (epoch == EPOCH_FITS && (!u->epoch_known || reply->epoch_s >= u->epoch_s)))
        set_clock(u, reply->epoch_s, now_ms);
    return true;
}

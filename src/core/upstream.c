#include "core/upstream.h"

#include <assert.h>

#include "base/address_use.h"
#include "core/upstream_clock.h"
#include "core/upstream_schedule.h"

enum {
    /* RFC 6886 section 3.1 [C-06]. The last attempt waits 64 s [C-07]. */
    ATTEMPTS_MAX = 9,
    /* Section 3.4 allows fewer attempts for a deletion [C-10]. */
    DELETE_ATTEMPTS_MAX = 3,
    FALLBACK_AFTER = 3, /* attempts, before the fallback is suggested after 1.75 s */
    /* After so many requests without an answer, and so long after the first of them, the log reports that the
     * gateway does not answer. It is the fifth attempt of one request. */
    SILENT_REQUESTS = 5,
    SILENT_MS = 3750,
    /* If these were attempts of one request only, so many of another one show whether it answers others. */
    OTHER_SENDS = 3,
    /* A datagram reaches the gateway within this time. The time is also longer than the second in which the
     * epoch is counted, so that the epoch shows whether an answer belongs to an earlier request. */
    UNDER_WAY_MS = 1200,
    COPIES_MAX = 63,
    /* The gateway's announcements do not cross a tunnel, so the daemon requests the address and epoch
     * regularly. */
    ADDRESS_INTERVAL_MS = 60 * 1000,
};

/* In place of the key of a transaction. */
#define ADDRESS_KEY UINT32_MAX

static const char component[] = "gateway";

static uint32_t transaction_key(enum natpmp_protocol protocol, uint16_t internal_port)
{
    return (uint32_t)protocol << 16 | internal_port;
}

static uint64_t interval_ms(unsigned sends)
{
    return (uint64_t)FIRST_INTERVAL_MS << (sends - 1);
}

void upstream_init(struct upstream *u)
{
    /* The memory is zero already. Writing zeros would make the whole table of ports resident memory. */
    u->address_next_ms = UINT64_MAX;
    u->due_ms = UINT64_MAX;
}

void upstream_start(struct upstream *u, uint64_t now_ms)
{
    u->address_next_ms = now_ms;
}

/* Each key has a preferred place, where a search usually finds it at once. */
static unsigned place(uint32_t key, unsigned i)
{
    return (key + i) % UPSTREAM_PARALLEL_MAX;
}

static int find(const struct upstream *u, uint32_t key)
{
    for (unsigned i = 0; i < UPSTREAM_PARALLEL_MAX; i++)
        if (u->key[place(key, i)] == key && u->transaction[place(key, i)].used)
            return (int)place(key, i);
    return -1;
}

/* Their answers may still come, and belong to no other transaction. */
static void note_copies(struct upstream *u, uint32_t key, const struct transaction *t)
{
    struct under_way *what = &u->under_way[key >> 16][(uint16_t)key];
    unsigned copies = t->unanswered < COPIES_MAX ? t->unanswered : COPIES_MAX;
    if (what->copies == 0 && copies == 0)
        return; /* the page is not written */
    what->copies = copies & COPIES_MAX;
    what->copies_delete = t->deleting;
}

static void end(struct upstream *u, int i, uint64_t now_ms)
{
    struct transaction *t = &u->transaction[i];
    note_copies(u, u->key[i], t);

    u->apart_ms[u->key[i] >> 16][!t->deleting] = (t->deleting ? now_ms : t->last_ms) + UNDER_WAY_MS;
    t->used = false;
    u->chosen -= (uint16_t)u->key[i] == 0;
    u->key[i] = 0;
    u->used--;
}

/* ---- datagrams on their way ---- */

static struct under_way *under_way(struct upstream *u, uint32_t key)
{
    return &u->under_way[key >> 16][(uint16_t)key];
}

static void note_under_way(struct upstream *u, uint32_t key, enum under_way_kind kind, uint64_t until_ms)
{
    struct under_way *what = under_way(u, key);
    what->until_ms = until_ms & ((UINT64_C(1) << 55) - 1);
    what->kind = kind;
}

/* After a deletion, retransmissions of it and of earlier requests may still be on their way. A withdrawn
 * request counts as sent until now. */
static void note_deleted(struct upstream *u, uint32_t key, const struct transaction *t, uint64_t now_ms)
{
    const struct under_way *before = under_way(u, key);
    uint64_t until_ms = t->last_ms > t->first_ms ? t->last_ms + UNDER_WAY_MS : 0;
    if (before->kind == UNDER_WAY_WITHDRAWN)
        until_ms = now_ms + UNDER_WAY_MS;
    else if (before->kind != UNDER_WAY_NOTHING && before->until_ms > until_ms)
        until_ms = before->until_ms;
    note_under_way(u, key, UNDER_WAY_DELETION, until_ms);
}

uint64_t upstream_quiet_ms(const struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port)
{
    const struct under_way *what = &u->under_way[protocol][internal_port];
    return what->kind >= UNDER_WAY_DELETION ? what->until_ms : 0;
}

/* ---- sending ---- */

static void push(struct actions *out, uint8_t *place, size_t len)
{
    actions_push(out, (struct action){.type = ACTION_GATEWAY_SEND, .gateway = actions_trim(out, place, len)});
}

/* Silence is noticed however many requests are in work, and however often they begin anew. But a gateway may
 * ignore one request, or all deletions, and answer all others: then it is asked for its address first. */
static void note_sent(struct upstream *u, uint32_t key, unsigned sends, bool deletes, const struct step *step)
{
    u->sent_ms = step->now_ms;
    if (u->unheard == 0) {
        u->unheard_ms = step->now_ms;
        u->unheard_key = key;
        u->unheard_others = false;
    }
    if (u->unheard < SILENT_REQUESTS)
        u->unheard++;
    u->unheard_others = u->unheard_others || (key != u->unheard_key && sends >= OTHER_SENDS && !deletes);
    if (u->unheard < SILENT_REQUESTS || step->now_ms < u->unheard_ms + SILENT_MS || u->trouble > GATEWAY_FINE)
        return;
    if (u->unheard_others || u->unheard_key == ADDRESS_KEY)
        upstream_report(u, GATEWAY_SILENT, step->out);
    else if (key != ADDRESS_KEY && !u->address_asking)
        upstream_want_address(u, step->now_ms);
}

static void send_transaction(struct upstream *u, unsigned i, const struct step *step)
{
    struct transaction *t = &u->transaction[i];
    if (t->fallback_port != 0 && t->sends == FALLBACK_AFTER)
        t->external_port = t->fallback_port;
    uint8_t *place = actions_bytes(step->out, NATPMP_REQUEST_MAX);
    push(step->out, place,
         natpmp_encode_map_request(place, (enum natpmp_protocol)(u->key[i] >> 16), (uint16_t)u->key[i],
                                   t->external_port, t->lifetime_s));
    t->sends++;
    t->unanswered = t->unanswered < UINT8_MAX ? t->unanswered + 1u : UINT8_MAX;
    t->last_ms = step->now_ms;
    t->next_ms = step->now_ms + interval_ms(t->sends);
    u->due_ms = earlier_ms(u->due_ms, t->next_ms);
    note_sent(u, u->key[i], t->sends, t->deleting, step);
}

void upstream_ask(struct upstream *u, uint16_t owner, enum natpmp_protocol protocol, uint16_t internal_port,
                  uint16_t external_port, uint32_t lifetime_s, const struct step *step)
{
    uint32_t key = transaction_key(protocol, internal_port);
    assert(upstream_free(u) && (internal_port != 0 || lifetime_s != 0));
    unsigned i = place(key, 0);
    while (u->transaction[i].used)
        i = (i + 1) % UPSTREAM_PARALLEL_MAX;
    bool deleting = lifetime_s == 0;
    u->key[i] = key;
    u->transaction[i] = (struct transaction){
        .used = true,
        .deleting = deleting,
        .sends_max = deleting ? DELETE_ATTEMPTS_MAX : ATTEMPTS_MAX,
        .owner = owner,
        .external_port = deleting ? 0 : external_port, /* section 3.4 */
        .lifetime_s = lifetime_s,
        .epoch_floor_s = upstream_epoch_at_least_s(u, step->now_ms),
        .first_ms = step->now_ms,
    };
    u->used++;
    u->chosen += internal_port == 0;
    send_transaction(u, i, step);
}

void upstream_set_fallback(struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port,
                           uint16_t external_port)
{
    int i = find(u, transaction_key(protocol, internal_port));
    if (i >= 0)
        u->transaction[i].fallback_port = external_port;
}

void upstream_withdraw(struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port,
                       uint64_t now_ms)
{
    int i = find(u, transaction_key(protocol, internal_port));
    if (i < 0)
        return;
    end(u, i, now_ms);
    note_under_way(u, transaction_key(protocol, internal_port), UNDER_WAY_WITHDRAWN, now_ms + UNDER_WAY_MS);
}

void upstream_stop(struct upstream *u, uint64_t now_ms)
{
    for (int i = 0; i < UPSTREAM_PARALLEL_MAX; i++) {
        if (!u->transaction[i].used)
            continue;
        note_under_way(u, u->key[i], UNDER_WAY_WITHDRAWN, now_ms);
        end(u, i, now_ms);
    }
    u->address_asking = false;
    u->address_next_ms = UINT64_MAX;
    u->address_known = false;
    u->epoch_known = false;
    u->suspected = false;
    u->epoch_doubted = false;
    u->unheard = 0;
}

void upstream_again(struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port,
                    uint64_t now_ms)
{
    int i = find(u, transaction_key(protocol, internal_port));
    if (i < 0 || u->transaction[i].deleting)
        return;
    if (u->transaction[i].next_ms <= now_ms + FIRST_INTERVAL_MS && u->transaction[i].sends < LATE_SENDS)
        return;
    u->transaction[i].sends = 0;
    u->transaction[i].next_ms = now_ms;
    u->due_ms = now_ms;
}

void upstream_refresh(struct upstream *u, uint64_t now_ms)
{
    u->address_next_ms = earlier_ms(u->address_next_ms, now_ms);
}

static void send_address_request(struct upstream *u, const struct step *step)
{
    uint8_t *place = actions_bytes(step->out, NATPMP_REQUEST_MAX);
    push(step->out, place, natpmp_encode_address_request(place));
    if (u->address_sends == ATTEMPTS_MAX)
        u->address_sends = 0;
    if (!u->address_asking)
        u->address_floor_s = upstream_epoch_at_least_s(u, step->now_ms);
    u->address_asking = true;
    if (u->address_unanswered < UINT8_MAX)
        u->address_unanswered++;
    u->address_last_ms = step->now_ms;
    u->address_sends++;
    u->address_next_ms = step->now_ms + interval_ms(u->address_sends);
    note_sent(u, ADDRESS_KEY, u->address_sends, false, step);
}

static uint64_t transactions_deadline_ms(const struct upstream *u)
{
    uint64_t deadline_ms = UINT64_MAX;
    for (unsigned i = 0; u->used != 0 && i < UPSTREAM_PARALLEL_MAX; i++)
        if (u->transaction[i].used && u->transaction[i].next_ms < deadline_ms)
            deadline_ms = u->transaction[i].next_ms;
    return deadline_ms;
}

void upstream_tick(struct upstream *u, const struct step *step)
{
    if (step->now_ms >= u->address_next_ms && actions_room(step->out))
        send_address_request(u, step);
    if (u->due_ms > step->now_ms)
        return;
    for (unsigned i = 0; i < UPSTREAM_PARALLEL_MAX && actions_room(step->out); i++) {
        struct transaction *t = &u->transaction[i];
        if (t->used && t->next_ms <= step->now_ms && t->sends < t->sends_max)
            send_transaction(u, i, step);
    }
    u->due_ms = transactions_deadline_ms(u);
}

uint64_t upstream_deadline_ms(const struct upstream *u)
{
    uint64_t deadline_ms = transactions_deadline_ms(u);
    return earlier_ms(deadline_ms, u->address_next_ms);
}

/* ---- receiving ---- */

/* Returns the transaction to which a reply belongs [C-29]. Some servers send errors without the ports. Such
 * an error is accepted if it can belong to one transaction only. */
static int match(const struct upstream *u, const struct natpmp_reply *reply)
{
    /* If the gateway chose the port, the internal port of its reply is either 0, as in the request, or that
     * port. */
    int chosen = u->chosen > 0 ? find(u, transaction_key(reply->protocol, 0)) : -1;
    bool granted = reply->result == NATPMP_SUCCESS && reply->lifetime_s > 0;
    if (chosen >= 0 && granted && (reply->internal_port == 0 || reply->internal_port == reply->external_port))
        return chosen;
    if (reply->internal_port != 0 || reply->result == NATPMP_SUCCESS)
        return find(u, transaction_key(reply->protocol, reply->internal_port));
    if (reply->opcode == 0 || reply->opcode > 2)
        return -1; /* result 5 for another request than one for a mapping */
    int found = -1;
    for (unsigned i = 0; i < UPSTREAM_PARALLEL_MAX; i++) {
        if (!u->transaction[i].used || u->key[i] >> 16 != (uint32_t)reply->protocol)
            continue;
        if (found >= 0)
            return -1;
        found = (int)i;
    }
    return found;
}

static bool is_grant(const struct natpmp_reply *reply)
{
    return reply->result == NATPMP_SUCCESS && reply->lifetime_s > 0 && reply->external_port != 0;
}

/* Whether a reply to that transaction says what was asked: a grant, a deletion, or an error. */
static bool suits(const struct transaction *t, const struct natpmp_reply *reply)
{
    if (reply->result != NATPMP_SUCCESS)
        return true;
    return t->deleting ? reply->lifetime_s == 0 : is_grant(reply);
}

static struct question question_of(const struct upstream *u, const struct natpmp_reply *reply)
{
    struct question address = {
        .open = u->address_asking, .floor_s = u->address_floor_s, .asked_ms = u->address_last_ms};
    if (reply->type == NATPMP_REPLY_ADDRESS)
        return address;
    if (reply->type == NATPMP_REPLY_UNSUPPORTED_VERSION)
        return (struct question){.open = u->address_asking || u->used > 0, .decided = true};
    int i = match(u, reply);
    if (i < 0 || !suits(&u->transaction[i], reply))
        return (struct question){.open = false};
    return (struct question){
        .open = true,
        .decided = u->transaction[i].clock_changes >= CLOCK_CHANGES_MAX,
        .floor_s = u->transaction[i].epoch_floor_s,
        .asked_ms = u->transaction[i].first_ms,
    };
}

void upstream_heard(struct upstream *u, const struct step *step)
{
    u->unheard = 0;
    if (!gateway_trouble_is_an_answer(u->trouble))
        upstream_report(u, GATEWAY_FINE, step->out);
}

static void no_address(struct upstream *u, uint16_t result, uint32_t address, struct actions *out)
{
    if (u->trouble_result != result || u->trouble_address != address)
        u->trouble = GATEWAY_UNKNOWN;
    u->trouble_result = result;
    u->trouble_address = address;
    bool speaks = result != NATPMP_UNSUPPORTED_VERSION && result != NATPMP_UNSUPPORTED_OPCODE;
    upstream_report(u, speaks ? GATEWAY_REFUSES : GATEWAY_NO_NAT_PMP, out);
}

static void receive_address(struct upstream *u, const struct natpmp_reply *reply, const struct step *step)
{
    if (!u->address_asking) {
        /* A second copy, or the gateway says by itself that its address is another one. */
        if ((!u->address_known || u->address != reply->address) && upstream_may_ask_unasked(u, step->now_ms))
            upstream_want_address(u, step->now_ms);
        return;
    }
    if (reply->result == NATPMP_SUCCESS && address_is_possible(reply->address)) {
        u->trouble = gateway_trouble_is_an_answer(u->trouble) ? GATEWAY_UNKNOWN : u->trouble;
        upstream_report(u, GATEWAY_FINE, step->out);
        u->address_changed = !u->address_known || u->address != reply->address;
        if (u->address_changed)
            u->address_since_ms = step->now_ms;
        u->address_known = true;
        u->address = reply->address;
        u->address_asking = false;
        u->address_sends = 0;
        u->address_next_ms = step->now_ms + ADDRESS_INTERVAL_MS;
        return;
    }
    /* Section 3.2: the address of an error is not to be used. 0.0.0.0 is no address either, nor is a
     * multicast one. The question stays open: the next attempt is due as if nothing had come. */
    u->address_lost = u->address_known;
    u->address_known = false;
    no_address(u, reply->result, reply->result == NATPMP_SUCCESS ? reply->address : 0, step->out);
}

static void take_content(struct upstream *u, const struct natpmp_reply *reply, const struct step *step)
{
    switch (reply->type) {
    case NATPMP_REPLY_MALFORMED:
        break;
    case NATPMP_REPLY_ADDRESS:
        receive_address(u, reply, step);
        break;
    case NATPMP_REPLY_UNSUPPORTED_VERSION:
        if (u->address_asking || u->used > 0)
            no_address(u, reply->result, 0, step->out);
        break;
    case NATPMP_REPLY_MAP:
    case NATPMP_REPLY_UNSUPPORTED_OPCODE:
        u->reply = *reply;
        u->reply_pending = true;
        break;
    }
}

void upstream_receive(struct upstream *u, struct span datagram, const struct step *step)
{
    struct natpmp_reply reply = natpmp_decode_reply(datagram);
    if (reply.type == NATPMP_REPLY_MALFORMED) {
        actions_log(step->out, LOG_LEVEL_DEBUG, component, "malformed datagram dropped length=%u",
                    (unsigned)datagram.len);
        return;
    }
    struct question question = question_of(u, &reply);
    bool trouble = u->trouble > GATEWAY_FINE && !gateway_trouble_is_an_answer(u->trouble);
    if (trouble && (question.open || upstream_may_ask_unasked(u, step->now_ms)))
        upstream_hurry(u, step->now_ms); /* any packet is a sign of life */
    if (reply.type == NATPMP_REPLY_ADDRESS && u->address_unanswered > 0)
        u->address_unanswered--;
    bool was_void = upstream_clock_is_void(u, step->now_ms);
    u->reply_late = reply.has_epoch && !upstream_watch_epoch(u, &reply, &question, step->now_ms);
    if (!was_void && upstream_clock_is_void(u, step->now_ms))
        actions_log(
            step->out, LOG_LEVEL_WARN, component,
            "the gateway's clock is set again and again; it is ignored for a while, so that a restart of "
            "the gateway is noticed later minutes=%u fix=\"" FAILURE_CHANGE_SERVER "\"",
            (unsigned)(CLOCK_VOID_MS / 60000));
    if (question.open && !u->reply_late)
        upstream_heard(u, step);
    if (u->reply_late && reply.type == NATPMP_REPLY_MAP) {
        u->reply = reply;
        u->reply_pending = true;
        int i = match(u, &reply);
        if (i >= 0)
            u->transaction[i].ignored = true;
    }
    if (u->reply_late) {
        actions_log(step->out, LOG_LEVEL_DEBUG, component,
                    "a reply with an unlikely epoch is ignored epoch=%u", (unsigned)reply.epoch_s);
        return;
    }
    take_content(u, &reply, step);
}

/* ---- outcomes ---- */

/* The reply says success, and grants nothing of what the transaction requests. It counts if it was sent after
 * the request, and only one for each datagram. A deletion ends soon without that. */
static void note_wrong(struct upstream *u, int i)
{
    struct transaction *t = &u->transaction[i];
    struct question question = {.floor_s = t->epoch_floor_s, .asked_ms = t->first_ms};
    if (t->deleting || t->unanswered == 0 || u->reply.epoch_s < upstream_floor_of(u, &question))
        return;
    t->unanswered--;
    t->wrong++;
    u->wrong = (uint8_t)(i + 1);
}

/* True: the answer to a copy of a request or deletion that had ended before. Each copy has one answer. */
static bool take_copy(struct upstream *u, enum natpmp_protocol protocol, uint16_t internal_port,
                      bool deletion)
{
    struct under_way *what = &u->under_way[protocol][internal_port];
    if (what->copies == 0 || what->copies_delete != deletion)
        return false;
    what->copies--;
    return true;
}

/* Of the requests of that protocol, the one that waits for its answer longest; -1: none. */
static int longest_waiting(const struct upstream *u, enum natpmp_protocol protocol)
{
    int found = -1;
    for (int i = 0; i < UPSTREAM_PARALLEL_MAX; i++) {
        const struct transaction *t = &u->transaction[i];
        if (t->used && !t->deleting && t->unanswered > 0 && u->key[i] >> 16 == (uint32_t)protocol &&
            (found < 0 || t->last_ms < u->transaction[found].last_ms))
            found = i;
    }
    return found;
}

bool upstream_on_stranger(struct upstream *u, const struct upstream_outcome *o, bool ours,
                          const struct step *step)
{
    if (take_copy(u, o->protocol, o->internal_port, o->lifetime_s == 0)) {
        upstream_heard(u, step);
        return true;
    }

    enum natpmp_protocol other = o->protocol == NATPMP_TCP ? NATPMP_UDP : NATPMP_TCP;
    int i = u->used == 0 || o->lifetime_s == 0 ? -1 : find(u, transaction_key(other, o->internal_port));
    if (i < 0 && u->used > 0 && o->lifetime_s != 0 && !ours)
        i = longest_waiting(u, o->protocol);
    if (i >= 0)
        note_wrong(u, i);
    return false;
}

const char *upstream_wrong_text(const struct upstream_outcome *o, enum natpmp_protocol protocol,
                                uint16_t internal_port)
{
    if (o->protocol != protocol)
        return "for the other protocol";
    if (o->internal_port != internal_port)
        return "for another internal port";
    return o->lifetime_s == 0 ? "with a lifetime of 0 s" : "without an external port";
}

static void take_wrong(struct upstream *u, uint64_t now_ms, struct upstream_outcome *o)
{
    int i = u->wrong - 1;
    const struct transaction *t = &u->transaction[i];
    bool ends = t->wrong >= GATEWAY_CONTRADICTIONS_NOTED;
    *o = (struct upstream_outcome){
        .type = ends ? UPSTREAM_NOT_GRANTED : UPSTREAM_WRONG,
        .owner = t->owner,
        .result = NATPMP_OUT_OF_RESOURCES,
        .protocol = u->reply.protocol,
        .internal_port = u->reply.internal_port,
        .external_port = u->reply.external_port,
        .suggested = t->external_port,
        .lifetime_s = u->reply.lifetime_s,
    };
    u->wrong = 0;
    if (ends)
        end(u, i, now_ms);
}

static bool take_answer(struct upstream *u, int i, uint64_t now_ms, struct upstream_outcome *o)
{
    const struct natpmp_reply *reply = &u->reply;
    struct transaction *t = &u->transaction[i];
    uint32_t key = u->key[i];
    bool deletion = reply->result == NATPMP_SUCCESS && reply->lifetime_s == 0;
    if (!suits(t, reply)) {
        if (deletion && !t->deleting && take_copy(u, reply->protocol, reply->internal_port, true))
            return false;
        note_wrong(u, i);
        /* Even if it does not count, the gateway may have ended the lease. */
        return u->wrong == 0 && !t->deleting && deletion;
    }
    o->owner = t->owner;
    o->suggested = t->external_port;
    o->asked_ms = t->first_ms;
    o->gone_ms = t->last_ms + UNDER_WAY_MS + (uint64_t)reply->lifetime_s * 1000;
    o->wrong = t->wrong > 0;
    if (t->unanswered > 0)
        t->unanswered--;
    if (t->deleting)
        note_deleted(u, key, t, now_ms);
    if (reply->result != NATPMP_SUCCESS) {
        o->type = UPSTREAM_FAILED;
    } else if (!t->deleting) {
        o->type = UPSTREAM_GRANTED;
        note_under_way(u, key, UNDER_WAY_GRANT, now_ms + UNDER_WAY_MS);
        /* Of a port that the gateway chose, the answers to the copies may name it. */
        if (reply->internal_port != (uint16_t)key)
            note_copies(u, transaction_key(reply->protocol, reply->internal_port), t);

    } else {
        o->type = UPSTREAM_DELETED;
    }
    end(u, i, now_ms);
    return true;
}

static bool take_reply(struct upstream *u, uint64_t now_ms, struct upstream_outcome *o)
{
    const struct natpmp_reply *reply = &u->reply;
    u->reply_pending = false;
    int i = match(u, reply);
    bool granted = is_grant(reply);
    *o = (struct upstream_outcome){
        .type = UPSTREAM_LATE,
        .result = reply->result,
        .protocol = reply->protocol,
        .internal_port = reply->internal_port,
        .external_port = reply->external_port,
        .lifetime_s = reply->lifetime_s,
    };
    if (u->reply_late)
        return granted;
    if (i < 0) {
        o->type = UPSTREAM_UNSOLICITED;
        return granted || (reply->result == NATPMP_SUCCESS && reply->lifetime_s == 0);
    }
    return take_answer(u, i, now_ms, o);
}

static bool take_unanswered(struct upstream *u, uint64_t now_ms, struct upstream_outcome *o)
{
    for (int i = 0; u->due_ms <= now_ms && i < UPSTREAM_PARALLEL_MAX; i++) {
        const struct transaction *t = &u->transaction[i];
        if (!t->used || t->sends < t->sends_max || t->next_ms > now_ms)
            continue;
        *o = (struct upstream_outcome){.type = UPSTREAM_UNANSWERED, .owner = t->owner};
        if (t->deleting)
            note_deleted(u, u->key[i], t, now_ms);
        end(u, i, now_ms);
        return true;
    }
    return false;
}

bool upstream_next(struct upstream *u, uint64_t now_ms, struct upstream_outcome *ret_outcome)
{
    *ret_outcome = (struct upstream_outcome){0};
    if (u->state_lost) {
        u->state_lost = false;
        upstream_ask_ignored_again(u, now_ms);
        ret_outcome->type = UPSTREAM_STATE_LOST;
        ret_outcome->asked_ms = u->suspected_ms;
        return true;
    }
    if (u->address_changed) {
        u->address_changed = false;
        ret_outcome->type = UPSTREAM_ADDRESS;
        return true;
    }
    if (u->address_lost) {
        u->address_lost = false;
        ret_outcome->type = UPSTREAM_NO_ADDRESS;
        return true;
    }
    if (u->reply_pending && take_reply(u, now_ms, ret_outcome))
        return true;
    if (u->wrong != 0) {
        take_wrong(u, now_ms, ret_outcome);
        return true;
    }
    return take_unanswered(u, now_ms, ret_outcome);
}

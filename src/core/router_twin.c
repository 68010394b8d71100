/* Two daemons with the same INSTANCE on one router: the one that started later serves, the other one stands
 * by.
 *
 * They find each other by claims (claim.h). A daemon makes one when there is a sign of another daemon:
 *  - The list of sessions, /user/active, which it reads when it has connected, shows other API sessions, or
 * not even its own. Then it changes no rule until a moment after the claim.
 *  - There is a rule with our mark that this process did not make, or a claim of another run.
 * A daemon that sees somebody make a claim stands by if that run started later. Otherwise it repeats its own
 * claim, and the other one stands by. A claim that a snapshot shows may be of a run that has died, so it is
 * only a sign, and is removed: if that run lives and is the later one, it answers our claim.
 *
 * RouterOS drops the sessions of a process that has died, so the daemon that stands by learns from the list
 * when to serve again. The list may not show the other one's sessions, so it makes a claim first, and serves
 * if nobody contradicts. If the list does not tell, it does that every ten minutes. If the list shows the
 * other one, whose machine may have lost its power, it does that after ten minutes, and then less and less
 * often. */
#include "core/router.h"

enum {
    /* The other daemon, which may be about to read its first snapshot, sees the claim in this time and
       answers. */
    CLAIM_MS = 1000,
    CLAIM_TRIPS = 4, /* and so many round trips */
    /* Without listen it reads the table every 30 s. */
    CLAIM_BLIND_MS = 35 * 1000,
    CLAIMS_APART_MS = 2000,
    /* Rules that somebody else made lead to a claim only so often: at first, and after that in doubled
       intervals up to the last. The router writes each claim to its flash memory. */
    SIGNS_APART_MS = 10 * 1000,
    SIGNS_APART_MAX_MS = 10 * 60 * 1000,
    SIGNS_QUIET_MS = 60 * 60 * 1000, /* without a sign for so long, it begins at first again */
    /* Of two that started at the same time, the one that stands by counts as older by so much: more than what
       the rounding of the times can hide. */
    OLDER_S = 5,
    /* While it stands by, the daemon reads /user/active so often ... */
    WATCH_MS = 3000,
    /* ... and the other one is gone when its session is missing for so long. It may be about to connect
       again. */
    GONE_MS = 6000,
    /* The other one's session is not known after a reboot of the router. It makes a claim when it has
       connected. */
    UNKNOWN_MS = 40 * 1000,
    /* The router does not tell who is logged in. */
    BLIND_TRY_MS = 10 * 60 * 1000,
    /* It lists the other one's session, which may have lost its peer: a router that has nothing to send does
       not notice that for hours. Each attempt that the other one contradicts costs four changes. */
    LISTED_TRY_MAX_MS = 60 * 60 * 1000,
};

void router_twin_init(struct twin *t, uint64_t seed)
{
    struct prng prng = prng_seeded(~seed);
    t->own.run = prng_below(&prng, UINT32_MAX) + 1;
    t->settled_ms = UINT64_MAX;
    t->settle_due_ms = UINT64_MAX;
    t->read_due_ms = UINT64_MAX;
    t->claim_due_ms = UINT64_MAX;
    t->unclaim_due_ms = UINT64_MAX;
    t->serve_due_ms = UINT64_MAX;
}

bool router_twin_may_write(const struct router *r, uint64_t now_ms)
{
    return !r->twin.standing_by && r->twin.settled_ms <= now_ms;
}

/* ---- who is logged in ---- */

static void read_sessions(struct router *r, const struct step *step)
{
    struct twin *t = &r->twin;
    t->reading = true;
    t->read_due_ms = UINT64_MAX;
    t->rows = 0;
    t->rows_here = 0;
    t->newest = 0;
    t->newest_here = 0;
    t->other_is_active = false;
    struct writer w = session_begin(main_session(r), COMMAND_SESSIONS, 0, "/user/active/print", step);
    ros_write_pair_text(&w, "=.proplist=", ".id,name,address,via");
    session_end(main_session(r), &w, step->out);
}

void router_twin_connected(struct router *r, const struct step *step)
{
    struct twin *t = &r->twin;
    t->read = false;
    t->own.session = 0;
    t->guess = 0;
    t->own.up_s = 0;
    t->own.age_s = 0;
    t->seen.run = 0;
    t->claim_id = 0;
    t->last_id = 0;
    t->dead_id = 0;
    t->claiming = false;
    t->claim_due_ms = UINT64_MAX;
    t->unclaim_due_ms = UINT64_MAX;
    t->settled_ms = UINT64_MAX;
    t->settle_due_ms = UINT64_MAX;
    t->trying = false;
    if (t->standing_by) {
        t->other_id = 0;
        t->awaits_claim = true;
        t->serve_due_ms = step->now_ms + UNKNOWN_MS;
    }
    read_sessions(r, step);
}

static void session_row(struct router *r, const struct ros_sentence *row)
{
    struct twin *t = &r->twin;
    struct span value;
    uint32_t id;
    uint32_t address = 0;
    if (!ros_attribute(row, ".id", &value) || !ros_parse_id(value, &id) ||
        (ros_attribute(row, "via", &value) && !span_starts(value, "api")))
        return;
    if (!ros_attribute(row, "address", &value) || !parse_address(value, &address))
        address = 0;
    t->rows++;
    t->rows_here += address != 0 && address == t->local;
    bool of_our_user = !ros_attribute(row, "name", &value) || span_is(value, main_session(r)->user);
    if (of_our_user && id > t->newest)
        t->newest = id;
    if (of_our_user && address != 0 && address == t->local && id > t->newest_here)
        t->newest_here = id;
    if (id == t->other.session && (address == 0 || t->other_address == 0 || address == t->other_address)) {
        t->other_is_active = true;
        t->other_address = address != 0 ? address : t->other_address;
    }
}

void router_twin_row(struct router *r, const struct command *c, uint64_t now_ms)
{
    const struct ros_sentence *row = &main_session(r)->reader.sentence;
    struct twin *t = &r->twin;
    struct span value;
    if (c->kind == COMMAND_SESSIONS)
        session_row(r, row);
    else if (ros_attribute(row, "uptime", &value) && claim_parse_uptime(value, &t->own.up_s))
        t->own.age_s = (uint32_t)((now_ms - t->started_ms) / 1000) + t->older_s;
}

/* ---- claims of others ---- */

/* False: a claim is about to be made, or is not ours to make. */
static bool note_sign(struct twin *t, uint64_t now_ms)
{
    if (t->standing_by || t->claiming || t->claim_due_ms != UINT64_MAX)
        return false;
    t->claim_due_ms = now_ms;
    return true;
}

void router_suspect(struct router *r, uint64_t now_ms)
{
    struct twin *t = &r->twin;
    uint64_t apart_ms = backoff_ms(SIGNS_APART_MS, SIGNS_APART_MAX_MS, t->signs);
    if (t->claimed_ms != 0 && now_ms < t->claimed_ms + apart_ms)
        return;
    bool is_quiet = now_ms >= t->claimed_ms + SIGNS_QUIET_MS;
    if (note_sign(t, now_ms))
        t->signs = is_quiet ? 0 : (uint8_t)(t->signs + (t->signs < UINT8_MAX));
}

static void stand_by(struct twin *t, bool tie, uint64_t now_ms)
{
    if (tie) {
        t->older_s += OLDER_S;
        t->own.age_s += OLDER_S;
    }
    if (t->other.run != t->seen.run)
        t->list_tells = true;
    t->other = t->seen;
    t->other_id = t->seen_id;
    t->other_address = t->seen.address;
    t->missing_ms = 0;
    t->awaits_claim = false;
    t->serve_due_ms = UINT64_MAX;
    t->claim_due_ms = UINT64_MAX;
    t->read_due_ms = now_ms;
    t->trying = false;
    if (t->standing_by)
        return;
    t->standing_by = true;
    t->tries = 0;
    t->turn = TWIN_STANDS_BY;
}

/* Somebody lives who has just made the claim. If both started at the same time, the later claim counts. */
static void judge_claim(struct twin *t, uint64_t now_ms)
{
    int order = claim_order(&t->seen, &t->own);
    /* Behind one address and at one moment, both took the newest session for theirs, and claim it again
     * later. */
    if (t->seen.session == t->guess) {
        t->seen.session = 0;
        t->own.session = 0;
    }
    if (order > 0 || (order == 0 && t->seen_id > t->last_id))
        stand_by(t, order == 0, now_ms);
    else if (!t->standing_by)
        t->claim_due_ms = later_ms(now_ms, t->claimed_ms + CLAIMS_APART_MS);
    t->seen.run = 0;
}

static void own_claim(struct router *r, uint32_t id, uint64_t now_ms)
{
    struct twin *t = &r->twin;
    if (t->claiming)
        t->claim_id = id; /* the answer to its addition may be lost, or an error */
    else if (id != t->claim_id)
        router_orphan(r, id, now_ms);
}

bool router_twin_claim(struct router *r, const struct ros_sentence *row, uint32_t id, bool is_new,
                       uint64_t now_ms)
{
    struct twin *t = &r->twin;
    struct claim claim;
    if (!claim_parse(row, r->context.instance, &claim)) {
        if (id == t->other_id)
            t->other_id = 0; /* it is gone, or no claim any more */
        return false;
    }
    if (claim.run == t->own.run) {
        own_claim(r, id, now_ms);
        return true;
    }
    bool is_known = t->standing_by && id == t->other_id;
    t->seen_id = id;
    if (is_new || (r->listen_refused && r->ready && !is_known)) {
        t->seen = claim;
        if (!t->claiming)
            judge_claim(t, now_ms);
    } else if (!t->standing_by) {
        if (t->last_id == 0) /* whoever lives has not seen one of this connection */
            (void)note_sign(t, now_ms);
        if (t->dead_id == 0)
            t->dead_id = id;
        else
            router_orphan(r, id, now_ms);
    }
    return true;
}

/* ---- the other one has gone ---- */

static bool is_alone(const struct twin *t)
{
    return t->sessions_known && t->others == 0;
}

static void serve(struct router *r, uint64_t now_ms)
{
    struct twin *t = &r->twin;
    t->standing_by = false;
    t->trying = false;
    /* If it died at once, its claim is still there. */
    if (t->other_id != 0)
        router_orphan(r, t->other_id, now_ms);
    t->other_id = 0;
    t->other = (struct claim){0};
    t->serve_due_ms = UINT64_MAX;
    t->read_due_ms = UINT64_MAX;
    t->turn = TWIN_SERVES;
}

/* Serves only if nobody contradicts the claim. */
static void try_to_serve(struct twin *t, uint64_t now_ms)
{
    t->trying = true;
    t->awaits_claim = false;
    t->list_tells = false;
    t->missing_ms = 0;
    t->serve_due_ms = UINT64_MAX;
    t->settled_ms = UINT64_MAX;
    t->settle_due_ms = UINT64_MAX;
    t->claim_due_ms = now_ms;
}

static void watch(struct twin *t, uint64_t now_ms)
{
    bool is_listed = t->other.session != 0 && t->other_is_active;
    bool is_there = t->other.session != 0 ? t->other_is_active : t->others > 0;
    t->read_due_ms = now_ms + WATCH_MS;
    if (t->trying || t->awaits_claim)
        return;
    if (t->serve_due_ms == UINT64_MAX)
        t->serve_due_ms = is_listed ? next_try_ms(&t->tries, BLIND_TRY_MS, LISTED_TRY_MAX_MS, now_ms)
                                    : now_ms + BLIND_TRY_MS;

    t->list_tells = t->sessions_known && (t->list_tells || is_there);
    if (is_there || !t->list_tells)
        t->missing_ms = 0;
    else if (t->missing_ms == 0)
        t->missing_ms = now_ms;
    else if (t->missing_ms + GONE_MS <= now_ms)
        try_to_serve(t, now_ms);
}

/* ---- ends of commands ---- */

/* Our connection is new. If the other one's session is not listed, the router may have rebooted, and it has
 * another one. */
static void seek_other(struct twin *t)
{
    if (t->other_is_active && t->other.session != t->own.session) {
        t->awaits_claim = false;
        t->serve_due_ms = UINT64_MAX;
    } else {
        t->other.session = 0;
    }
}

static void sessions_done(struct router *r, bool failed, uint64_t now_ms)
{
    struct twin *t = &r->twin;
    unsigned own = 0;
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++)
        own += r->session[i].state == SESSION_READY;
    t->reading = false;
    t->sessions_known = !failed && t->newest != 0; /* at least ours */
    /* A session of ours whose connection has died counts, although the router may not list it any more. So
     * sessions from other addresses are told apart, if ours are not behind a NAT. */
    unsigned here = t->rows_here > 0 ? t->rows_here : t->rows;
    t->others = t->rows - here + (here > own ? here - own : 0);
    bool first = first_time(&t->read);
    if (first)
        t->own.session = t->guess = t->newest_here != 0 ? t->newest_here : t->newest;
    if (t->standing_by && first)
        seek_other(t);
    if (t->standing_by)
        watch(t, now_ms);
    else if (first && !is_alone(t))
        t->claim_due_ms = now_ms;
    else if (first)
        t->settled_ms = now_ms;
}

static void claim_done(struct router *r, const struct command *c, uint64_t now_ms)
{
    struct twin *t = &r->twin;
    uint64_t shown_ms = CLAIM_MS + CLAIM_TRIPS * (now_ms - t->claimed_ms);
    t->claiming = false;
    if (c->id != 0 && t->claim_id != 0 && t->claim_id != c->id)
        router_orphan(r, t->claim_id, now_ms); /* made on an earlier connection */
    if (c->id != 0)
        t->claim_id = c->id;
    t->last_id = t->claim_id;
    t->settle_due_ms = now_ms + (t->claim_id == 0 ? 0 : shown_ms);
    if (t->settled_ms == UINT64_MAX)
        t->settled_ms = t->settle_due_ms;
    if (t->claim_id != 0)
        t->unclaim_due_ms = now_ms + (r->listen_refused ? CLAIM_BLIND_MS : shown_ms);
    if (t->seen.run != 0)
        judge_claim(t, now_ms);
}

void router_twin_done(struct router *r, const struct command *c, uint64_t now_ms)
{
    if (c->kind == COMMAND_SESSIONS)
        sessions_done(r, c->failed, now_ms);
    else if (c->kind == COMMAND_CLAIM)
        claim_done(r, c, now_ms);
    else if (c->kind == COMMAND_UNCLAIM)
        r->twin.claim_id = 0;
}

/* ---- time ---- */

/* An answer to a claim that is made before listen has begun would not be seen. */
static bool may_claim(const struct router *r)
{
    return !r->twin.claiming && r->twin.claim_id == 0 && (r->listening || r->listen_refused);
}

static void make_claim(struct router *r, const struct step *step)
{
    struct twin *t = &r->twin;
    char text[160];
    struct writer comment = writer_of(text, sizeof text);
    t->own.address = t->local;
    claim_write(&comment, r->context.instance, &t->own);
    t->claim_due_ms = UINT64_MAX;
    t->claimed_ms = step->now_ms;
    t->claiming = true;
    struct writer w = session_begin(main_session(r), COMMAND_CLAIM, 0, "/ip/firewall/nat/add", step);
    ros_write_word(&w, span_text("=chain=dstnat"));
    /* This action does nothing, even if somebody enables the rule. */
    ros_write_word(&w, span_text("=action=passthrough"));
    ros_write_word(&w, span_text("=disabled=yes"));
    ros_write_pair(&w, "=comment=", writer_span(&comment));
    session_end(main_session(r), &w, step->out);
}

static void remove_claim(struct router *r, uint32_t id, bool own, const struct step *step)
{
    static const char path[] = "/ip/firewall/nat/remove";
    struct session *s = main_session(r);
    struct writer w =
        own ? session_begin(s, COMMAND_UNCLAIM, 0, path, step) : session_begin_removal(s, 0, id, path, step);
    ros_write_pair_id(&w, "=.id=", id);
    session_end(s, &w, step->out);
    router_note_removed(r, id);
}

void router_twin_tick(struct router *r, const struct step *step)
{
    struct twin *t = &r->twin;
    if (t->settle_due_ms <= step->now_ms)
        t->settle_due_ms = UINT64_MAX; /* the rules that waited are added in this step */
    if (t->unclaim_due_ms <= step->now_ms) {
        remove_claim(r, t->claim_id, true, step);
        t->unclaim_due_ms = UINT64_MAX;
    }
    /* At once, so that runs that die soon after their start do not leave more and more of them. */
    if (t->dead_id != 0)
        remove_claim(r, t->dead_id, false, step);
    t->dead_id = 0;
    if (t->read_due_ms <= step->now_ms && !t->reading)
        read_sessions(r, step);
    if (t->claim_due_ms <= step->now_ms && may_claim(r))
        make_claim(r, step);
    if (!t->standing_by)
        return;
    if (t->serve_due_ms <= step->now_ms)
        try_to_serve(t, step->now_ms);
    if (t->trying && t->settled_ms <= step->now_ms && t->seen.run == 0 && r->stage == STAGE_IDLE)
        serve(r, step->now_ms);
}

bool router_finish_claim(struct router *r, uint64_t now_ms)
{
    struct twin *t = &r->twin;
    bool connected = r->session[0].state == SESSION_READY;
    if (t->unclaim_due_ms != UINT64_MAX)
        t->unclaim_due_ms = now_ms;
    return connected && (t->claiming || t->claim_id != 0);
}

uint64_t router_twin_due_ms(const struct router *r)
{
    const struct twin *t = &r->twin;
    uint64_t due_ms = earlier_ms(t->unclaim_due_ms, t->reading ? UINT64_MAX : t->read_due_ms);
    due_ms = earlier_ms(due_ms, t->settle_due_ms);
    due_ms = earlier_ms(due_ms, may_claim(r) ? t->claim_due_ms : UINT64_MAX);
    if (t->standing_by)
        due_ms = earlier_ms(due_ms, t->serve_due_ms);
    return due_ms;
}

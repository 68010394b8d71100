#include "core/router.h"

#include <assert.h>

enum {
    MAIN = 0,
    KEEP_ALIVE_MS = 30 * 1000,
    /* RouterOS limits the number of sessions, and other tools need some. */
    EXTRA_IDLE_MS = 60 * 1000,
    /* Another session is opened when each open one has this many commands in flight. */
    SESSION_BUSY = 8,
    AWAY_MS = 60 * 1000,     /* what is known of the rules is that old */
    SLOW_MS = 12 * 1000,     /* no client waits longer for an answer */
    ORPHAN_RETRY_MS = 1000,  /* after the first failed removal; each later delay is four times as long ... */
    ORPHAN_RETRY_LONGER = 3, /* ... up to this many times: 64 s */
};

static const char component[] = "router";

void router_init(struct router *r, const char *user, const char *password, const char *instance,
                 const char *configured_interface, uint32_t gateway, uint64_t seed)
{
    /* The rest is zero already and must not be touched, so that the unused sessions' buffers do not become
     * resident memory. */
    r->way.configured = configured_interface;
    r->way.gateway = gateway;
    r->way.due_ms = UINT64_MAX;
    r->prng = prng_seeded(seed);
    r->resync_due_ms = UINT64_MAX;
    r->unread = true;
    r->context.instance = instance;
    r->context.addresses_incomplete = true;
    r->context.lists_incomplete = true;
    r->lists_state = (struct address_lists){.state = &r->lists, .cover = named_lists_cover};
    router_twin_init(&r->twin, seed);
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++)
        session_init(&r->session[i], i, user, password);
}

/* ---- state ---- */

bool router_is_ready(const struct router *r)
{
    return r->ready;
}

bool router_is_away(const struct router *r, uint64_t now_ms)
{
    return !r->ready && r->ready_until_ms + AWAY_MS <= now_ms;
}

static bool may_change(const struct router *r, uint64_t now_ms)
{
    return r->ready && router_twin_may_write(r, now_ms);
}

bool router_port_taken(const struct router *r, enum natpmp_protocol protocol, uint16_t port)
{
    return portset_has(&r->taken[protocol].sure, port);
}

bool router_port_doubted(const struct router *r, enum natpmp_protocol protocol, uint16_t port)
{
    return portset_has(&r->taken[protocol].doubted, port);
}

bool router_listens_on(const struct router *r, uint16_t port)
{
    unsigned i = 0;
    while (i < r->listens && r->listens_on[i] != port)
        i++;
    return i < r->listens;
}

bool router_has_address(const struct router *r, uint32_t address)
{
    for (unsigned i = 0; i < r->context.addresses; i++)
        if (r->context.address[i] == address)
            return true;
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++)
        if (r->session[i].peer == address && address != 0)
            return true;
    return false;
}

uint32_t router_address(const struct router *r)
{
    return r->session[MAIN].peer;
}

bool router_is_broadcast(const struct router *r, uint32_t address)
{
    for (unsigned i = 0; i < r->context.addresses; i++) {
        unsigned length = r->context.length[i];
        uint32_t host = length == 0 || length > 30 ? 0 : UINT32_MAX >> length;
        struct prefix network = {r->context.address[i], (uint8_t)length};
        if (host != 0 && prefix_has(&network, address) && ((address & host) == host || (address & host) == 0))
            return true;
    }
    return address == UINT32_MAX;
}

bool router_is_tidy(const struct router *r)
{
    bool removing = false;
    for (unsigned i = 0; i < ROUTER_COMMANDS_MAX; i++)
        removing = removing ||
                   (r->session[MAIN].command[i].used && r->session[MAIN].command[i].kind == COMMAND_REMOVE);
    return !r->unread && r->orphans == 0 && !removing;
}

void router_hurry(struct router *r, uint64_t now_ms)
{
    r->session[MAIN].retry_ms = now_ms;
}

/* The main connection ended, and the ids that it reported are invalid. */
static void go_down(struct router *r, const struct step *step)
{
    router_report(r, (enum failure)r->session[MAIN].failure, span_of(NULL, 0), step->out);
    if (r->ready)
        r->ready_until_ms = step->now_ms;
    r->ready = false;
    r->listening = false;
    router_counters_lost(r);
    r->place_lost = false;
    r->refused_place = 0;
    router_way_down(r, step->now_ms);
    r->stage = STAGE_IDLE;
    r->resync_due_ms = UINT64_MAX;
    r->unread = r->unread || r->orphans > 0;
    r->orphans = 0;
    router_entries_down(r);
    named_lists_down(&r->lists);
    memset(r->removed, 0, sizeof r->removed);
    r->ids_valid_from = r->snapshot + 1;
}

static void broken(struct router *r, unsigned i, const struct step *step)
{
    if (i == MAIN)
        go_down(r, step);
    else
        actions_log(step->out, LOG_LEVEL_DEBUG, component, "an additional API session ended session=%u", i);
}

void router_start(struct router *r, uint64_t now_ms)
{
    r->twin.started_ms = now_ms;
}

void router_disown(struct router *r)
{
    r->orphans = 0;
    router_entries_down(r);
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++)
        session_disown(&r->session[i]);
}

void router_begin_anew(struct router *r, uint64_t now_ms)
{
    r->ready = false;
    r->unread = true;
    router_resync(r, now_ms);
}

bool router_stands_by(const struct router *r, uint32_t *ret_address)
{
    *ret_address = r->twin.other_address;
    return r->twin.standing_by;
}

/* ---- events ---- */

void router_event(struct router *r, const struct event *event, const struct step *step)
{
    assert(event->router.session < ROUTER_SESSIONS_MAX);
    struct session *s = &r->session[event->router.session];
    r->input = span_of(NULL, 0);
    if (event->type == EVENT_ROUTER_OPEN) {
        if (event->router.session == MAIN)
            r->twin.local = event->router.local;
        session_opened(s, event->router.peer, step);
        r->way.own_address = event->router.local;
    } else if (event->type == EVENT_ROUTER_CLOSED) {
        bool alive = s->state != SESSION_CLOSED && s->state != SESSION_BROKEN;
        session_closed(s, event->router.failure, step->now_ms, &r->prng);
        if (alive)
            broken(r, event->router.session, step);
    } else {
        r->input_session = event->router.session;
        r->input = event->router.bytes;
    }
}

static void session_up(struct router *r, unsigned i, const struct step *step)
{
    if (i != MAIN) {
        actions_log(step->out, LOG_LEVEL_DEBUG, component, "an additional API session is ready session=%u",
                    i);
        return;
    }
    memset(r->version, 0, sizeof r->version);
    struct writer w = session_begin(&r->session[MAIN], COMMAND_RESOURCE, 0, "/system/resource/print", step);
    ros_write_pair_text(&w, "=.proplist=", "version,uptime");
    session_end(&r->session[MAIN], &w, step->out);
    router_twin_connected(r, step);
    router_begin_resync(r, true, step);
}

static bool is_change(const struct command *c)
{
    return c->kind == COMMAND_ADD || c->kind == COMMAND_REMOVE || c->kind == COMMAND_SET;
}

/* The router refused to remove an orphan. Its id is not kept, because the rule may lose our mark until the
 * next attempt; a resync finds all orphans again. */
static void orphan_stays(struct router *r, uint64_t now_ms)
{
    r->unread = true;
    if (r->orphan_snapshot == r->snapshot)
        return;
    router_resync_later(r, now_ms + ((uint64_t)ORPHAN_RETRY_MS << (2 * r->orphan_failures)));
    r->orphan_snapshot = r->snapshot;
    if (r->orphan_failures < ORPHAN_RETRY_LONGER)
        r->orphan_failures++;
}

static bool mentions(const char *message, const char *word)
{
    for (; *message != '\0'; message++)
        if (span_starts(span_text(message), word))
            return true;
    return false;
}

/* The rule before which ours was to be added is gone, or the router accepts none before it. */
static bool is_refused_place(const struct router *r, const struct command *c)
{
    return c->kind == COMMAND_ADD && r->place != 0 &&
           (c->error == ROS_ERROR_NO_SUCH_ITEM || mentions(c->message.text, "place-before"));
}

/* What is wrong with one interface or one item is found out otherwise. */
static enum failure refusal_of(struct router *r, const struct command *c)
{
    if (c->kind != COMMAND_ADD || c->error == ROS_ERROR_INPUT)
        return FAILURE_COMMAND;
    bool again = r->refused_add;
    r->refused_add = true;
    return again ? FAILURE_REFUSES_RULES : FAILURE_COMMAND;
}

void router_rule_is_made(struct router *r, struct actions *out)
{
    r->refused_add = false;
    if (r->trouble == FAILURE_REFUSES_RULES)
        router_report(r, FAILURE_NONE, span_of(NULL, 0), out);
}

static bool change_failed(struct router *r, const struct command *c, struct router_outcome *o,
                          const struct step *step)
{
    if (c->kind == COMMAND_REMOVE && c->error == ROS_ERROR_NO_SUCH_ITEM) {
        o->type = ROUTER_REMOVED;
        return true;
    }
    if (c->kind == COMMAND_REMOVE)
        router_forget_removal(r, c->id);
    if (c->kind == COMMAND_REMOVE && c->cookie == 0)
        orphan_stays(r, step->now_ms);
    if (is_refused_place(r, c)) {
        r->refused_place = r->place;
        router_place_lost(r, step->now_ms);
    } else if (c->error == ROS_ERROR_PERMISSION)
        router_report(r, FAILURE_WRITE_POLICY, span_of(NULL, 0), step->out);
    else if (c->kind == COMMAND_ADD && r->way.configured[0] != '\0' && mentions(c->message.text, "interface"))
        router_report(r, FAILURE_BAD_INTERFACE, span_of(NULL, 0), step->out);
    else if (c->error != ROS_ERROR_NO_SUCH_ITEM)
        router_report(r, refusal_of(r, c), span_text(c->message.text), step->out);
    o->type = ROUTER_FAILED;
    o->error = (enum ros_error)c->error;
    return true;
}

static bool change_done(struct router *r, const struct command *c, struct router_outcome *o,
                        const struct step *step)
{
    *o = (struct router_outcome){
        .kind = (enum command_kind)c->kind, .owner = (uint16_t)c->cookie, .id = c->id};
    if (c->failed)
        return change_failed(r, c, o, step);
    /* What concerns the addition of rules ends with one that is as it should be. */
    bool added = c->kind == COMMAND_ADD;
    bool stays = !added && (r->trouble == FAILURE_BAD_INTERFACE || r->trouble == FAILURE_SLOW ||
                            r->trouble == FAILURE_REFUSES_RULES);
    r->refused_add = r->refused_add && !added;
    if (added && c->sent_ms + SLOW_MS <= step->now_ms)
        router_report(r, FAILURE_SLOW, span_of(NULL, 0), step->out);
    else if (!stays)
        router_report(r, FAILURE_NONE, span_of(NULL, 0), step->out);
    if (c->kind == COMMAND_REMOVE && c->cookie == 0)
        r->orphan_failures = 0;
    if (c->kind == COMMAND_ADD)
        o->type = ROUTER_ADDED;
    else
        o->type = c->kind == COMMAND_REMOVE ? ROUTER_REMOVED : ROUTER_SET_DONE;
    return true;
}

static bool next_lost(struct router *r, uint64_t now_ms, struct router_outcome *o)
{
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++) {
        struct command c;
        while (r->session[i].state == SESSION_BROKEN && session_take_lost(&r->session[i], &c)) {
            if (c.kind == COMMAND_SCRIPT)
                router_script_lost(r, now_ms);
            if (!is_change(&c))
                continue;
            *o = (struct router_outcome){
                .type = ROUTER_LOST, .kind = (enum command_kind)c.kind, .owner = (uint16_t)c.cookie};
            r->unread = r->unread || c.cookie == 0;
            router_resync(r, now_ms);
            return true;
        }
    }
    return false;
}

static bool next_input(struct router *r, struct router_outcome *o, const struct step *step)
{
    struct session *s = &r->session[r->input_session];
    struct command c;
    for (;;) {
        switch (session_next(s, &r->input, &c, step)) {
        case SESSION_NOTHING:
            return false;
        case SESSION_UP:
            session_up(r, r->input_session, step);
            break;
        case SESSION_ROW:
            if (r->input_session == MAIN && router_answer_row(r, &c, step->now_ms, o))
                return true;
            break;
        case SESSION_DONE:
            if (is_change(&c) ? change_done(r, &c, o, step) : router_answer_done(r, &c, o, step))
                return true;
            break;
        case SESSION_FAILED:
            session_break(s, (enum failure)s->failure, &r->prng, step);
            broken(r, r->input_session, step);
            r->input = span_of(NULL, 0);
            return false;
        }
    }
}

static bool next_role(struct router *r, struct router_outcome *o)
{
    if (r->twin.turn == TWIN_STAYS)
        return false;
    *o = (struct router_outcome){.type = r->twin.turn == TWIN_SERVES ? ROUTER_SERVE : ROUTER_STAND_BY};
    r->twin.turn = TWIN_STAYS;
    return true;
}

static bool next_news(struct router *r, struct router_outcome *o)
{
    if (r->way.news == WAY_NO_NEWS)
        return false;
    *o = (struct router_outcome){.type = r->way.news == WAY_MOVED ? ROUTER_WAY_MOVED : ROUTER_WAY_FOUND};
    r->way.news = WAY_NO_NEWS;
    return true;
}

bool router_next(struct router *r, struct router_outcome *ret_outcome, const struct step *step)
{
    return next_news(r, ret_outcome) || (r->input.len > 0 && next_input(r, ret_outcome, step)) ||
           next_lost(r, step->now_ms, ret_outcome) || next_role(r, ret_outcome);
}

/* ---- time ---- */

static uint64_t idle_ms(const struct session *s, uint64_t limit_ms)
{
    if (s->state != SESSION_READY || s->in_flight != 0)
        return UINT64_MAX;
    return later_ms(s->used_ms, s->heard_ms) + limit_ms;
}

/* The router answers others: the line tells which command to look for in the router's own log. */
static void name_unanswered(const struct session *s, const struct step *step)
{
    const struct command *c = s->state == SESSION_READY ? session_waits_for(s) : NULL;
    if (c != NULL && s->heard_ms >= c->heard_ms + UNANSWERED_MS)
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "the router answers others, but not this command; its session ends, and a new one begins "
                    "command=%s seconds=%u fix=\"%s\"",
                    c->path, (unsigned)((step->now_ms - c->heard_ms) / 1000),
                    failure_text(FAILURE_UNANSWERED)->remedy);
}

static void wait_on(struct router *r, unsigned i, const struct step *step)
{
    struct session *s = &r->session[i];
    struct command c;
    enum session_wait wait;
    while ((wait = session_wait(s, &c, step)) == SESSION_GIVES_UP)
        router_answer_given_up(r, &c, step);
    if (wait != SESSION_TIMES_OUT)
        return;
    name_unanswered(s, step);
    session_break(s, session_timeout(s), &r->prng, step);
    broken(r, i, step);
}

static void remove_orphans(struct router *r, const struct step *step)
{
    while (may_change(r, step->now_ms) && r->orphans > 0 && session_free(&r->session[MAIN]) &&
           actions_room(step->out))
        router_remove(r, 0, r->orphan[--r->orphans], step);
}

/* Of a resync that needs no look at the way. */
static uint64_t resync_due_ms(const struct router *r)
{
    return r->ready && router_way_is_known(r) ? r->resync_due_ms : UINT64_MAX;
}

/* When the log says that the router does not answer a command without which the daemon cannot begin. */
static uint64_t unanswered_ms(const struct router *r)
{
    const struct session *s = &r->session[MAIN];
    const struct command *c = s->state == SESSION_READY && !r->ready && r->trouble != FAILURE_UNANSWERED
                                  ? session_waits_for(s)
                                  : NULL;
    return c != NULL ? c->heard_ms + UNANSWERED_MS : UINT64_MAX;
}

static void tick_main(struct router *r, const struct step *step)
{
    struct session *s = &r->session[MAIN];
    if (s->state == SESSION_CLOSED && s->retry_ms <= step->now_ms)
        session_open(s, step);
    if (s->state != SESSION_READY)
        return;
    if (unanswered_ms(r) <= step->now_ms)
        router_report(r, FAILURE_UNANSWERED, span_text(session_waits_for(s)->path), step->out);
    bool looks = r->stage == STAGE_IDLE && router_way_take_due(r, step->now_ms);
    if (looks || (r->stage == STAGE_IDLE && resync_due_ms(r) <= step->now_ms))
        router_begin_resync(r, looks, step);
    router_twin_tick(r, step);
    if (may_change(r, step->now_ms)) {
        router_script_tick(r, step);
        router_entries_tick(r, step);
    }
    remove_orphans(r, step);
    if (idle_ms(s, KEEP_ALIVE_MS) <= step->now_ms) {
        struct writer w = session_begin(s, COMMAND_KEEP_ALIVE, 0, "/system/identity/print", step);
        session_end(s, &w, step->out);
    }
}

void router_tick(struct router *r, const struct step *step)
{
    if (!actions_room(step->out))
        return;
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++)
        wait_on(r, i, step);
    if (!actions_room(step->out))
        return;
    tick_main(r, step);
    for (unsigned i = MAIN + 1; i < ROUTER_SESSIONS_MAX; i++)
        if (idle_ms(&r->session[i], EXTRA_IDLE_MS) <= step->now_ms)
            session_close(&r->session[i], step->out);
}

uint64_t router_deadline_ms(const struct router *r)
{
    const struct session *s = &r->session[MAIN];
    uint64_t deadline_ms = unanswered_ms(r);
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++) {
        deadline_ms = earlier_ms(deadline_ms, session_due_ms(&r->session[i]));
        deadline_ms =
            earlier_ms(deadline_ms, idle_ms(&r->session[i], i == MAIN ? KEEP_ALIVE_MS : EXTRA_IDLE_MS));
    }
    if (s->state == SESSION_CLOSED)
        deadline_ms = earlier_ms(deadline_ms, s->retry_ms);
    if (s->state == SESSION_READY && r->stage == STAGE_IDLE)
        deadline_ms = earlier_ms(deadline_ms, earlier_ms(router_way_due_ms(r), resync_due_ms(r)));
    if (s->state == SESSION_READY)
        deadline_ms = earlier_ms(deadline_ms, router_twin_due_ms(r));
    if (s->state == SESSION_READY && router_entries_wait(r) && !r->twin.standing_by)
        deadline_ms = earlier_ms(deadline_ms, r->twin.settled_ms);
    if (s->state == SESSION_READY && r->ready && !r->twin.standing_by)
        deadline_ms = earlier_ms(deadline_ms, later_ms(router_script_due_ms(r), r->twin.settled_ms));
    return deadline_ms;
}

/* ---- changing rules ---- */

/* The session with the fewest commands in flight. If all are busy, another one is opened, for later ones. */
static struct session *session_for_add(struct router *r, const struct step *step)
{
    struct session *best = NULL;
    struct session *closed = NULL;
    bool opening = false;
    for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++) {
        struct session *s = &r->session[i];
        if (session_free(s) && (best == NULL || s->in_flight < best->in_flight))
            best = s;
        if (s->state == SESSION_CLOSED && s->retry_ms <= step->now_ms)
            closed = s;
        opening = opening || s->state == SESSION_OPENING || s->state == SESSION_LOGIN;
    }
    if ((best == NULL || best->in_flight >= SESSION_BUSY) && closed != NULL && !opening) {
        closed->patience_ms = r->session[MAIN].patience_ms;
        session_open(closed, step);
    }
    return best;
}

static void write_comment(const struct router *r, struct writer *w, uint16_t external_port, uint32_t lease_s)
{
    char text[128];
    struct writer comment = writer_of(text, sizeof text);
    nat_rule_write_comment(&comment, r->context.instance, external_port, lease_s);
    ros_write_pair(w, "=comment=", writer_span(&comment));
}

bool router_add(struct router *r, uint16_t owner, const struct router_rule *rule, const struct step *step)
{
    struct session *s = may_change(r, step->now_ms) && !r->place_lost ? session_for_add(r, step) : NULL;
    uint32_t own = nat_context_own_address(&r->context);
    if (s == NULL)
        return false;
    struct writer w = session_begin(s, COMMAND_ADD, owner, "/ip/firewall/nat/add", step);
    ros_write_word(&w, span_text("=chain=dstnat"));
    ros_write_word(&w, span_text("=action=dst-nat"));
    ros_write_pair_text(&w, "=protocol=", rule->protocol == NATPMP_TCP ? "tcp" : "udp");
    ros_write_pair_text(&w, "=in-interface=", r->context.interface);
    if (own != 0)
        ros_write_pair_text(&w, "=dst-address=", address_text(own).text);
    else
        ros_write_word(&w, span_text("=dst-address-type=local"));
    ros_write_pair_decimal(&w, "=dst-port=", rule->router_port);
    ros_write_pair_text(&w, "=to-addresses=", address_text(rule->client).text);
    ros_write_pair_decimal(&w, "=to-ports=", rule->internal_port);
    write_comment(r, &w, rule->external_port, rule->lease_s);
    if (r->place != 0)
        ros_write_pair_id(&w, "=place-before=", r->place);
    session_end(s, &w, step->out);
    return true;
}

bool router_remove(struct router *r, uint16_t owner, uint32_t id, const struct step *step)
{
    struct session *s = &r->session[MAIN];
    if (!may_change(r, step->now_ms) || !session_free(s))
        return false;
    struct writer w = session_begin_removal(s, owner, id, "/ip/firewall/nat/remove", step);
    ros_write_pair_id(&w, "=.id=", id);
    session_end(s, &w, step->out);
    router_note_removed(r, id);
    return true;
}

bool router_set_comment(struct router *r, uint16_t owner, uint32_t id, uint16_t external_port,
                        uint32_t lease_s, const struct step *step)
{
    struct session *s = &r->session[MAIN];
    if (!may_change(r, step->now_ms) || !session_free(s))
        return false;
    struct writer w = session_begin(s, COMMAND_SET, owner, "/ip/firewall/nat/set", step);
    ros_write_pair_id(&w, "=.id=", id);
    write_comment(r, &w, external_port, lease_s);
    session_end(s, &w, step->out);
    return true;
}

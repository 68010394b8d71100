/* The resync: reads which interface leads to the gateway, the addresses and lists of that interface, and the
 * NAT table. */
#include "core/router.h"

#include <assert.h>

enum {
    RESYNC_INTERVAL_MS = 10 * 60 * 1000,
    /* If the router refuses listen, only a resync shows what somebody else changed. */
    BLIND_INTERVAL_MS = 30 * 1000,
    NO_INTERFACE_RETRY_MS = 5 * 1000,
    FAILED_RETRY_MS = 10 * 1000,
    PARTIAL_ROW_MS = 100,
};

static const char component[] = "router";

/* ---- reading ---- */

static struct session *main_session(struct router *r)
{
    return &r->session[0];
}

static void read_table(struct router *r, enum command_kind kind, const char *path, const char *proplist,
                       const char *query, const struct step *step)
{
    struct writer w = session_begin(main_session(r), kind, 0, path, step);
    ros_write_pair_text(&w, "=.proplist=", proplist);
    if (query != NULL)
        ros_write_word(&w, span_text(query));
    session_end(main_session(r), &w, step->out);
    r->reading++;
}

/* ---- the interface ---- */

static void read_type(struct router *r, const struct step *step)
{
    char query[sizeof("?name=") + INTERFACE_NAME_MAX];
    struct writer w = writer_of(query, sizeof(query));
    write_text(&w, "?name=");
    write_text(&w, r->way.interface);
    write_u8(&w, 0);
    read_table(r, COMMAND_INTERFACE, "/interface/print", "name,type", query, step);
}

static void read_context(struct router *r, const struct step *step)
{
    r->stage = STAGE_CONTEXT;
    r->reading = 0;
    r->stage_failed = false;
    r->next_context = (struct nat_context){.instance = r->context.instance};
    memcpy(r->next_context.interface, r->way.interface, sizeof r->way.interface);
    read_table(r, COMMAND_ADDRESSES, "/ip/address/print", address_proplist, NULL, step);
    read_table(r, COMMAND_LISTS, "/interface/list/print", "name,include,exclude", NULL, step);
    read_table(r, COMMAND_MEMBERS, "/interface/list/member/print", "list,interface,disabled", NULL, step);
    if (r->type_matters)
        read_type(r, step);
    if (!r->listening) {
        /* Listen starts before the snapshot, so that no change between the two is missed. */
        struct writer w = session_begin(main_session(r), COMMAND_LISTEN, 0, "/ip/firewall/nat/listen", step);
        session_end(main_session(r), &w, step->out);
        r->listening = true;
    }
}

static void read_routes(struct router *r, const struct step *step)
{
    r->stage = STAGE_ROUTES;
    r->reading = 0;
    r->way = (struct route_choice){.target = r->gateway};
    read_table(r, COMMAND_ROUTES, "/ip/route/print", route_proplist, "?active=true", step);
    read_table(r, COMMAND_ADDRESSES, "/ip/address/print", address_proplist, NULL, step);
}

static void check_route(struct router *r, const struct step *step)
{
    struct writer w = session_begin(main_session(r), COMMAND_ROUTE_CHECK, 0, "/ip/route/check", step);
    ros_write_pair_text(&w, "=dst-ip=", address_text(r->gateway).text);
    /* Without `once` the router repeats its answer until we cancel the command. */
    ros_write_word(&w, span_text("=once="));
    session_end(main_session(r), &w, step->out);
}

void router_begin_resync(struct router *r, const struct step *step)
{
    assert(r->stage == STAGE_IDLE);
    r->resync_due_ms = UINT64_MAX;
    r->resync_again = false;
    r->stage_failed = false;
    r->reading = 0;
    if (r->configured_interface[0] != '\0') {
        copy_interface(r->way.interface, span_text(r->configured_interface));
        r->checked_way[0] = '\0';
        if (!r->route_check_hangs)
            check_route(r, step);
        read_context(r, step);
        return;
    }
    if (r->route_check_hangs) {
        read_routes(r, step);
        return;
    }
    r->stage = STAGE_INTERFACE;
    r->way.interface[0] = '\0';
    check_route(r, step);
    r->reading++;
}

static void interface_found(struct router *r, const struct step *step)
{
    if (r->way.interface[0] != '\0') {
        if (r->trouble == FAILURE_NO_INTERFACE)
            router_report(r, FAILURE_NONE, span_of(NULL, 0), step->out);
        read_context(r, step);
        return;
    }
    router_report(r, FAILURE_NO_INTERFACE, span_of(NULL, 0), step->out);
    r->stage = STAGE_IDLE;
    r->resync_due_ms = step->now_ms + NO_INTERFACE_RETRY_MS;
}

static void address_row(struct router *r, const struct ros_sentence *row)
{
    if (r->stage == STAGE_ROUTES)
        route_choice_address(&r->way, row);
    else
        nat_context_add_address(&r->next_context, row);
}

/* ---- the table ---- */

static void start_snapshot(struct router *r, const struct step *step)
{
    r->context = r->next_context;
    r->stage = STAGE_SNAPSHOT;
    r->reading = 0;
    r->snapshot++;
    r->next_place = 0;
    r->resynced_ms = step->now_ms;
    for (unsigned i = 0; i < 2; i++)
        taken_ports_begin(&r->taken_ports[i], &r->context, (enum natpmp_protocol)i);
    read_table(r, COMMAND_SNAPSHOT, "/ip/firewall/nat/print", nat_rule_proplist, NULL, step);
}

static bool our_row(const struct nat_rule *rule, struct router_outcome *o)
{
    *o = (struct router_outcome){.type = ROUTER_RULE, .id = rule->id, .rule = *rule};
    return rule->id != 0;
}

/* Few routers have rules for a kind of interfaces, so what kind ours is is read when one is seen. */
static void note_questions(struct router *r, const struct ros_sentence *row)
{
    struct span name;
    if (r->type_matters || !ros_attribute(row, "in-interface", &name))
        return;
    if (span_starts(name, "all-") || span_starts(name, "!all-")) {
        r->type_matters = true;
        r->resync_again = true;
    }
}

/* Before a dynamic rule nothing can be added. */
static bool is_place(const struct ros_sentence *row)
{
    struct span chain;
    return !ros_flag(row, "dynamic") && ros_attribute(row, "chain", &chain) && span_is(chain, "dstnat");
}

static bool snapshot_row(struct router *r, const struct ros_sentence *row, uint64_t now_ms,
                         struct router_outcome *o)
{
    struct nat_rule rule = nat_rule_parse(row, &r->context);
    if (router_twin_claim(r, row, rule.id, false, now_ms))
        return false;
    if (rule.ours)
        return our_row(&rule, o);
    for (unsigned i = 0; i < 2; i++)
        taken_ports_add(&r->taken_ports[i], row);
    note_questions(r, row);
    if (r->next_place == 0 && is_place(row))
        r->next_place = rule.id;
    return false;
}

static bool is_dead(const struct ros_sentence *row)
{
    struct span dead;
    return ros_attribute(row, ".dead", &dead) && !span_is(dead, "false") && !span_is(dead, "no");
}

static bool dead_row(struct router *r, uint32_t id, uint64_t now_ms, struct router_outcome *o)
{
    *o = (struct router_outcome){.type = ROUTER_RULE_GONE, .id = id};
    if (id == 0 || router_has_removed(r, id) || id == r->twin.seen_id)
        return false;
    if (r->stage == STAGE_SNAPSHOT)
        r->resync_again = true; /* the snapshot may still deliver its row */
    if (id == r->place)
        router_place_lost(r, now_ms);
    return true;
}

static bool foreign_row(struct router *r, const struct ros_sentence *row, uint32_t id, uint64_t now_ms,
                        struct router_outcome *o)
{
    /* Its place and the chains that lead to it are not known until a resync. */
    bool takes = false;
    for (unsigned i = 0; i < 2; i++) {
        takes = taken_ports_of_row(&r->taken_ports[i], row, &r->taken[i]) || takes;
        if (r->stage == STAGE_SNAPSHOT)
            taken_ports_add_anywhere(&r->taken_ports[i], row);
    }
    r->any_taken = r->any_taken || takes;
    /* It may also stand before ours. */
    if (chain_walk_row_acts(row))
        router_foreign_changed(r, now_ms);
    if (r->place == 0 && is_place(row))
        r->place = id;
    *o = (struct router_outcome){.type = ROUTER_RULE_FOREIGN, .id = id};
    return id != 0;
}

static bool listen_row(struct router *r, const struct ros_sentence *row, uint64_t now_ms,
                       struct router_outcome *o)
{
    struct nat_rule rule = nat_rule_parse(row, &r->context);
    if (router_twin_claim(r, row, rule.id, true, now_ms))
        return false;
    if (!r->ready && r->stage != STAGE_SNAPSHOT)
        return false; /* the first snapshot has not started, and it will show the rule */
    if (is_dead(row))
        return dead_row(r, rule.id, now_ms, o);
    if (rule.only_ours)
        return false;
    if (rule.partial) {
        router_resync(r, now_ms + PARTIAL_ROW_MS);
        *o = (struct router_outcome){
            .type = ros_flag(row, "disabled") ? ROUTER_RULE_DISABLED : ROUTER_RULE_CHANGED, .id = rule.id};
        return rule.id != 0;
    }
    return rule.ours ? our_row(&rule, o) : foreign_row(r, row, rule.id, now_ms, o);
}

static bool snapshot_done(struct router *r, struct router_outcome *o, const struct step *step)
{
    for (unsigned i = 0; i < 2 && r->any_taken; i++)
        r->taken[i] = (struct taken_set){0};
    r->any_taken = false;
    for (unsigned i = 0; i < 2; i++)
        r->any_taken = taken_ports_end(&r->taken_ports[i], &r->taken[i]) || r->any_taken;
    r->place = r->next_place != r->refused_place ? r->next_place : 0;
    r->place_lost = false;
    r->stage = STAGE_IDLE;
    uint64_t next_ms = step->now_ms + (r->listening ? RESYNC_INTERVAL_MS : BLIND_INTERVAL_MS);
    router_resync(r, r->resync_again ? step->now_ms : next_ms);
    if (!r->ready) {
        r->ready = true;
        router_report(r, FAILURE_NONE, span_of(NULL, 0), step->out);
        actions_log_state(step->out, LOG_LEVEL_INFO, component, "the router is ready version=%s interface=%s",
                          r->version[0] != '\0' ? r->version : "unknown",
                          log_safe(span_text(r->context.interface)).text);
    }
    *o = (struct router_outcome){.type = ROUTER_SNAPSHOT_DONE};
    return true;
}

/* ---- rows and ends ---- */

bool router_resync_row(struct router *r, const struct command *c, uint64_t now_ms,
                       struct router_outcome *ret_outcome)
{
    const struct ros_sentence *row = &main_session(r)->reader.sentence;
    struct span value;
    switch ((enum command_kind)c->kind) {
    case COMMAND_RESOURCE:
        if (ros_attribute(row, "version", &value)) {
            struct log_safe version = log_safe(value);
            for (size_t i = 0; i < sizeof r->version - 1 && version.text[i] != ' '; i++)
                r->version[i] = version.text[i];
        }
        router_twin_row(r, c, now_ms);
        return false;
    case COMMAND_SESSIONS:
        router_twin_row(r, c, now_ms);
        return false;
    case COMMAND_ROUTE_CHECK:
        if (ros_attribute(row, "interface", &value) && r->way.interface[0] == '\0')
            copy_interface(r->way.interface, value);
        else if (ros_attribute(row, "interface", &value) && r->checked_way[0] == '\0')
            copy_interface(r->checked_way, value);
        return false;
    case COMMAND_ROUTES:
        route_choice_route(&r->way, row);
        return false;
    case COMMAND_INTERFACE:
        nat_context_set_type(&r->next_context, row);
        return false;
    case COMMAND_ADDRESSES:
        address_row(r, row);
        return false;
    case COMMAND_LISTS:
        nat_context_add_list(&r->next_context, row);
        return false;
    case COMMAND_MEMBERS:
        nat_context_add_member(&r->next_context, row);
        return false;
    case COMMAND_LISTEN:
        return listen_row(r, row, now_ms, ret_outcome);
    case COMMAND_SNAPSHOT:
        return snapshot_row(r, row, now_ms, ret_outcome);
    case COMMAND_LOGIN:
    case COMMAND_ADD:
    case COMMAND_REMOVE:
    case COMMAND_SET:
    case COMMAND_CLAIM:
    case COMMAND_UNCLAIM:
    case COMMAND_SCRIPT:
    case COMMAND_KEEP_ALIVE:
        break;
    }
    return false;
}

static void listen_ended(struct router *r, const struct command *c, const struct step *step)
{
    r->listening = false;
    /* Not router_resync: the running snapshot stays valid, and a resync after it would be refused again. */
    router_resync_later(r, step->now_ms + BLIND_INTERVAL_MS);
    if (r->listen_refused)
        return;
    r->listen_refused = true;
    actions_log(step->out, LOG_LEVEL_WARN, component,
                "the router refuses to report changes of its NAT rules; reading them every %u s instead "
                "message=\"%s\"",
                (unsigned)BLIND_INTERVAL_MS / 1000, c->message.text);
}

static void reading_failed(struct router *r, const struct command *c, struct actions *out)
{
    if (c->error == ROS_ERROR_PERMISSION)
        router_report(r, FAILURE_READ_POLICY, span_of(NULL, 0), out);
    else
        router_report(r, FAILURE_COMMAND, span_text(c->message.text), out);
    r->stage_failed = true;
}

/* Our rules match only packets that arrive on the configured interface. */
static void compare_way(struct router *r, struct actions *out)
{
    bool other = r->checked_way[0] != '\0' && strcmp(r->checked_way, r->configured_interface) != 0;
    if (other && !r->other_way_told)
        actions_log(
            out, LOG_LEVEL_WARN, component,
            "the route to the gateway does not use MIKROTIK_IN_INTERFACE, so incoming packets match no rule "
            "interface=%s configured=%s fix=\"correct MIKROTIK_IN_INTERFACE, or remove it\"",
            log_safe(span_text(r->checked_way)).text, log_safe(span_text(r->configured_interface)).text);
    r->other_way_told = other;
}

static void route_check_done(struct router *r, const struct command *c, const struct step *step)
{
    if (r->configured_interface[0] != '\0') {
        compare_way(r, step->out);
        return;
    }
    if (c->failed && c->error == ROS_ERROR_PERMISSION && !r->test_policy_logged) {
        r->test_policy_logged = true;
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "the API user may not use /ip/route/check; the interface is taken from the routing table "
                    "fix=\"" FAILURE_SET_POLICIES "\"");
    }
    if (r->way.interface[0] != '\0')
        interface_found(r, step);
    else
        read_routes(r, step);
}

/* All commands of a stage with several commands have ended. */
static bool stage_done(struct router *r, struct router_outcome *o, const struct step *step)
{
    if (r->stage_failed) {
        r->stage = STAGE_IDLE;
        router_resync(r, step->now_ms + FAILED_RETRY_MS);
        return false;
    }
    switch ((enum router_stage)r->stage) {
    case STAGE_ROUTES:
        interface_found(r, step);
        return false;
    case STAGE_CONTEXT:
        start_snapshot(r, step);
        return false;
    case STAGE_SNAPSHOT:
        return snapshot_done(r, o, step);
    case STAGE_IDLE:
    case STAGE_INTERFACE:
        break;
    }
    return false;
}

bool router_resync_done(struct router *r, const struct command *c, struct router_outcome *ret_outcome,
                        const struct step *step)
{
    switch ((enum command_kind)c->kind) {
    case COMMAND_LISTEN:
        listen_ended(r, c, step);
        return false;
    case COMMAND_ROUTE_CHECK:
        route_check_done(r, c, step);
        return false;
    case COMMAND_LISTS:
    case COMMAND_MEMBERS:
        /* The lists are not essential: without them, the daemon assumes that any list may contain the
         * interface. */
        if (c->failed)
            r->next_context.lists_incomplete = true;
        break;
    case COMMAND_INTERFACE:
        break; /* without its type, it may be of any kind */
    case COMMAND_ROUTES:
    case COMMAND_ADDRESSES:
    case COMMAND_SNAPSHOT:
        if (c->failed)
            reading_failed(r, c, step->out);
        break;
    case COMMAND_SESSIONS:
    case COMMAND_CLAIM:
        router_twin_done(r, c, step->now_ms);
        return false;
    case COMMAND_SCRIPT:
        router_script_done(r, c, step);
        return false;
    case COMMAND_UNCLAIM:
    case COMMAND_RESOURCE:
    case COMMAND_LOGIN:
    case COMMAND_ADD:
    case COMMAND_REMOVE:
    case COMMAND_SET:
    case COMMAND_KEEP_ALIVE:
        return false;
    }
    return --r->reading == 0 && stage_done(r, ret_outcome, step);
}

void router_resync_given_up(struct router *r, const struct command *c, const struct step *step)
{
    if (c->kind == COMMAND_SCRIPT) {
        router_script_given_up(r, step);
        return;
    }
    struct router_outcome none; /* only a snapshot has one, and it is not given up */
    if (c->kind == COMMAND_ROUTE_CHECK) {
        r->route_check_hangs = true;
        if (first_time(&r->route_check_hangs_logged))
            actions_log(
                step->out, LOG_LEVEL_WARN, component,
                "the router does not answer /ip/route/check; the interface is taken from the routing table");
    }
    router_resync_done(r, c, &none, step);
}

/* The resync: finds the way to the gateway (router_way.c), and reads the addresses and lists that concern its
 * interface, and the NAT table. */
#include "core/router.h"

#include <assert.h>

enum {
    RESYNC_INTERVAL_MS = 10 * 60 * 1000,
    /* If the router refuses listen, only a resync shows what somebody else changed. */
    BLIND_INTERVAL_MS = 30 * 1000,
    FAILED_RETRY_MS = 10 * 1000,
    PARTIAL_ROW_MS = 100,
};

static const char component[] = "router";

void router_begin_resync(struct router *r, bool looks, const struct step *step)
{
    assert(r->stage == STAGE_IDLE);
    r->snapshot_wanted = r->snapshot_wanted || !r->ready || r->resync_due_ms <= step->now_ms;
    if (r->snapshot_wanted)
        r->resync_due_ms = UINT64_MAX;
    r->resync_again = false;
    r->stage_failed = false;
    r->reading = 0;
    if (looks)
        router_way_begin(r, step);
    else
        router_read_context(r, r->context.interface, step);
}

/* ---- what concerns the interface ---- */

/* The rows of several tables arrive mixed, so their order does not count. */
static void note_fact(struct router *r, const struct ros_sentence *row, enum command_kind kind)
{
    uint64_t hash = 0xcbf29ce484222325 ^ (uint64_t)kind;
    for (unsigned i = 1; i < row->words; i++) {
        struct span word = ros_word(row, i);
        for (size_t k = 0; !span_starts(word, ".tag=") && k < word.len; k++)
            hash = (hash ^ word.data[k]) * 0x100000001b3;
    }
    r->next_facts += hash;
}

static void context_row(struct router *r, const struct ros_sentence *row, enum command_kind kind)
{
    note_fact(r, row, kind);
    if (kind == COMMAND_ADDRESSES)
        nat_context_add_address(&r->next_context, row);
    else if (kind == COMMAND_LISTS)
        nat_context_add_list(&r->next_context, row);
    else if (kind == COMMAND_INTERFACE)
        nat_context_set_type(&r->next_context, row);
    else
        nat_context_add_member(&r->next_context, row);
}

static void listener_row(struct router *r, const struct ros_sentence *row)
{
    uint16_t port = listener_port(row);
    if (port != 0 && r->next_listens < ROUTER_LISTENS_MAX)
        r->next_listens_on[r->next_listens++] = port;
}

static void publish_listeners(struct router *r)
{
    memcpy(r->listens_on, r->next_listens_on, r->next_listens * sizeof *r->listens_on);
    r->listens = r->next_listens;
}

/* ---- the table ---- */

static void start_snapshot(struct router *r, const struct step *step)
{
    r->snapshot_wanted = false;
    r->stage = STAGE_SNAPSHOT;
    r->snapshot++;
    r->next_place = 0;
    r->others = 0;
    r->resynced_ms = step->now_ms;
    router_counters_snapshot_begins(r);
    for (unsigned i = 0; i < 2; i++) {
        taken_ports_begin(&r->taken_ports[i], &r->context, (enum natpmp_protocol)i);
        r->taken_ports[i].packet.lists = &r->lists_state;
    }
    router_read(r, COMMAND_SNAPSHOT, "/ip/firewall/nat/print", nat_rule_proplist, step);
}

static void publish_context(struct router *r)
{
    r->context = r->next_context;
    r->facts = r->next_facts;
    if (r->snapshot_wanted)
        publish_listeners(r);
}

static void read_address_lists(struct router *r, const struct step *step)
{
    r->stage = STAGE_ADDRESS_LISTS;
    named_lists_begin(&r->lists, &r->context);
    struct writer w = router_begin_read(r, COMMAND_ADDRESS_LISTS, "/ip/firewall/address-list/print",
                                        address_list_proplist, step);
    named_lists_write_query(&r->lists, &w);
    session_end(main_session(r), &w, step->out);
}

/* The gateway forwards to the address that it answers. The router may have it although /ip/address does not
 * show it on the interface: a row that is disabled, or a src-nat rule that names an address. */
static void note_reply_address(struct router *r)
{
    uint32_t address = r->way.reply_to;
    if (address != 0 && nat_context_assume_address(&r->next_context, address))
        r->next_facts += address;
}

/* The way is found or confirmed. A snapshot follows if there is something to learn from it. */
static void context_done(struct router *r, const struct step *step)
{
    const char *interface = r->next_context.interface;
    bool moved = r->context.interface[0] != '\0' && strcmp(r->context.interface, interface) != 0;
    note_reply_address(r);
    bool news = moved || r->next_facts != r->facts;
    router_way_publish(r, step->out);
    router_way_end(r, step->now_ms);
    if (!news && !r->snapshot_wanted) {
        r->stage = STAGE_IDLE;
        return;
    }
    if (moved) {
        actions_log(
            step->out, LOG_LEVEL_INFO, component,
            "the way to the gateway has moved to another interface; the rules follow interface=%s before=%s",
            log_safe(span_text(interface)).text, log_safe(span_text(r->context.interface)).text);
        r->way.news = WAY_MOVED;
        r->moved_ms = step->now_ms;
    }
    publish_context(r);
    if (named_lists_wanted(&r->lists))
        read_address_lists(r, step);
    else
        start_snapshot(r, step);
}

static bool our_row(const struct nat_rule *rule, struct router_outcome *o)
{
    *o = (struct router_outcome){.type = ROUTER_RULE, .id = rule->id, .rule = *rule};
    return rule->id != 0;
}

/* Few routers have rules for a kind of interfaces, or for address lists, so what kind ours is and who is in
 * the lists is read when one is seen. */
static void note_questions(struct router *r, const struct ros_sentence *row)
{
    struct span name;
    if (chain_walk_row_acts(row) && named_lists_note(&r->lists, row))
        r->resync_again = true;
    if (r->type_matters || !ros_attribute(row, "in-interface", &name))
        return;
    if (span_starts(name, "all-") || span_starts(name, "!all-")) {
        r->type_matters = true;
        r->resync_again = true;
    }
}

/* A dynamic rule that names no port, or a jump of which only the end of the snapshot tells where it leads. */
static void judge_blocked(const struct router *r, struct router_outcome *o)
{
    o->port_named = o->port_named || r->bar[o->rule.protocol] != 0;
    o->doubtful = !o->port_named;
}

/* What stands before ours is what the snapshot has shown so far. */
static void note_place(struct router *r, struct router_outcome *o)
{
    const struct nat_rule *rule = &o->rule;
    if (!rule->sound)
        return;
    enum cover cover = taken_ports_ahead(&r->taken_ports[rule->protocol], rule->router_port, &o->port_named);
    if (cover == COVER_NONE)
        return;
    o->doubtful = cover == COVER_MAYBE;
    o->place = r->next_place != 0 && r->next_place != r->refused_place ? PLACE_BEHIND : PLACE_BLOCKED;
    if (o->place == PLACE_BEHIND)
        r->place = r->next_place; /* ours may be put there before the snapshot has ended */
    else if (cover == COVER_ALL && r->next_place == 0)
        judge_blocked(r, o);
    if (!o->port_named)
        return;
    /* Our rule may get another port before the snapshot has ended. */
    portset_add(&r->taken[rule->protocol].sure, rule->router_port);
    r->any_taken = true;
}

/* They forward whether their daemon runs or not. */
static void note_other(struct router *r, const struct ros_sentence *row)
{
    struct span name;
    if (!nat_rule_is_of_another(row, r->context.instance, &name) || ros_flag(row, "disabled"))
        return;
    if (r->others++ > 0)
        return;
    size_t len = name.len <= INSTANCE_NAME_MAX ? name.len : INSTANCE_NAME_MAX;
    memcpy(r->other_instance, name.data, len);
    r->other_instance[len] = '\0';
}

static void report_others(struct router *r, const struct step *step)
{
    if (r->others == 0 || !first_time(&r->others_reported))
        return;
    actions_log(
        step->out, LOG_LEVEL_INFO, component,
        "rules of double-natpmp with another INSTANCE are on the router and forward connections; this "
        "daemon leaves them alone rules=%u instance=%s fix=\"nothing, if that daemon runs; otherwise remove "
        "the rules whose comment begins with double-natpmp/%s\"",
        r->others, log_safe(span_text(r->other_instance)).text, log_safe(span_text(r->other_instance)).text);
}

static bool snapshot_row(struct router *r, const struct ros_sentence *row, uint64_t now_ms,
                         struct router_outcome *o)
{
    struct nat_rule rule = nat_rule_parse(row, &r->context);
    if (router_twin_claim(r, row, rule.id, false, now_ms))
        return false;
    if (rule.ours) {
        bool known = our_row(&rule, o);
        router_counters_snapshot_row(r, row, o);
        note_place(r, o);
        return known;
    }
    for (unsigned i = 0; i < 2; i++)
        taken_ports_add(&r->taken_ports[i], row);
    note_questions(r, row);
    note_other(r, row);
    if (r->next_place == 0 && taken_ports_is_place(row))
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
    if (r->place == 0 && taken_ports_is_place(row))
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
    if (router_has_removed(r, rule.id))
        return false; /* the row was on its way when the router removed the rule */
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

/* What the walk does not follow counts as possible. */
static void report_limit(struct router *r, const struct step *step)
{
    bool incomplete = taken_ports_is_incomplete(&r->taken_ports[NATPMP_UDP]) ||
                      taken_ports_is_incomplete(&r->taken_ports[NATPMP_TCP]);
    if (incomplete && !r->limit_reported)
        actions_log(
            step->out, LOG_LEVEL_WARN, component,
            "double-natpmp cannot follow all chains and jumps of the NAT table; ports that rules in the rest "
            "name are used last chains=%u ports_of=%u steps=%u "
            "fix=\"/ip/firewall/nat/print where action=jump; remove chains and jumps that nothing needs\"",
            (unsigned)WALK_CHAINS_MAX, (unsigned)TAKEN_CHAINS_MAX, (unsigned)WALK_STEPS_MAX);
    r->limit_reported = incomplete;
}

/* A rule before which ours cannot be put takes all ports of a protocol. Another snapshot, now that this is
 * known, shows which of our rules it concerns. */
static void report_bar(struct router *r, const struct step *step)
{
    for (unsigned i = 0; i < 2; i++) {
        uint32_t bar = r->taken_ports[i].bar;
        bool news = bar != r->bar[i];
        r->bar[i] = bar;
        r->resync_again = r->resync_again || (news && bar != 0);
        if (news && bar != 0 && (i == 0 || bar != r->bar[0]))
            actions_log(
                step->out, LOG_LEVEL_WARN, component,
                "a rule takes all connections from the tunnel, and it or the jump to it is dynamic, so no "
                "rule can be put before it; nothing can be mapped protocol=%s rule=*%X "
                "fix=\"/ip/firewall/nat/print detail where .id=*%X; find out what makes that rule, and "
                "limit it to ports or remove it\"",
                i == NATPMP_UDP && r->taken_ports[NATPMP_TCP].bar == bar ? "both"
                : i == NATPMP_UDP                                        ? "udp"
                                                                         : "tcp",
                (unsigned)bar, (unsigned)bar);
    }
}

static bool snapshot_done(struct router *r, struct router_outcome *o, const struct step *step)
{
    for (unsigned i = 0; i < 2 && r->any_taken; i++)
        r->taken[i] = (struct taken_set){0};
    r->any_taken = false;
    for (unsigned i = 0; i < 2; i++)
        r->any_taken = taken_ports_end(&r->taken_ports[i], &r->taken[i]) || r->any_taken;
    report_limit(r, step);
    report_bar(r, step);
    r->place = r->next_place != r->refused_place ? r->next_place : 0;
    r->place_lost = false;
    r->unread = false;
    router_counters_snapshot_done(r);
    r->stage = STAGE_IDLE;
    uint64_t next_ms = step->now_ms + (r->listening ? RESYNC_INTERVAL_MS : BLIND_INTERVAL_MS);
    router_resync(r, r->resync_again ? step->now_ms : next_ms);
    if (!r->ready) {
        r->ready = true;
        router_report(r, FAILURE_NONE, span_of(NULL, 0), step->out);
        actions_log_state(step->out, LOG_LEVEL_INFO, component, "the router is ready version=%s interface=%s",
                          r->version[0] != '\0' ? r->version : "unknown",
                          log_safe(span_text(r->context.interface)).text);
        report_others(r, step);
    }
    *o = (struct router_outcome){.type = ROUTER_SNAPSHOT_DONE};
    return true;
}

/* ---- rows and ends ---- */

bool router_resync_row(struct router *r, const struct command *c, uint64_t now_ms,
                       struct router_outcome *ret_outcome)
{
    const struct ros_sentence *row = &main_session(r)->reader.sentence;
    if (c->kind == COMMAND_LISTEN)
        return listen_row(r, row, now_ms, ret_outcome);
    if (c->kind == COMMAND_SNAPSHOT)
        return snapshot_row(r, row, now_ms, ret_outcome);
    if (c->kind == COMMAND_LISTENERS)
        listener_row(r, row);
    else if (c->kind == COMMAND_ADDRESS_LISTS)
        named_lists_row(&r->lists, row);
    else
        context_row(r, row, (enum command_kind)c->kind);
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

/* All commands of a stage with several commands have ended. */
static bool stage_done(struct router *r, struct router_outcome *o, const struct step *step)
{
    if (r->stage_failed) {
        r->stage = STAGE_IDLE;
        router_way_end(r, step->now_ms);
        router_resync(r, step->now_ms + FAILED_RETRY_MS);
        return false;
    }
    switch ((enum router_stage)r->stage) {
    case STAGE_FLOW:
    case STAGE_OWNER:
    case STAGE_CHECK:
    case STAGE_ROUTES:
        router_way_next(r, step);
        return false;
    case STAGE_CONTEXT:
        context_done(r, step);
        return false;
    case STAGE_ADDRESS_LISTS:
        start_snapshot(r, step);
        return false;
    case STAGE_SNAPSHOT:
        return snapshot_done(r, o, step);
    case STAGE_IDLE:
        break;
    }
    return false;
}

bool router_stage_answered(struct router *r, struct router_outcome *ret_outcome, const struct step *step)
{
    return --r->reading == 0 && stage_done(r, ret_outcome, step);
}

bool router_resync_done(struct router *r, const struct command *c, struct router_outcome *ret_outcome,
                        const struct step *step)
{
    bool essential = c->kind == COMMAND_ROUTES || c->kind == COMMAND_ADDRESSES || c->kind == COMMAND_SNAPSHOT;
    if (c->kind == COMMAND_LISTEN) {
        listen_ended(r, c, step);
        return false;
    }
    if (c->kind == COMMAND_ADDRESS_LISTS)
        named_lists_end(&r->lists, c->failed);
    else if (c->failed && essential)
        reading_failed(r, c, step->out);
    else if (c->failed && (c->kind == COMMAND_LISTS || c->kind == COMMAND_MEMBERS))
        /* Without the lists, the daemon assumes that any list may contain the interface. */
        r->next_context.lists_incomplete = true;
    return router_stage_answered(r, ret_outcome, step);
}

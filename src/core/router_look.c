/* Looking at the router: which interface leads to the gateway, what surrounds it, and the NAT table. */
#include "core/router.h"

#include <assert.h>

enum {
    LOOK_INTERVAL_MS = 10 * 60 * 1000,
    /* Without listen, changes by hand are seen this often. */
    BLIND_INTERVAL_MS = 30 * 1000,
    NO_INTERFACE_RETRY_MS = 5 * 1000,
    FAILED_RETRY_MS = 10 * 1000,
    PARTIAL_ROW_MS = 100,
};

static const char component[] = "router";

static struct session *main_session(struct router *r)
{
    return &r->session[0];
}

static void read_table(struct router *r, enum command_kind kind, const char *path, const char *proplist,
                       const char *query, uint64_t now_ms, struct actions *out)
{
    struct writer w = session_begin(main_session(r), kind, 0, path, now_ms, out);
    ros_write_pair_text(&w, "=.proplist=", proplist);
    if (query != NULL)
        ros_write_word(&w, span_text(query));
    session_end(main_session(r), &w, out);
    r->reading++;
}

static void copy_name(char name[INTERFACE_NAME_MAX + 1], struct span text)
{
    size_t len = text.len <= INTERFACE_NAME_MAX ? text.len : 0;
    if (len > 0)
        memcpy(name, text.data, len);
    name[len] = '\0';
}

/* ---- the interface ---- */

static void read_context(struct router *r, uint64_t now_ms, struct actions *out)
{
    r->stage = STAGE_CONTEXT;
    r->reading = 0;
    r->stage_failed = false;
    r->next_context = (struct nat_context){.instance = r->context.instance};
    memcpy(r->next_context.interface, r->found, sizeof r->found);
    read_table(r, COMMAND_ADDRESSES, "/ip/address/print", "address,interface,actual-interface,disabled", NULL,
               now_ms, out);
    read_table(r, COMMAND_LISTS, "/interface/list/print", "name,include,exclude", NULL, now_ms, out);
    read_table(r, COMMAND_MEMBERS, "/interface/list/member/print", "list,interface,disabled", NULL, now_ms,
               out);
    if (!r->listening) {
        /* Listen first, then print: so nothing is missed between the two. */
        struct writer w =
            session_begin(main_session(r), COMMAND_LISTEN, 0, "/ip/firewall/nat/listen", now_ms, out);
        session_end(main_session(r), &w, out);
        r->listening = true;
    }
}

static void read_routes(struct router *r, uint64_t now_ms, struct actions *out)
{
    r->stage = STAGE_ROUTES;
    r->reading = 0;
    r->best_known = false;
    r->found[0] = '\0';
    read_table(r, COMMAND_ROUTES, "/ip/route/print",
               "dst-address,gateway,gateway-status,immediate-gw,routing-table,routing-mark,active,disabled",
               "?active=true", now_ms, out);
    read_table(r, COMMAND_ADDRESSES, "/ip/address/print", "address,interface,actual-interface,disabled", NULL,
               now_ms, out);
}

void router_begin_look(struct router *r, uint64_t now_ms, struct actions *out)
{
    assert(r->stage == STAGE_IDLE);
    r->look_due_ms = UINT64_MAX;
    r->look_again = false;
    r->stage_failed = false;
    r->reading = 0;
    if (r->configured_interface[0] != '\0') {
        copy_name(r->found, span_text(r->configured_interface));
        read_context(r, now_ms, out);
        return;
    }
    r->stage = STAGE_INTERFACE;
    r->found[0] = '\0';
    struct writer w = session_begin(main_session(r), COMMAND_ROUTE_CHECK, 0, "/ip/route/check", now_ms, out);
    ros_write_pair_text(&w, "=dst-ip=", address_text(r->gateway).text);
    /* Without `once` the router repeats the answer until it is cancelled. */
    ros_write_word(&w, span_text("=once="));
    session_end(main_session(r), &w, out);
    r->reading++;
}

static void interface_found(struct router *r, uint64_t now_ms, struct actions *out)
{
    if (r->found[0] != '\0') {
        if (r->trouble == ROUTER_TROUBLE_NO_INTERFACE)
            router_report(r, ROUTER_TROUBLE_NONE, span_of(NULL, 0), out);
        read_context(r, now_ms, out);
        return;
    }
    router_report(r, ROUTER_TROUBLE_NO_INTERFACE, span_of(NULL, 0), out);
    r->stage = STAGE_IDLE;
    r->look_due_ms = now_ms + NO_INTERFACE_RETRY_MS;
}

/* The interface in "10.2.0.1%wg1", or in "wg1" alone; of several gateways the first one counts. */
static struct span gateway_interface(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == ',')
            text.len = i;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '%')
            return span_skip(text, i + 1);
    uint32_t address;
    return parse_address(text, &address) ? span_of(NULL, 0) : text;
}

/* RouterOS 6 says "10.2.0.1 reachable via  wg1". */
static struct span status_interface(struct span text)
{
    static const char via[] = "via ";
    for (size_t i = 0; i + sizeof via <= text.len; i++) {
        struct span rest = span_skip(text, i);
        if (!span_starts(rest, via))
            continue;
        rest = span_skip(rest, sizeof via - 1);
        while (rest.len > 0 && rest.data[0] == ' ')
            rest = span_skip(rest, 1);
        return rest;
    }
    return span_of(NULL, 0);
}

static void consider(struct router *r, struct span prefix_text, struct span interface)
{
    struct prefix prefix;
    if (interface.len == 0 || interface.len > INTERFACE_NAME_MAX || !parse_prefix(prefix_text, &prefix) ||
        !prefix_has(&prefix, r->gateway))
        return;
    if (r->best_known && r->best.length >= prefix.length)
        return;
    r->best = prefix;
    r->best_known = true;
    copy_name(r->found, interface);
}

static void route_row(struct router *r, const struct ros_sentence *row)
{
    struct span table;
    struct span prefix;
    struct span gateway;
    struct span interface = span_of(NULL, 0);
    bool in_main = !ros_attribute(row, "routing-table", &table) || table.len == 0 || span_is(table, "main");
    bool marked = ros_attribute(row, "routing-mark", &table) && table.len > 0 && !span_is(table, "main");
    if (!in_main || marked || ros_flag(row, "disabled") || !ros_attribute(row, "dst-address", &prefix))
        return;
    if (ros_attribute(row, "immediate-gw", &gateway))
        interface = gateway_interface(gateway);
    if (interface.len == 0 && ros_attribute(row, "gateway-status", &gateway))
        interface = status_interface(gateway);
    if (interface.len == 0 && ros_attribute(row, "gateway", &gateway))
        interface = gateway_interface(gateway);
    consider(r, prefix, interface);
}

/* ---- what surrounds it ---- */

static bool address_interface(const struct ros_sentence *row, struct span *ret_interface)
{
    return (ros_attribute(row, "actual-interface", ret_interface) && ret_interface->len > 0) ||
           ros_attribute(row, "interface", ret_interface);
}

static void address_row(struct router *r, const struct ros_sentence *row)
{
    struct nat_context *context = &r->next_context;
    struct span text;
    struct span interface;
    struct prefix prefix;
    if (ros_flag(row, "disabled") || !ros_attribute(row, "address", &text) || !parse_prefix(text, &prefix) ||
        !address_interface(row, &interface))
        return;
    if (r->stage == STAGE_ROUTES) {
        consider(r, text, interface);
        return;
    }
    if (context->addresses == ROUTER_ADDRESSES_MAX) {
        context->addresses_incomplete = true;
        return;
    }
    context->address[context->addresses] = prefix.address;
    context->on_interface[context->addresses++] = span_is(interface, context->interface);
}

static struct interface_list *take_list(struct nat_context *context, struct span name)
{
    struct interface_list *list = nat_context_list(context, name);
    if (list != NULL)
        return list;
    if (context->lists == ROUTER_LISTS_MAX || name.len > INTERFACE_NAME_MAX) {
        context->lists_incomplete = true;
        return NULL;
    }
    list = &context->list[context->lists++];
    copy_name(list->name, name);
    return list;
}

static void list_row(struct router *r, const struct ros_sentence *row)
{
    struct span name;
    struct span value;
    if (!ros_attribute(row, "name", &name))
        return;
    bool composed = (ros_attribute(row, "include", &value) && value.len > 0) ||
                    (ros_attribute(row, "exclude", &value) && value.len > 0);
    struct interface_list *list = composed ? take_list(&r->next_context, name) : NULL;
    if (list != NULL)
        list->composed = true;
}

static void member_row(struct router *r, const struct ros_sentence *row)
{
    struct span name;
    struct span interface;
    if (ros_flag(row, "disabled") || !ros_attribute(row, "list", &name) ||
        !ros_attribute(row, "interface", &interface) || !span_is(interface, r->next_context.interface))
        return;
    struct interface_list *list = take_list(&r->next_context, name);
    if (list != NULL)
        list->member = true;
}

/* ---- the table ---- */

static void start_snapshot(struct router *r, uint64_t now_ms, struct actions *out)
{
    r->context = r->next_context;
    r->stage = STAGE_SNAPSHOT;
    r->reading = 0;
    r->snapshot++;
    r->looked_ms = now_ms;
    for (unsigned i = 0; i < 2 && r->any_building; i++)
        portset_clear(&r->building[i]);
    r->any_building = false;
    read_table(r, COMMAND_SNAPSHOT, "/ip/firewall/nat/print", nat_rule_proplist, NULL, now_ms, out);
}

static bool our_row(const struct nat_rule *rule, struct router_outcome *o)
{
    *o = (struct router_outcome){.type = ROUTER_RULE, .id = rule->id, .rule = *rule};
    return rule->id != 0;
}

static bool snapshot_row(struct router *r, const struct ros_sentence *row, struct router_outcome *o)
{
    struct nat_rule rule = nat_rule_parse(row, &r->context);
    if (rule.ours)
        return our_row(&rule, o);
    if (nat_rule_take_ports(row, &r->context, r->building))
        r->any_building = true;
    return false;
}

static bool was_removed_by_us(const struct router *r, uint32_t id)
{
    for (unsigned i = 0; i < ROUTER_ORPHANS_MAX; i++)
        if (r->removed[i] == id)
            return true;
    return false;
}

static bool listen_row(struct router *r, const struct ros_sentence *row, uint64_t now_ms,
                       struct router_outcome *o)
{
    struct span dead;
    if (!r->ready && r->stage != STAGE_SNAPSHOT)
        return false; /* the first snapshot is yet to be asked for and will show it */
    struct nat_rule rule = nat_rule_parse(row, &r->context);
    if (ros_attribute(row, ".dead", &dead) && !span_is(dead, "false") && !span_is(dead, "no")) {
        *o = (struct router_outcome){.type = ROUTER_RULE_GONE, .id = rule.id};
        if (rule.id == 0 || was_removed_by_us(r, rule.id))
            return false;
        if (r->stage == STAGE_SNAPSHOT)
            r->look_again = true; /* its row may be on the way yet */
        return true;
    }
    if (rule.only_ours)
        return false;
    if (rule.partial) {
        router_look(r, now_ms + PARTIAL_ROW_MS);
        *o = (struct router_outcome){
            .type = ros_flag(row, "disabled") ? ROUTER_RULE_DISABLED : ROUTER_RULE_CHANGED, .id = rule.id};
        return rule.id != 0;
    }
    if (rule.ours)
        return our_row(&rule, o);
    bool takes = nat_rule_take_ports(row, &r->context, r->taken);
    r->any_taken = r->any_taken || takes;
    if (r->stage == STAGE_SNAPSHOT && nat_rule_take_ports(row, &r->context, r->building))
        r->any_building = true;
    if (takes)
        router_foreign_changed(r, now_ms);
    *o = (struct router_outcome){.type = ROUTER_RULE_FOREIGN, .id = rule.id};
    return rule.id != 0;
}

static bool snapshot_done(struct router *r, uint64_t now_ms, struct router_outcome *o, struct actions *out)
{
    for (unsigned i = 0; i < 2 && (r->any_taken || r->any_building); i++)
        r->taken[i] = r->building[i];
    r->any_taken = r->any_building;
    r->stage = STAGE_IDLE;
    uint64_t next_ms = now_ms + (r->listening ? LOOK_INTERVAL_MS : BLIND_INTERVAL_MS);
    router_look(r, r->look_again ? now_ms : next_ms);
    if (!r->ready) {
        r->ready = true;
        router_report(r, ROUTER_TROUBLE_NONE, span_of(NULL, 0), out);
        actions_log(out, LOG_LEVEL_INFO, component, "ready version=%s interface=%s",
                    r->version[0] != '\0' ? r->version : "unknown",
                    log_safe(span_text(r->context.interface)).text);
    }
    *o = (struct router_outcome){.type = ROUTER_SNAPSHOT_DONE};
    return true;
}

/* ---- rows and ends ---- */

bool router_look_row(struct router *r, const struct command *c, uint64_t now_ms,
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
        return false;
    case COMMAND_ROUTE_CHECK:
        if (ros_attribute(row, "interface", &value) && r->found[0] == '\0')
            copy_name(r->found, value);
        return false;
    case COMMAND_ROUTES:
        route_row(r, row);
        return false;
    case COMMAND_ADDRESSES:
        address_row(r, row);
        return false;
    case COMMAND_LISTS:
        list_row(r, row);
        return false;
    case COMMAND_MEMBERS:
        member_row(r, row);
        return false;
    case COMMAND_LISTEN:
        return listen_row(r, row, now_ms, ret_outcome);
    case COMMAND_SNAPSHOT:
        return snapshot_row(r, row, ret_outcome);
    case COMMAND_LOGIN:
    case COMMAND_ADD:
    case COMMAND_REMOVE:
    case COMMAND_SET:
    case COMMAND_KEEP_ALIVE:
        break;
    }
    return false;
}

static void listen_ended(struct router *r, const struct command *c, uint64_t now_ms, struct actions *out)
{
    r->listening = false;
    /* Not router_look: the running snapshot is no worse for it, and another one at its end would bring the
     * same refusal again. */
    uint64_t look_ms = now_ms + BLIND_INTERVAL_MS;
    r->look_due_ms = look_ms < r->look_due_ms ? look_ms : r->look_due_ms;
    if (r->listen_refused)
        return;
    r->listen_refused = true;
    actions_log(
        out, LOG_LEVEL_WARN, component,
        "the router does not tell about changes of its rules; looking every %u s instead message=\"%s\"",
        (unsigned)BLIND_INTERVAL_MS / 1000, c->message.text);
}

static void reading_failed(struct router *r, const struct command *c, struct actions *out)
{
    if (c->error == ROS_ERROR_PERMISSION)
        router_report(r, ROUTER_TROUBLE_READ_POLICY, span_of(NULL, 0), out);
    else
        router_report(r, ROUTER_TROUBLE_COMMAND, span_text(c->message.text), out);
    r->stage_failed = true;
}

static void route_check_done(struct router *r, const struct command *c, uint64_t now_ms, struct actions *out)
{
    if (c->failed && c->error == ROS_ERROR_PERMISSION && !r->test_policy_logged) {
        r->test_policy_logged = true;
        actions_log(
            out, LOG_LEVEL_WARN, component,
            "the API user may not use /ip/route/check; the interface is taken from the routing table; to "
            "allow it: /user/group/set [find name=<group>] policy=read,write,test,api");
    }
    if (r->found[0] != '\0')
        interface_found(r, now_ms, out);
    else
        read_routes(r, now_ms, out);
}

/* All commands of a stage that is made of several have ended. */
static bool stage_done(struct router *r, uint64_t now_ms, struct router_outcome *o, struct actions *out)
{
    if (r->stage_failed) {
        r->stage = STAGE_IDLE;
        router_look(r, now_ms + FAILED_RETRY_MS);
        return false;
    }
    switch ((enum router_stage)r->stage) {
    case STAGE_ROUTES:
        interface_found(r, now_ms, out);
        return false;
    case STAGE_CONTEXT:
        start_snapshot(r, now_ms, out);
        return false;
    case STAGE_SNAPSHOT:
        return snapshot_done(r, now_ms, o, out);
    case STAGE_IDLE:
    case STAGE_INTERFACE:
        break;
    }
    return false;
}

bool router_look_done(struct router *r, const struct command *c, uint64_t now_ms,
                      struct router_outcome *ret_outcome, struct actions *out)
{
    switch ((enum command_kind)c->kind) {
    case COMMAND_LISTEN:
        listen_ended(r, c, now_ms, out);
        return false;
    case COMMAND_ROUTE_CHECK:
        route_check_done(r, c, now_ms, out);
        return false;
    case COMMAND_LISTS:
    case COMMAND_MEMBERS:
        /* Not vital: without them every list may hold the interface. */
        if (c->failed)
            r->next_context.lists_incomplete = true;
        break;
    case COMMAND_ROUTES:
    case COMMAND_ADDRESSES:
    case COMMAND_SNAPSHOT:
        if (c->failed)
            reading_failed(r, c, out);
        break;
    case COMMAND_RESOURCE:
    case COMMAND_LOGIN:
    case COMMAND_ADD:
    case COMMAND_REMOVE:
    case COMMAND_SET:
    case COMMAND_KEEP_ALIVE:
        return false;
    }
    return --r->reading == 0 && stage_done(r, now_ms, ret_outcome, out);
}

#include "core/router.h"

enum {
    POLL_MS = 60 * 1000,
    /* A change often comes with others: the interface, its address, its routes. */
    SIGN_MS = 500,
    /* From one look to the next one while signs come again and again. Rules follow the way within ten seconds
     * of a sign, and a tunnel that goes up and down costs two changes for each mapping in this time. */
    SIGNS_APART_MS = 2000,
    SIGNS_APART_MAX_MS = 8000,
    /* A packet of ours is in the connection table after the first time, and UDP is forgotten there after 10
     * s, as some routers are set. */
    FLOW_MS = 300,
    FLOW_OLD_MS = 5000,
    /* Packets for one look: further signs may come while it waits. */
    ASKED_MAX = 3,
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 30 * 1000,
    /* At the first look the answer may still be on its way. */
    UNTRANSLATED_LOOKS = 2,
    UNTRANSLATED_MS = 5 * 1000,
    DIVIDED_MS = 5 * 1000,
};

static const char component[] = "router";

bool router_way_is_known(const struct router *r)
{
    return r->way.interface[0] != '\0';
}

/* ---- when ---- */

void router_way_sign(struct router *r, uint64_t now_ms)
{
    struct router_way *way = &r->way;
    if (way->sign_ms + POLL_MS <= now_ms)
        way->pause_ms = SIGNS_APART_MS;
    way->sign_ms = now_ms;
    way->doubted_ms = now_ms;
    way->signs = true;
    way->due_ms = earlier_ms(way->due_ms, later_ms(now_ms + SIGN_MS, way->begun_ms + way->pause_ms));
}

/* A packet of ours has crossed the router lately, so the connection table has where it led. */
static bool shows_way(const struct router_way *way, uint64_t now_ms)
{
    return way->sent_ms >= way->doubted_ms && way->sent_ms + FLOW_OLD_MS >= now_ms;
}

bool router_way_note(struct router *r, uint32_t source, uint64_t sent_ms, enum gateway_trouble trouble,
                     uint64_t now_ms)
{
    struct router_way *way = &r->way;
    if (source != 0)
        way->own_address = source;
    bool over = way->gateway_trouble != GATEWAY_FINE && trouble == GATEWAY_FINE;
    if (over && (way->gateway_trouble != GATEWAY_UNKNOWN || !router_way_is_known(r)))
        router_way_sign(r, now_ms);
    way->gateway_trouble = (uint8_t)trouble;
    way->sent_ms = sent_ms;
    bool asks = way->wait_ms != 0 && !shows_way(way, now_ms) && way->asked < ASKED_MAX;
    way->asked += asks;
    return asks;
}

void router_way_down(struct router *r, uint64_t now_ms)
{
    r->way.doubted_ms = now_ms;
    r->way.due_ms = UINT64_MAX;
    r->way.wait_ms = 0;
    r->way.listening = false;
    r->way.again = false;
    r->way.tracked = false;
    r->way.flow_slow = false;
    r->way.flow_hangs = false;
    r->way.check_hangs = false;
}

uint64_t router_way_due_ms(const struct router *r)
{
    const struct router_way *way = &r->way;
    if (r->ready && r->twin.standing_by)
        return UINT64_MAX; /* its packets go nowhere, and it has no rules */
    uint64_t due_ms =
        r->ready && router_way_is_known(r) ? way->due_ms : earlier_ms(way->due_ms, r->resync_due_ms);
    return later_ms(due_ms, way->wait_ms);
}

bool router_way_take_due(struct router *r, uint64_t now_ms)
{
    struct router_way *way = &r->way;
    if (router_way_due_ms(r) > now_ms)
        return false;
    /* A connection to the router that is new must not wait: what may be out of date is confirmed soon. */
    bool waits = r->ready || way->failures > 0;
    if (waits && way->wait_ms == 0 && !shows_way(way, now_ms)) {
        way->wait_ms = now_ms + FLOW_MS;
        way->asked = 0;
    }
    return way->wait_ms <= now_ms;
}

void router_way_end(struct router *r, uint64_t now_ms)
{
    struct router_way *way = &r->way;
    if (!way->looking)
        return;
    way->looking = false;
    if (way->by_sign)
        way->pause_ms = (uint32_t)earlier_ms(2 * (uint64_t)way->pause_ms, SIGNS_APART_MAX_MS);
    way->due_ms = earlier_ms(way->due_ms, now_ms + POLL_MS);
}

/* ---- asking ---- */

static void listen(struct router *r, const char *path, const struct step *step)
{
    struct writer w = session_begin(main_session(r), COMMAND_LISTEN_WAY, 0, path, step);
    session_end(main_session(r), &w, step->out);
}

static void read_flow(struct router *r, const struct step *step)
{
    enum command_kind kind = r->way.flow_slow ? COMMAND_FLOW_AGAIN : COMMAND_FLOW;
    struct writer w = router_begin_read(r, kind, "/ip/firewall/connection/print", flow_proplist, step);
    flow_write_query(&w, r->way.gateway, NATPMP_PORT);
    session_end(main_session(r), &w, step->out);
}

static void read_tunnels(struct router *r, const struct step *step)
{
    struct writer w = router_begin_read(r, COMMAND_TUNNELS, "/interface/print", tunnel_proplist, step);
    tunnel_write_query(&w);
    session_end(main_session(r), &w, step->out);
}

static void check_route(struct router *r, const struct step *step)
{
    struct writer w = session_begin(main_session(r), COMMAND_ROUTE_CHECK, 0, "/ip/route/check", step);
    ros_write_pair_text(&w, "=dst-ip=", address_text(r->way.gateway).text);
    /* Without `once` the router repeats its answer until we cancel the command. */
    ros_write_word(&w, span_text("=once="));
    session_end(main_session(r), &w, step->out);
}

static void read_routes(struct router *r, const struct step *step)
{
    r->stage = STAGE_ROUTES;
    r->way.evidence.route = (struct route_choice){.target = r->way.gateway};
    struct writer w = router_begin_read(r, COMMAND_ROUTES, "/ip/route/print", route_proplist, step);
    ros_write_word(&w, span_text("?active=true"));
    session_end(main_session(r), &w, step->out);
    router_read_addresses(r, step);
}

/* The connection table does not decide: what do the routes say, and is it a tunnel? */
static void weigh(struct router *r, const struct step *step)
{
    r->stage = STAGE_CHECK;
    read_tunnels(r, step);
    if (r->way.check_hangs)
        return;
    check_route(r, step);
    r->reading++;
}

void router_way_begin(struct router *r, const struct step *step)
{
    struct router_way *way = &r->way;
    way->due_ms =
        shows_way(way, step->now_ms) ? UINT64_MAX : step->now_ms + later_ms(SIGNS_APART_MS, way->pause_ms);
    way->wait_ms = 0;
    way->begun_ms = step->now_ms;
    way->looking = true;
    way->by_sign = way->signs;
    way->again = way->again && !way->by_sign;
    way->signs = false;
    way->evidence = (struct way_evidence){0};
    if (!way->listening) {
        way->listening = true;
        listen(r, "/ip/address/listen", step);
        listen(r, "/ip/route/listen", step);
        listen(r, "/interface/list/member/listen", step);
    }
    r->stage = STAGE_FLOW;
    if (way->flow_hangs)
        router_way_next(r, step);
    else
        read_flow(r, step);
}

/* ---- answers ---- */

/* On a router with many routes, most changes do not concern us. A removed route is an id without a name. */
static void listen_row(struct router *r, const struct ros_sentence *row, uint64_t now_ms)
{
    struct span text;
    struct prefix prefix;
    if (ros_attribute(row, "dst-address", &text) && parse_prefix(text, &prefix) &&
        !prefix_has(&prefix, r->way.gateway))
        return;
    router_way_sign(r, now_ms);
}

void router_way_row(struct router *r, const struct command *c, uint64_t now_ms)
{
    const struct ros_sentence *row = &main_session(r)->reader.sentence;
    struct way_evidence *e = &r->way.evidence;
    struct span value;
    if (c->kind == COMMAND_LISTEN_WAY)
        listen_row(r, row, now_ms);
    else if (c->kind == COMMAND_FLOW || c->kind == COMMAND_FLOW_AGAIN)
        flow_consider(&e->flow, row, r->way.gateway, NATPMP_PORT, r->way.own_address);
    else if (c->kind == COMMAND_TUNNELS)
        interface_names_add_tunnel(&e->tunnels, row);
    else if (c->kind == COMMAND_ROUTES)
        route_choice_route(&e->route, row);
    else if (c->kind == COMMAND_ADDRESSES && r->stage == STAGE_OWNER)
        way_evidence_owner(e, row);
    else if (c->kind == COMMAND_ADDRESSES)
        way_evidence_address(e, row);
    else if (ros_attribute(row, "interface", &value) && e->checked[0] == '\0')
        copy_interface(e->checked, value);
}

/* ---- the verdict ---- */

/* If no address of the router replaces ours, the gateway knows nobody to answer to. */
static void note_translation(struct router *r, const char *tunnel, struct actions *out)
{
    struct router_way *way = &r->way;
    const struct flow *flow = &way->evidence.flow;
    bool missing = flow->known && !way_evidence_is_translated(&way->evidence) && !flow->replied;
    if (!missing || way->untranslated > UNTRANSLATED_LOOKS) {
        way->untranslated = missing ? way->untranslated : 0;
        return;
    }
    if (++way->untranslated < UNTRANSLATED_LOOKS) {
        way->due_ms = earlier_ms(way->due_ms, way->begun_ms + UNTRANSLATED_MS);
        return;
    }
    way->untranslated++;
    actions_log(
        out, LOG_LEVEL_WARN, component,
        "no src-nat rule applies to the requests to the gateway, so it does not know their source and does "
        "not answer source=%s fix=\"/ip/firewall/nat/add chain=srcnat "
        "action=masquerade src-address=%s out-interface=%s\"",
        address_text(flow->source).text, address_text(flow->source).text,
        tunnel[0] != '\0' ? log_safe(span_text(tunnel)).text : "<the tunnel>");
}

/* Our rules match only packets that arrive on the configured interface. */
static void compare(struct router *r, const char *seen, bool by_table, struct actions *out)
{
    struct router_way *way = &r->way;
    bool other = seen[0] != '\0' && strcmp(seen, way->configured) != 0;
    if (other && !way->other_logged && by_table)
        actions_log(
            out, LOG_LEVEL_WARN, component,
            "MIKROTIK_IN_INTERFACE counts, but the router's connection table shows the gateway's answers on "
            "another interface interface=%s configured=%s fix=\"correct MIKROTIK_IN_INTERFACE, or remove "
            "it\"",
            log_safe(span_text(seen)).text, log_safe(span_text(way->configured)).text);
    else if (other && !way->other_logged)
        actions_log(
            out, LOG_LEVEL_WARN, component,
            "MIKROTIK_IN_INTERFACE counts, but the main routing table leads to the gateway by another "
            "interface interface=%s configured=%s fix=\"nothing, if a routing rule or a mark leads there; "
            "otherwise correct MIKROTIK_IN_INTERFACE, or remove it\"",
            log_safe(span_text(seen)).text, log_safe(span_text(way->configured)).text);
    way->other_logged = other;
}

void router_way_publish(struct router *r, struct actions *out)
{
    struct router_way *way = &r->way;
    if (way->interface[0] == '\0' && way->verdict[0] != '\0')
        way->news = WAY_FOUND;
    copy_interface(way->interface, span_text(way->verdict));
    if (router_way_is_known(r) && r->trouble == FAILURE_NO_INTERFACE)
        router_report(r, FAILURE_NONE, span_of(NULL, 0), out);
}

/* What the last look has seen holds until one sees another address, or the way moves. */
static void keep_reply_address(struct router_way *way)
{
    const struct flow *flow = &way->evidence.flow;
    if (strcmp(way->verdict, way->interface) != 0)
        way->reply_to = 0;
    if (flow->ours && flow->replied && way_evidence_is_translated(&way->evidence))
        way->reply_to = flow->reply_to;
}

/* The table keeps the connection of an earlier process for three minutes after its last packet, but one that
 * has just begun for 30 s. So the one that is in use is only certain when it has gone on for a while. */
static void look_again(struct router_way *way)
{
    if (!way->evidence.flow.divided || way->again)
        return;
    way->again = true;
    way->due_ms = earlier_ms(way->due_ms, way->begun_ms + DIVIDED_MS);
}

static void conclude(struct router *r, const char *interface, const struct step *step)
{
    struct router_way *way = &r->way;
    const char *candidate = way_candidate(&way->evidence);
    copy_interface(way->verdict, span_text(interface));
    keep_reply_address(way);
    look_again(way);
    if (interface[0] == '\0')
        way->interface[0] = '\0';
    note_translation(r, interface[0] != '\0' ? interface : candidate, step->out);
    if (interface[0] != '\0') {
        way->failures = 0;
        router_read_context(r, interface, step);
        return;
    }
    router_report(r, FAILURE_NO_INTERFACE, span_text(candidate), step->out);
    way->due_ms =
        earlier_ms(way->due_ms, next_try_ms(&way->failures, RETRY_FIRST_MS, RETRY_MAX_MS, step->now_ms));
    if (r->ready)
        router_read_context(r, r->context.interface, step); /* the rules that exist stay where they are */
    else
        r->stage = STAGE_IDLE;
}

static void after_check(struct router *r, const struct step *step)
{
    const char *interface = way_by_check(&r->way.evidence);
    if (interface[0] != '\0')
        conclude(r, interface, step);
    else
        read_routes(r, step);
}

bool router_way_done(struct router *r, const struct command *c, const struct step *step)
{
    if (c->kind != COMMAND_ROUTE_CHECK)
        return c->kind != COMMAND_LISTEN_WAY;
    if (r->way.configured[0] != '\0') {
        compare(r, r->way.evidence.checked, false, step->out);
        return false;
    }
    if (c->failed && c->error == ROS_ERROR_PERMISSION && first_time(&r->way.test_policy_logged))
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "the API user may not use /ip/route/check; the interface is taken from the routing table "
                    "fix=\"" FAILURE_SET_POLICIES "\"");
    return true;
}

void router_way_given_up(struct router *r, const struct command *c, struct actions *out)
{
    if (c->kind == COMMAND_FLOW)
        r->way.flow_slow = true;
    if (c->kind == COMMAND_FLOW_AGAIN)
        r->way.flow_hangs = true;
    if (c->kind != COMMAND_ROUTE_CHECK)
        return;
    r->way.check_hangs = true;
    if (first_time(&r->way.check_hangs_logged))
        actions_log(
            out, LOG_LEVEL_WARN, component,
            "the router does not answer /ip/route/check; the interface is taken from the routing table");
}

/* What the operator has set counts. What the tables say is only compared with it, and nothing waits for that.
 */
static void keep_configured(struct router *r, const char *seen, const struct step *step)
{
    struct router_way *way = &r->way;
    if (interface_names_have(&way->evidence.owners, way->configured))
        compare(r, way->configured, true, step->out);
    else if (seen[0] != '\0')
        compare(r, seen, true, step->out);
    else if (!way->check_hangs)
        check_route(r, step);
    conclude(r, way->configured, step);
}

/* A router that showed our connection does not show it now, so our packets do not reach the router, and
 * nobody has reported a change: the routes, which know nothing of policy routing, are no reason to leave the
 * way. */
static bool stays(const struct router *r)
{
    const struct router_way *way = &r->way;
    return r->stage == STAGE_FLOW && way->tracked && !way->evidence.flow.known && !way->by_sign && r->ready &&
           router_way_is_known(r);
}

void router_way_next(struct router *r, const struct step *step)
{
    struct router_way *way = &r->way;
    const char *seen = way_by_flow(&way->evidence);
    way->tracked = way->tracked || way->evidence.flow.known;
    if (r->stage == STAGE_FLOW && way_evidence_is_translated(&way->evidence)) {
        r->stage = STAGE_OWNER;
        router_read_addresses(r, step);
    } else if (r->stage == STAGE_ROUTES) {
        conclude(r, way_by_routes(&way->evidence, r->context.interface), step);
    } else if (r->stage == STAGE_CHECK) {
        after_check(r, step);
    } else if (way->configured[0] != '\0') {
        keep_configured(r, seen, step);
    } else if (seen[0] != '\0') {
        conclude(r, seen, step);
    } else if (stays(r)) {
        char before[INTERFACE_NAME_MAX + 1];
        copy_interface(before, span_text(way->interface));
        conclude(r, before, step);
    } else {
        weigh(r, step);
    }
}

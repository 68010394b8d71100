/* What becomes of the packets that the daemon and its clients depend on: requests from the LAN and the
 * answers to them, requests to the gateway and its answers, connections from the internet and the answers of
 * clients. */
#include <stdio.h>

#include "check/judge_parts.h"

/* ---- requests from the LAN ---- */

static void judge_request(struct scene *scene)
{
    struct trip trip;
    struct outcomes marks = marks_none("");
    struct loss loss;
    bool back = false;
    if (!scene_request(scene, &trip))
        return;
    uint16_t port = trip.to_port;
    struct prefix lan = scene_network(scene, scene->lan.interface, trip.packet.src.address);
    trip_follow(scene->s, &trip, &marks, &loss);
    if (!loss.found) {
        back = true;
        trip = scene_answer(&trip);
        trip_follow(scene->s, &trip, &marks, &loss);
    }
    if (!loss.found) {
        (void)finding_add(scene->out, FINDING_REQUEST, FINDING_PASS,
                          "requests from the LAN reach this machine, and its answers reach the LAN");
        return;
    }
    struct remedy remedy = {
        .what = back ? "this machine's answers to the LAN" : "NAT-PMP requests from the LAN",
        .network = back ? lan : scene_network(scene, scene->ours.interface, scene_machine(scene)),
    };
    const char *side = back ? "src" : "dst";
    (void)snprintf(remedy.after.text, sizeof(remedy.after.text), "%s-address=%s protocol=udp %s-port=%u",
                   side, address_text(scene_machine(scene)).text, side, (unsigned)port);
    remedy.before = remedy.after;
    if (!back)
        (void)snprintf(remedy.before.text, sizeof(remedy.before.text),
                       "dst-address-type=local protocol=udp dst-port=5351");
    judge_loss(scene, FINDING_REQUEST, &loss, &trip, &remedy);
}

/* ---- requests to the gateway ---- */

static void cure_source(const struct scene *scene, struct finding *f)
{
    struct prefix network = scene_network(scene, scene->ours.interface, scene_machine(scene));
    finding_cure(
        f, "/ip/firewall/nat/add chain=srcnat src-address=%s/%u out-interface=%s action=masquerade%s",
        address_text(network.address).text, (unsigned)network.length,
        ros_quote(span_text(scene->vpn.interface)).text, judge_first_of(scene->s, TABLE_NAT, "srcnat").text);
}

/* What the router has done with our request is more than what its rules promise. False: it does not show it.
 */
static bool judge_source_by_connection(struct scene *scene)
{
    const struct flow *flow = &scene->way.flow;
    struct log_safe name = log_safe(span_text(scene->vpn.interface));
    if (!flow->known || !flow->ours || flow->replied)
        return false;
    if (interface_names_have(&scene->way.owners, scene->vpn.interface)) {
        (void)finding_add(scene->out, FINDING_SOURCE, FINDING_PASS,
                          "the router gives this machine's requests to the gateway the address of %s, %s",
                          name.text, address_text(flow->reply_to).text);
        return true;
    }
    if (way_evidence_is_translated(&scene->way))
        return false;
    cure_source(scene, finding_add(scene->out, FINDING_SOURCE, FINDING_FAIL,
                                   "the router's connection table shows that nothing gives this machine's "
                                   "requests to the gateway the address of %s: a gateway does not answer an "
                                   "address that it does not know",
                                   name.text));
    return true;
}

/* The gateway does not answer a stranger: a rule must give our packets the tunnel's address. */
static void judge_source(struct scene *scene, const struct trip *trip, const struct outcomes *marks)
{
    struct packet packet = trip->packet;
    struct verdict v;
    struct log_safe name = log_safe(span_text(scene->vpn.interface));
    if (judge_source_by_connection(scene))
        return;
    packet.out = trip->out;
    packet.srcnat = false;
    packet.connection_mark = marks->count == 1 ? marks->at[0].connection_mark : NULL;
    packet.routing_mark = NULL;
    firewall_judge(scene->s, TABLE_NAT, "srcnat", &packet, 0, &v);
    bool translates = v.sure.found && v.sure.action == FIREWALL_TRANSLATE;
    if (translates && !v.maybe[FIREWALL_ACCEPT].found) {
        (void)finding_add(scene->out, FINDING_SOURCE, FINDING_PASS,
                          "srcnat rule *%X gives this machine's requests to the gateway the address of %s",
                          (unsigned)v.sure.id, name.text);
        return;
    }
    bool may = translates || v.maybe[FIREWALL_TRANSLATE].found || v.part[FIREWALL_TRANSLATE].found;
    struct finding *f = finding_add(
        scene->out, FINDING_SOURCE, may ? FINDING_WARN : FINDING_FAIL,
        "%s srcnat rule gives this machine's requests to the gateway the address of %s: a gateway "
        "does not answer an address that it does not know",
        may ? "possibly no" : "no", name.text);
    cure_source(scene, f);
}

static void judge_gateway_path(struct scene *scene)
{
    struct trip request;
    struct outcomes marks = marks_none("");
    struct loss loss;
    struct address_text gateway = address_text(scene->s->config->gateway);
    if (scene->s->upstream.address_known || scene->lost || scene_known(&scene->vpn) == NULL ||
        !scene_gateway_request(scene, &request))
        return; /* if the gateway answers, there is nothing to prove */
    trip_follow(scene->s, &request, &marks, &loss);
    struct trip trip = request;
    struct outcomes after = marks;
    struct remedy remedy = {.what = "this machine's requests to the gateway",
                            .network = {.address = scene->s->config->gateway, .length = 32}};
    (void)snprintf(remedy.after.text, sizeof(remedy.after.text),
                   "src-address=%s dst-address=%s protocol=udp dst-port=5351",
                   address_text(request.packet.src.address).text, gateway.text);
    if (!loss.found) {
        trip = scene_gateway_answer(scene, &request);
        trip_follow(scene->s, &trip, &marks, &loss);
        remedy.what = "the gateway's answers";
        remedy.network = scene_network(scene, scene->ours.interface, scene_machine(scene));
        (void)snprintf(remedy.after.text, sizeof(remedy.after.text),
                       "src-address=%s protocol=udp src-port=5351", gateway.text);
    }
    remedy.before = remedy.after;
    if (loss.found)
        judge_loss(scene, FINDING_GATEWAY_PATH, &loss, &trip, &remedy);
    else
        (void)finding_add(scene->out, FINDING_GATEWAY_PATH, FINDING_PASS,
                          "this machine's requests reach %s, and the gateway's answers reach this machine",
                          log_safe(span_text(scene->vpn.interface)).text);
    if (scene->s->table[TABLE_NAT].state == TABLE_READ)
        judge_source(scene, &request, &after);
}

/* ---- answers of clients ---- */

/* What the answers need, as far as it is there: a table whose default route is the tunnel, a rule that marks
 * what comes in through the tunnel, and one that sends what is marked to the table. */
struct answer_parts {
    struct log_safe table;
    struct ros_quoted mark;
    bool table_there;
    bool route_wrong; /* the table has another default route */
    bool route_there;
    bool marked;
    bool sent;
};

static bool has_row(const struct survey *s, enum table_name table, const char *name, const char *value)
{
    struct table_rows rows = table_rows_of(s, table);
    return table_find(&rows, name, value) != NULL;
}

static void find_table(const struct scene *scene, const char *attribute, struct answer_parts *p)
{
    const struct survey *s = scene->s;
    const char *table = p->table.text;
    p->table = ways_table_through(s, scene->vpn.interface);
    p->route_there = table[0] != '\0';
    if (!p->route_there)
        p->table = log_safe(span_text("vpn-in"));
    for (struct table_rows t = table_rows_of(s, TABLE_ROUTE); table_rows_next(&t) != NULL;)
        p->route_wrong = p->route_wrong || (!p->route_there && row_is(t.row, attribute, table) &&
                                            row_is(t.row, "dst-address", "0.0.0.0/0"));
    p->table_there = has_row(s, TABLE_ROUTE, attribute, table) ||
                     has_row(s, TABLE_MANGLE, "new-routing-mark", table) ||
                     has_row(s, TABLE_RULE, "table", table);
}

static bool is_for_tunnel(const struct scene *scene, uint32_t id)
{
    for (struct table_rows t = table_rows_of(scene->s, TABLE_MANGLE); table_rows_next(&t) != NULL;)
        if (row_id(t.row) == id)
            return row_is(t.row, "in-interface", scene->vpn.interface);
    return false;
}

/* True if a rule for the tunnel has marked all connections alike, whose mark others do not have. */
static bool is_marked(const struct scene *scene, const struct outcomes *after)
{
    const struct outcome *first = &after->at[0];
    bool same = after->count > 0 && first->connection_mark[0] != '\0' && !after->incomplete;
    for (unsigned i = 0; i < after->count; i++)
        same = same && !after->at[i].partly && !after->at[i].unsure &&
               strcmp(after->at[i].connection_mark, first->connection_mark) == 0;
    return same && is_for_tunnel(scene, first->marker);
}

static void find_marks(const struct scene *scene, const struct outcomes *after, const struct outcomes *back,
                       struct answer_parts *p)
{
    const char *table = p->table.text;
    p->mark = ros_quote(span_text("vpn-in"));
    p->marked = is_marked(scene, after);
    p->sent = back->count > 0 && !back->incomplete;
    for (unsigned i = 0; i < back->count; i++)
        p->sent = p->sent && !back->at[i].partly && !back->at[i].unsure &&
                  strcmp(back->at[i].routing_mark, table) == 0;
    if (p->marked)
        p->mark = ros_quote(span_text(after->at[0].connection_mark));
    p->marked = p->marked || p->sent;
    for (struct table_rows t = table_rows_of(scene->s, TABLE_MANGLE);
         !p->marked && table_rows_next(&t) != NULL;) {
        struct span mark;
        if (!row_is(t.row, "new-routing-mark", table) || !row_is(t.row, "chain", "prerouting") ||
            !row_get(t.row, "connection-mark", &mark) || span_starts(mark, "!") || span_is(mark, "no-mark") ||
            ros_flag(t.row, "disabled") || ros_flag(t.row, "invalid"))
            continue;
        p->mark = ros_quote(mark);
        p->sent = true;
        break;
    }
}

/* A rule that sets a mark behind ours takes it away, and no second rule like ours would help. */
static bool judge_replaced(struct scene *scene, const struct outcomes *marks, bool sure, const char *what)
{
    for (unsigned i = 0; i < marks->count; i++) {
        const struct outcome *o = &marks->at[i];
        if (o->marked == 0 || !is_for_tunnel(scene, o->marked))
            continue;
        finding_cure(
            finding_add(scene->out, FINDING_RETURN, sure ? FINDING_FAIL : FINDING_WARN,
                        "mangle rule *%X replaces the connection mark of rule *%X, so that %s do not "
                        "leave through %s",
                        (unsigned)o->marker, (unsigned)o->marked, what,
                        log_safe(span_text(scene->vpn.interface)).text),
            "/ip/firewall/mangle/set *%X connection-mark=no-mark", (unsigned)o->marker);
        return true;
    }
    return false;
}

/* The first rule of prerouting with that action and condition, if others come before it; 0: none. */
static uint32_t find_late(const struct survey *s, const char *action, const char *condition,
                          const char *value)
{
    bool first = true;
    for (struct table_rows t = table_rows_of(s, TABLE_MANGLE); table_rows_next(&t) != NULL;) {
        if (!row_is(t.row, "chain", "prerouting") || ros_flag(t.row, "disabled") ||
            ros_flag(t.row, "invalid") || ros_flag(t.row, "dynamic"))
            continue;
        if (row_is(t.row, "action", action) && row_is(t.row, condition, value))
            return first ? 0 : row_id(t.row);
        first = false;
    }
    return 0;
}

/* The command that moves the rule to the place of " place-before=*5". */
static bool cure_late(struct finding *f, uint32_t id, const struct place *place)
{
    return finding_cure_add(f, "/ip/firewall/mangle/move *%X destination=%s", (unsigned)id,
                            place->text + sizeof(" place-before=") - 1);
}

static bool tunnel_is_down(const struct scene *scene)
{
    struct table_rows rows = table_rows_of(scene->s, TABLE_INTERFACE);
    const struct ros_sentence *row = table_find(&rows, "name", scene->vpn.interface);
    return row != NULL && (ros_flag(row, "disabled") || row_is(row, "running", "false"));
}

/* Only what is missing: the router refuses a second table of that name, and the commands behind it. */
static void cure_astray(const struct scene *scene, struct finding *f, const struct outcomes *after,
                        const struct outcomes *back)
{
    struct answer_parts p = {.table_there = false};
    struct ros_quoted tunnel = ros_quote(span_text(scene->vpn.interface));
    struct place place = judge_first_of(scene->s, TABLE_MANGLE, "prerouting");
    bool old = scene->version_known && scene->version.major < 7;
    const char *attribute = old ? "routing-mark" : "routing-table";
    if (tunnel_is_down(scene)) { /* its routes are not active, so the table of routes does not have them */
        finding_cure(f, "bring %s up, and run the check again", tunnel.text);
        return;
    }
    find_table(scene, attribute, &p);
    find_marks(scene, after, back, &p);
    struct ros_quoted table = ros_quote(span_text(p.table.text));
    char in_table[sizeof("routing-table=") + sizeof(struct ros_quoted)];
    (void)snprintf(in_table, sizeof in_table, "%s=%s", attribute, table.text);
    bool fits = true;
    if (!p.table_there && !old)
        fits = fits && finding_cure_add(f, "/routing/table/add name=%s fib", table.text);
    if (p.route_wrong)
        fits = fits && finding_cure_add(f, "/ip/route/set [find dst-address=0.0.0.0/0 %s] gateway=%s",
                                        in_table, tunnel.text);
    else if (!p.route_there)
        fits = fits && finding_cure_add(f, "/ip/route/add dst-address=0.0.0.0/0 gateway=%s %s", tunnel.text,
                                        in_table);
    uint32_t late = find_late(scene->s, "mark-connection", "in-interface", scene->vpn.interface);
    if (!p.marked && late != 0)
        fits = fits && cure_late(f, late, &place);
    else if (!p.marked)
        fits = fits &&
               finding_cure_add(
                   f,
                   "/ip/firewall/mangle/add chain=prerouting in-interface=%s connection-state=new "
                   "connection-mark=no-mark action=mark-connection new-connection-mark=%s passthrough=yes%s",
                   tunnel.text, p.mark.text, place.text);
    late = find_late(scene->s, "mark-routing", "connection-mark", p.mark.text);
    if (!p.sent && late != 0)
        fits = fits && cure_late(f, late, &place);
    else if (!p.sent)
        fits = fits && finding_cure_add(
                           f,
                           "/ip/firewall/mangle/add chain=prerouting in-interface=!%s connection-mark=%s "
                           "action=mark-routing new-routing-mark=%s passthrough=no%s",
                           tunnel.text, p.mark.text, table.text, place.text);
    if (!fits)
        f->cure[0] = '\0';
}

static bool is_dynamic_filter(const struct survey *s, uint32_t id)
{
    for (struct table_rows t = table_rows_of(s, TABLE_FILTER); table_rows_next(&t) != NULL;)
        if (row_id(t.row) == id)
            return ros_flag(t.row, "dynamic");
    return false;
}

/* Fasttracked packets skip the mangle rules, so their way is that of packets without a mark. */
static void judge_fasttrack(struct scene *scene, const struct trip *there, const struct trip *back,
                            const struct outcomes *marks)
{
    struct ruling rule;
    struct ros_quoted tunnel = ros_quote(span_text(scene->vpn.interface));
    bool marked = true;
    bool fast = trip_is_fasttracked(scene->s, there, marks, &rule) ||
                trip_is_fasttracked(scene->s, back, marks, &rule);
    if (!fast || trip_leads_unmarked(scene->s, back)) {
        (void)finding_add(scene->out, FINDING_FASTTRACK, FINDING_PASS,
                          "fasttrack does not lead clients' answers away from the tunnel");
        return;
    }
    struct finding *f = finding_add(scene->out, FINDING_FASTTRACK, FINDING_FAIL,
                                    "filter rule *%X fasttracks connections from the internet: clients' "
                                    "answers then skip the mangle rules "
                                    "and do not leave through %s",
                                    (unsigned)rule.id, log_safe(span_text(scene->vpn.interface)).text);
    for (unsigned i = 0; i < marks->count; i++)
        marked = marked && marks->at[i].connection_mark[0] != '\0';
    if (is_dynamic_filter(scene->s, rule.id))
        finding_cure(f, "find out what makes that rule: /ip/firewall/filter/print detail where .id=*%X",
                     (unsigned)rule.id);
    else if (marked)
        finding_cure(f, "/ip/firewall/filter/set *%X connection-mark=no-mark", (unsigned)rule.id);
    else if (finding_cure_add(f,
                              "/ip/firewall/filter/add chain=forward in-interface=%s "
                              "connection-state=established,related action=accept place-before=*%X",
                              tunnel.text, (unsigned)rule.id))
        (void)finding_cure_add(f,
                               "/ip/firewall/filter/add chain=forward out-interface=%s "
                               "connection-state=established,related action=accept place-before=*%X",
                               tunnel.text, (unsigned)rule.id);
}

static void judge_return(struct scene *scene)
{
    struct trip there;
    struct outcomes marks = marks_none("");
    struct loss loss;
    static const char what[] = "clients' answers to connections from the internet";
    if (scene->lost || !scene_arrival(scene, NATPMP_TCP, &there))
        return;
    trip_follow(scene->s, &there, &marks, &loss);
    struct trip back = scene_answer(&there);
    struct outcomes after = marks;
    trip_follow(scene->s, &back, &marks, &loss);
    if (!loss.found) /* behind the routing of the first answer, a rule may have replaced the mark */
        trip_follow(scene->s, &back, &marks, &loss);
    if (!loss.found) {
        (void)finding_add(scene->out, FINDING_RETURN, FINDING_PASS, "%s leave through %s", what,
                          log_safe(span_text(scene->vpn.interface)).text);
        judge_fasttrack(scene, &there, &back, &after);
    } else if (loss.by == LOSS_RAW || loss.by == LOSS_FILTER) {
        struct prefix lan = scene_network(scene, scene->lan.interface, 0);
        struct remedy remedy = {.what = what, .network = lan};
        (void)snprintf(remedy.before.text, sizeof(remedy.before.text), "src-address=%s/%u",
                       address_text(lan.address).text, (unsigned)lan.length);
        (void)snprintf(remedy.after.text, sizeof(remedy.after.text),
                       "src-address=%s/%u connection-state=established,related",
                       address_text(lan.address).text, (unsigned)lan.length);
        judge_loss(scene, FINDING_RETURN, &loss, &back, &remedy);
    } else if (!judge_replaced(scene, &marks, loss.sure, what)) {
        cure_astray(scene, judge_loss_finding(scene, FINDING_RETURN, &loss, &back, what), &after, &marks);
    }
}

void judge_flows(struct scene *scene)
{
    judge_request(scene);
    if (judge_vrf(scene))
        return;
    judge_gateway_path(scene);
    judge_return(scene);
}

/* What becomes of the answers of clients to connections from the internet: they must leave through the
 * tunnel. */
#include <stdio.h>

#include "check/judge_parts.h"

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

static bool is_dynamic(const struct survey *s, enum table_name table, uint32_t id)
{
    for (struct table_rows t = table_rows_of(s, table); table_rows_next(&t) != NULL;)
        if (row_id(t.row) == id)
            return ros_flag(t.row, "dynamic");
    return false;
}

/* A rule that sets a mark behind ours takes it away, and no second rule like ours would help. */
static bool judge_replaced(struct scene *scene, const struct outcomes *marks, bool sure, const char *what)
{
    for (unsigned i = 0; i < marks->count; i++) {
        const struct outcome *o = &marks->at[i];
        if (o->marked == 0 || !is_for_tunnel(scene, o->marked))
            continue;
        struct finding *f = finding_add(
            scene->out, FINDING_RETURN, sure ? FINDING_FAIL : FINDING_WARN,
            "mangle rule *%X replaces the connection mark of rule *%X, so that %s do not "
            "leave through %s",
            (unsigned)o->marker, (unsigned)o->marked, what, log_safe(span_text(scene->vpn.interface)).text);
        if (is_dynamic(scene->s, TABLE_MANGLE, o->marker))
            judge_maker(f, "/ip/firewall/mangle", o->marker);
        else
            finding_cure(f, "/ip/firewall/mangle/set *%X connection-mark=no-mark", (unsigned)o->marker);
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

static bool tunnel_is_down(const struct scene *scene)
{
    struct table_rows rows = table_rows_of(scene->s, TABLE_INTERFACE);
    const struct ros_sentence *row = table_find(&rows, "name", scene->vpn.interface);
    return row != NULL && (ros_flag(row, "disabled") || row_is(row, "running", "false"));
}

/* The trips of a connection from the internet, and the marks that it has at the end of each. */
struct answer_trips {
    struct trip there;
    struct trip back;
    struct outcomes after;
    struct outcomes marks;
};

/* Where the rule that marks and the one that sends come before all that keep packets from them. */
struct answer_places {
    struct place mark;
    struct place send;
};

static void find_places(const struct scene *scene, const struct answer_trips *trips,
                        struct answer_places *ret_places)
{
    struct outcomes before = marks_none("");
    struct outcomes marks;
    uint32_t marker = 0;
    uint32_t router = 0;
    marks_follow(scene->s, "prerouting", &trips->there.packet, &before, &marks);
    for (unsigned i = 0; i < marks.count && marker == 0; i++)
        marker = marks.at[i].marker == 0                    ? marks.at[i].ender
                 : is_for_tunnel(scene, marks.at[i].marker) ? 0
                                                            : marks.at[i].marker;
    before = trips->after;
    for (unsigned i = 0; i < before.count; i++) {
        before.at[i].routing_mark[0] = '\0';
        before.at[i].router = 0;
    }
    marks_follow(scene->s, "prerouting", &trips->back.packet, &before, &marks);
    for (unsigned i = 0; i < marks.count && router == 0; i++)
        router = marks.at[i].router != 0 ? marks.at[i].router : marks.at[i].ender;
    ret_places->mark = place_before(scene->s, TABLE_MANGLE, "prerouting", marker, &trips->there.packet);
    ret_places->send = place_before(scene->s, TABLE_MANGLE, "prerouting", router, &trips->back.packet);
}

/* The rule of prerouting is moved if it only comes too late, and this chain has a place. */
static bool cure_late(struct finding *f, uint32_t late, const struct place *place)
{
    return late != 0 && place->first != 0 && place_is_in(place, "prerouting") &&
           finding_cure_add(f, "/ip/firewall/mangle/move *%X destination=*%X", (unsigned)late,
                            (unsigned)place->first);
}

static bool cure_marks(const struct scene *scene, struct finding *f, const struct answer_parts *p,
                       const struct answer_places *places)
{
    bool fits = true;
    struct ros_quoted tunnel = ros_quote(span_text(scene->vpn.interface));
    uint32_t late = find_late(scene->s, "mark-connection", "in-interface", scene->vpn.interface);
    if (!p->marked && !cure_late(f, late, &places->mark))
        fits = finding_cure_add(
            f,
            "/ip/firewall/mangle/add chain=%s in-interface=%s connection-state=new "
            "connection-mark=no-mark action=mark-connection new-connection-mark=%s passthrough=yes%s",
            ros_quote(span_text(places->mark.chain)).text, tunnel.text, p->mark.text,
            place_text(places->mark.first).text);
    late = find_late(scene->s, "mark-routing", "connection-mark", p->mark.text);
    if (!p->sent && !cure_late(f, late, &places->send))
        fits = fits && finding_cure_add(
                           f,
                           "/ip/firewall/mangle/add chain=%s in-interface=!%s connection-mark=%s "
                           "action=mark-routing new-routing-mark=%s passthrough=no%s",
                           ros_quote(span_text(places->send.chain)).text, tunnel.text, p->mark.text,
                           ros_quote(span_text(p->table.text)).text, place_text(places->send.first).text);
    return fits;
}

/* Only what is missing: the router refuses a second table of that name, and the commands behind it. */
static void cure_astray(const struct scene *scene, struct finding *f, const struct answer_trips *trips)
{
    struct answer_parts p = {.table_there = false};
    struct answer_places places;
    struct ros_quoted tunnel = ros_quote(span_text(scene->vpn.interface));
    bool old = scene->version_known && scene->version.major < 7;
    const char *attribute = old ? "routing-mark" : "routing-table";
    if (tunnel_is_down(scene)) { /* its routes are not active, so the table of routes does not have them */
        finding_cure(f, "bring %s up, and run the check again", tunnel.text);
        return;
    }
    find_table(scene, attribute, &p);
    find_marks(scene, &trips->after, &trips->marks, &p);
    find_places(scene, trips, &places);
    bool closed = !p.marked && !places.mark.open;
    if (closed || (!p.sent && !places.send.open)) {
        judge_maker(f, "/ip/firewall/mangle", closed ? places.mark.maker : places.send.maker);
        return;
    }
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
    if (!fits || !cure_marks(scene, f, &p, &places))
        f->cure[0] = '\0';
}

/* The rules come before the one that fasttracks, which cannot be changed or has no mark to tell by. */
static void cure_fasttrack(const struct scene *scene, struct finding *f, const struct packet *packet,
                           uint32_t id)
{
    struct place place = place_before(scene->s, TABLE_FILTER, "forward", id, packet);
    struct place_text before = place_text(place.nearest);
    struct ros_quoted chain = ros_quote(span_text(place.chain));
    struct ros_quoted tunnel = ros_quote(span_text(scene->vpn.interface));
    if (!place.open)
        judge_maker(f, "/ip/firewall/filter", place.maker);
    else if (finding_cure_add(f,
                              "/ip/firewall/filter/add chain=%s in-interface=%s "
                              "connection-state=established,related action=accept%s",
                              chain.text, tunnel.text, before.text))
        (void)finding_cure_add(f,
                               "/ip/firewall/filter/add chain=%s out-interface=%s "
                               "connection-state=established,related action=accept%s",
                               chain.text, tunnel.text, before.text);
}

/* Fasttracked packets skip the mangle rules, so their way is that of packets without a mark. */
static void judge_fasttrack(struct scene *scene, const struct answer_trips *trips)
{
    struct ruling rule;
    bool marked = true;
    bool there = trip_is_fasttracked(scene->s, &trips->there, &trips->after, &rule);
    bool fast = there || trip_is_fasttracked(scene->s, &trips->back, &trips->after, &rule);
    if (!fast || trip_leads_unmarked(scene->s, &trips->back)) {
        (void)finding_add(scene->out, FINDING_FASTTRACK, FINDING_PASS,
                          "fasttrack does not lead clients' answers away from the tunnel");
        return;
    }
    struct finding *f = finding_add(scene->out, FINDING_FASTTRACK, FINDING_FAIL,
                                    "filter rule *%X fasttracks connections from the internet: clients' "
                                    "answers then skip the mangle rules "
                                    "and do not leave through %s",
                                    (unsigned)rule.id, log_safe(span_text(scene->vpn.interface)).text);
    for (unsigned i = 0; i < trips->after.count; i++)
        marked = marked && trips->after.at[i].connection_mark[0] != '\0';
    struct packet packet = trip_translated(there ? &trips->there : &trips->back);
    packet.established = true;
    if (marked && !is_dynamic(scene->s, TABLE_FILTER, rule.id))
        finding_cure(f, "/ip/firewall/filter/set *%X connection-mark=no-mark", (unsigned)rule.id);
    else
        cure_fasttrack(scene, f, &packet, rule.id);
}

void judge_return(struct scene *scene)
{
    struct answer_trips trips = {.marks = marks_none("")};
    struct loss loss;
    static const char what[] = "clients' answers to connections from the internet";
    if (scene->lost || !scene_arrival(scene, NATPMP_TCP, &trips.there))
        return;
    trip_follow(scene->s, &trips.there, &trips.marks, &loss);
    trips.back = scene_answer(&trips.there);
    trips.after = trips.marks;
    trip_follow(scene->s, &trips.back, &trips.marks, &loss);
    if (!loss.found) /* behind the routing of the first answer, a rule may have replaced the mark */
        trip_follow(scene->s, &trips.back, &trips.marks, &loss);
    if (!loss.found) {
        (void)finding_add(scene->out, FINDING_RETURN, FINDING_PASS, "%s leave through %s", what,
                          log_safe(span_text(scene->vpn.interface)).text);
        judge_fasttrack(scene, &trips);
    } else if (loss.by == LOSS_RAW || loss.by == LOSS_FILTER) {
        struct prefix lan = scene_network(scene, scene->lan.interface, 0);
        struct remedy remedy = {.what = what, .network = lan};
        (void)snprintf(remedy.before.text, sizeof(remedy.before.text), "src-address=%s/%u",
                       address_text(lan.address).text, (unsigned)lan.length);
        (void)snprintf(remedy.after.text, sizeof(remedy.after.text),
                       "src-address=%s/%u connection-state=established,related",
                       address_text(lan.address).text, (unsigned)lan.length);
        judge_loss(scene, FINDING_RETURN, &loss, &trips.back, &remedy);
    } else if (!judge_replaced(scene, &trips.marks, loss.sure, what)) {
        cure_astray(scene, judge_loss_finding(scene, FINDING_RETURN, &loss, &trips.back, what), &trips);
    }
}

/* Packets that do not arrive: which rule is to blame, and the command that helps. */
#include <stdio.h>

#include "check/judge_parts.h"

void judge_maker(struct finding *f, const char *menu, uint32_t id)
{
    finding_cure(f, "find out what makes rule *%X: %s/print detail where .id=*%X", (unsigned)id, menu,
                 (unsigned)id);
}

/* "filter rule *5", "the main routing table". */
struct subject {
    char text[64];
};

static struct subject subject_of(const struct loss *loss)
{
    static const char *const names[] = {[LOSS_RAW] = "raw rule",
                                        [LOSS_FILTER] = "filter rule",
                                        [LOSS_RULE] = "routing rule",
                                        [LOSS_MARK] = "mangle rule"};
    struct subject subject = {"the main routing table"};
    if (loss->by != LOSS_MAIN)
        (void)snprintf(subject.text, sizeof(subject.text), "%s *%X", names[loss->by], (unsigned)loss->id);
    return subject;
}

struct finding *judge_unread(struct scene *scene, enum finding_id id, enum table_name table,
                             const char *question)
{
    const char *name = "nat";
    const char *show = "/ip/firewall/nat/print where action=jump";
    if (table == TABLE_FILTER) {
        name = "filter";
        show = "/ip/firewall/filter/print where action=jump";
    } else if (table == TABLE_RAW) {
        name = "raw";
        show = "/ip/firewall/raw/print where action=jump";
    }
    struct finding *f = finding_add(
        scene->out, id, FINDING_WARN,
        "the router's %s table has more chains or jumps than this check follows: it is not known %s", name,
        question);
    finding_cure(f, "%s", show);
    return f;
}

static bool loss_is_unread(const struct loss *loss)
{
    return (loss->by == LOSS_RAW || loss->by == LOSS_FILTER) && loss->id == 0;
}

static bool is_notrack(const struct survey *s, const struct loss *loss)
{
    struct table_rows t = table_rows_of(s, TABLE_RAW);
    while (loss->by == LOSS_RAW && table_rows_next(&t) != NULL)
        if (row_id(t.row) == loss->id)
            return row_is(t.row, "action", "notrack");
    return false;
}

struct finding *judge_loss_finding(struct scene *scene, enum finding_id id, const struct loss *loss,
                                   const struct trip *trip, const char *what)
{
    enum finding_status status = loss->sure ? FINDING_FAIL : FINDING_WARN;
    struct subject subject = subject_of(loss);
    if (loss_is_unread(loss)) {
        char question[FINDING_WHAT_MAX];
        (void)snprintf(question, sizeof(question), "whether it drops %s", what);
        return judge_unread(scene, id, loss->by == LOSS_RAW ? TABLE_RAW : TABLE_FILTER, question);
    }
    if (is_notrack(scene->s, loss))
        return finding_add(scene->out, id, status,
                           "%s %s %s from connection tracking, so that no rule translates them", subject.text,
                           loss->sure ? "takes" : "may take", what);
    if (loss->by == LOSS_RAW || loss->by == LOSS_FILTER)
        return finding_add(scene->out, id, status, "%s %s %s", subject.text,
                           loss->sure ? "drops" : "may drop", what);
    if (loss->interface[0] == '\0')
        return finding_add(scene->out, id, status, "%s %s no route for %s", subject.text,
                           loss->sure ? "has" : "may have", what);
    return finding_add(scene->out, id, status, "%s %s %s to %s instead of %s%s%s", subject.text,
                       loss->sure ? "sends" : "may send", what, log_safe(span_text(loss->interface)).text,
                       log_safe(span_text(trip->out->interface)).text,
                       loss->host != 0 ? ", for instance to " : "",
                       loss->host != 0 ? address_text(loss->host).text : "");
}

static void cure(const struct scene *scene, struct finding *f, const struct loss *loss,
                 const struct trip *trip, const struct remedy *r)
{
    static const struct {
        enum table_name table;
        const char *menu;
        const char *chain;
    } tables[] = {
        [LOSS_RAW] = {TABLE_RAW, "/ip/firewall/raw", "prerouting"},
        [LOSS_FILTER] = {TABLE_FILTER, "/ip/firewall/filter", "forward"},
        [LOSS_RULE] = {TABLE_RULE, "/routing/rule", NULL},
        [LOSS_MARK] = {TABLE_MANGLE, "/ip/firewall/mangle", "prerouting"},
    };
    struct address_text network = address_text(r->network.address);
    if (loss->by == LOSS_MAIN) {
        finding_cure(f, "/ip/route/add dst-address=%s/%u gateway=%s", network.text,
                     (unsigned)r->network.length, ros_quote(span_text(trip->out->interface)).text);
        return;
    }
    bool old = scene->version_known && scene->version.major < 7;
    const char *menu = old && loss->by == LOSS_RULE ? "/ip/route/rule" : tables[loss->by].menu;
    struct packet packet = loss->by == LOSS_FILTER ? trip_translated(trip) : trip->packet;
    struct place place =
        place_before(scene->s, tables[loss->by].table, tables[loss->by].chain, loss->id, &packet);
    struct place_text before = place_text(place.first);
    if (!place.open)
        judge_maker(f, menu, place.maker);
    else if (loss->by == LOSS_RULE)
        finding_cure(f, "%s/add dst-address=%s/%u action=lookup table=main%s", menu, network.text,
                     (unsigned)r->network.length, before.text);
    else
        finding_cure(f, "%s/add chain=%s %s action=accept%s", menu, ros_quote(span_text(place.chain)).text,
                     loss->by == LOSS_FILTER ? r->after.text : r->before.text, before.text);
}

void judge_loss(struct scene *scene, enum finding_id id, const struct loss *loss, const struct trip *trip,
                const struct remedy *remedy)
{
    struct finding *f = judge_loss_finding(scene, id, loss, trip, remedy->what);
    if (!loss_is_unread(loss))
        cure(scene, f, loss, trip, remedy);
}

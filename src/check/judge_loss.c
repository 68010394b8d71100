/* Packets that do not arrive: which rule is to blame, and the command that helps. */
#include <stdio.h>

#include "check/judge_parts.h"

struct place judge_first_of(const struct survey *s, enum table_name table, const char *chain)
{
    struct place place = {""};
    for (struct table_rows t = table_rows_of(s, table); table_rows_next(&t) != NULL;) {
        if ((chain != NULL && !row_is(t.row, "chain", chain)) || ros_flag(t.row, "dynamic") ||
            row_id(t.row) == 0)
            continue;
        (void)snprintf(place.text, sizeof(place.text), " place-before=*%X", (unsigned)row_id(t.row));
        break;
    }
    return place;
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
    const struct survey *s = scene->s;
    bool old = scene->version_known && scene->version.major < 7;
    struct address_text network = address_text(r->network.address);
    switch ((enum loss_by)loss->by) {
    case LOSS_RAW:
        finding_cure(f, "/ip/firewall/raw/add chain=prerouting %s action=accept%s", r->before.text,
                     judge_first_of(s, TABLE_RAW, "prerouting").text);
        break;
    case LOSS_FILTER:
        finding_cure(f, "/ip/firewall/filter/add chain=forward %s action=accept%s", r->after.text,
                     judge_first_of(s, TABLE_FILTER, "forward").text);
        break;
    case LOSS_RULE:
        finding_cure(f, "%s/add dst-address=%s/%u action=lookup table=main%s",
                     old ? "/ip/route/rule" : "/routing/rule", network.text, (unsigned)r->network.length,
                     judge_first_of(s, TABLE_RULE, NULL).text);
        break;
    case LOSS_MARK:
        finding_cure(f, "/ip/firewall/mangle/add chain=prerouting %s action=accept%s", r->before.text,
                     judge_first_of(s, TABLE_MANGLE, "prerouting").text);
        break;
    case LOSS_MAIN:
        finding_cure(f, "/ip/route/add dst-address=%s/%u gateway=%s", network.text,
                     (unsigned)r->network.length, ros_quote(span_text(trip->out->interface)).text);
        break;
    }
}

/* Before a dynamic rule none can be added. */
static bool cure_dynamic(const struct scene *scene, struct finding *f, const struct loss *loss)
{
    static const struct {
        enum table_name table;
        const char *show;
    } tables[] = {
        [LOSS_RAW] = {TABLE_RAW, "/ip/firewall/raw/print detail"},
        [LOSS_FILTER] = {TABLE_FILTER, "/ip/firewall/filter/print detail"},
        [LOSS_MARK] = {TABLE_MANGLE, "/ip/firewall/mangle/print detail"},
    };
    if (loss->by >= ARRAY_LEN(tables) || tables[loss->by].show == NULL)
        return false;
    struct table_rows t = table_rows_of(scene->s, tables[loss->by].table);
    while (table_rows_next(&t) != NULL && row_id(t.row) != loss->id)
        ;
    if (t.row == NULL || !ros_flag(t.row, "dynamic"))
        return false;
    finding_cure(f, "find out what makes that rule: %s where .id=*%X", tables[loss->by].show,
                 (unsigned)loss->id);
    return true;
}

void judge_loss(struct scene *scene, enum finding_id id, const struct loss *loss, const struct trip *trip,
                const struct remedy *remedy)
{
    struct finding *f = judge_loss_finding(scene, id, loss, trip, remedy->what);
    if (!loss_is_unread(loss) && !cure_dynamic(scene, f, loss))
        cure(scene, f, loss, trip, remedy);
}

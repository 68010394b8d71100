#include "check/judge_parts.h"

enum {
    ADDRESSES_MAX = 4,
    /* The daemon's sessions and the one of this check. */
    SESSIONS_OF_ONE = ROUTER_SESSIONS_MAX + 1,
};

struct sessions {
    unsigned count;
    unsigned addresses;
    struct log_safe address[ADDRESSES_MAX];
};

static void note(struct sessions *sessions, struct span address)
{
    struct log_safe text = log_safe(address);
    sessions->count++;
    for (unsigned i = 0; i < sessions->addresses; i++)
        if (strcmp(sessions->address[i].text, text.text) == 0)
            return;
    if (sessions->addresses < ADDRESSES_MAX)
        sessions->address[sessions->addresses++] = text;
}

/* The API sessions of our user; those of others are of another program, or of a second daemon with a user of
 * its own. */
static struct sessions count_sessions(const struct survey *s, struct log_safe *ret_other)
{
    struct sessions sessions = {0};
    *ret_other = log_safe(span_of(NULL, 0));
    for (struct table_rows t = table_rows_of(s, TABLE_ACTIVE); table_rows_next(&t) != NULL;) {
        struct span via;
        struct span name;
        struct span address;
        if ((row_get(t.row, "via", &via) && !span_starts(via, "api")) || !row_get(t.row, "name", &name))
            continue;
        if (span_is(name, s->config->user))
            note(&sessions, row_get(t.row, "address", &address) ? address : span_text("?"));
        else
            *ret_other = log_safe(name);
    }
    return sessions;
}

static struct finding *judge_sessions(struct scene *scene)
{
    struct log_safe other;
    const struct sessions sessions = count_sessions(scene->s, &other);
    struct log_safe user = log_safe(span_text(scene->s->config->user));
    bool others = other.text[0] != '\0';
    if (sessions.addresses > 1)
        return finding_add(
            scene->out, FINDING_SECOND_DAEMON, FINDING_WARN,
            "sessions of the user %s come from more than one address (%s, %s%s): a second daemon may run",
            user.text, sessions.address[0].text, sessions.address[1].text,
            sessions.addresses > 2 ? " ..." : "");
    if (sessions.count > SESSIONS_OF_ONE)
        return finding_add(
            scene->out, FINDING_SECOND_DAEMON, FINDING_WARN,
            "the user %s has %u sessions from %s, more than one daemon opens: a second one may run",
            user.text, sessions.count, sessions.address[0].text);
    if (sessions.count == 0)
        return finding_add(scene->out, FINDING_SECOND_DAEMON, FINDING_WARN,
                           "the router does not show who is logged in, so that a second daemon with this "
                           "INSTANCE is not seen");
    return finding_add(scene->out, FINDING_SECOND_DAEMON, FINDING_PASS,
                       "no sign of a second daemon with the user %s: all its sessions come from %s%s%s",
                       user.text, sessions.address[0].text, others ? "; the API is also used by " : "",
                       others ? other.text : "");
}

/* Another daemon with the same INSTANCE would have sessions of its own. */
void judge_twin(struct scene *scene)
{
    const struct survey *s = scene->s;
    struct finding *f;
    if (s->table[TABLE_ACTIVE].state == TABLE_UNASKED)
        return;
    if (s->standing_by)
        f = finding_add(scene->out, FINDING_SECOND_DAEMON, FINDING_WARN,
                        "another daemon with this INSTANCE serves%s%s, and the one on this machine stands by",
                        s->other_address != 0 ? " at " : "",
                        s->other_address != 0 ? address_text(s->other_address).text : "");
    else
        f = judge_sessions(scene);
    if (!s->standing_by && s->table[TABLE_ACTIVE].len == 0)
        finding_cure(f, "if you see a second daemon, give it another INSTANCE");
    else if (f->status != FINDING_PASS)
        finding_cure(
            f, "stop one of the two daemons, or give it another INSTANCE and another user of the router");
}

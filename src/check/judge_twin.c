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

/* The API sessions of our user. */
static struct sessions count_sessions(const struct survey *s)
{
    struct sessions sessions = {0};
    struct table_rows rows = table_rows_of(s, TABLE_ACTIVE);
    const struct ros_sentence *row;
    while ((row = table_find(&rows, "name", s->config->user)) != NULL) {
        struct span via;
        struct span address;
        if (row_get(row, "via", &via) && !span_starts(via, "api"))
            continue;
        note(&sessions, row_get(row, "address", &address) ? address : span_text("?"));
    }
    return sessions;
}

/* Another daemon with the same INSTANCE and user would have sessions of its own. */
void judge_twin(struct scene *scene)
{
    const struct survey *s = scene->s;
    const struct sessions sessions = count_sessions(s);
    struct finding *f;
    if (sessions.addresses > 1)
        f = finding_add(
            scene->out, FINDING_SECOND_DAEMON, FINDING_WARN,
            "sessions of the user %s come from more than one address (%s, %s%s): a second daemon may run",
            log_safe(span_text(s->config->user)).text, sessions.address[0].text, sessions.address[1].text,
            sessions.addresses > 2 ? " ..." : "");
    else if (sessions.count > SESSIONS_OF_ONE)
        f = finding_add(
            scene->out, FINDING_SECOND_DAEMON, FINDING_WARN,
            "the user %s has %u sessions from %s, more than one daemon opens: a second one may run",
            log_safe(span_text(s->config->user)).text, sessions.count, sessions.address[0].text);
    else if (sessions.count > 0)
        f = finding_add(scene->out, FINDING_SECOND_DAEMON, FINDING_PASS,
                        "no sign of a second daemon: all sessions of the user come from %s",
                        sessions.address[0].text);
    else
        return;
    if (f->status != FINDING_PASS)
        finding_cure(
            f, "stop one of the two daemons, or give it another INSTANCE and another user of the router");
}

#include "check/marks.h"

enum {
    DEPTH_MAX = 8, /* also for chains that jump to each other in a circle */
    ROWS_MAX = 1 << 18,
    /* Rules that may be met or not, on one way through the chain. */
    CHOICES_MAX = 12,
    PATHS_MAX = 64,
    CHAIN_NAME = 127,
};

/* A way through the chain is a row of choices: the rule is met, or it is not. */
struct path {
    bool met[CHOICES_MAX];
    unsigned choices;
};

struct frame {
    struct table_rows rows;
    uint8_t name[CHAIN_NAME]; /* what the chain is called, because the row that jumped is not kept */
    size_t name_len;
};

struct walk {
    const struct survey *survey;
    struct packet packet;
    struct outcome outcome;
    struct path *path;
    unsigned choice; /* the next one of the path */
    unsigned rows;
    bool ended;
    bool incomplete;
    unsigned depth;
    struct frame frame[DEPTH_MAX];
};

struct outcomes marks_none(const char *connection_mark)
{
    struct outcomes none = {.count = 1};
    size_t len = strlen(connection_mark);
    memcpy(none.at[0].connection_mark, connection_mark, len <= MARK_NAME_MAX ? len : 0);
    return none;
}

static void enter(struct walk *walk, struct span chain)
{
    if (walk->depth == DEPTH_MAX || chain.len == 0 || chain.len > CHAIN_NAME) {
        walk->incomplete = true;
        return;
    }
    struct frame *frame = &walk->frame[walk->depth++];
    frame->rows = table_rows_of(walk->survey, TABLE_MANGLE);
    memcpy(frame->name, chain.data, chain.len);
    frame->name_len = chain.len;
}

/* The rules that matter here: they set a mark that routing or fasttrack reads, or end the chain. */
static bool matters(const struct ros_sentence *row)
{
    static const char *const actions[] = {"accept",          "return",       "jump",
                                          "mark-connection", "mark-routing", "route"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (row_is(row, "action", actions[i]))
            return true;
    return false;
}

/* False if the rule is not met on this path. */
static bool is_met(struct walk *walk, const struct ros_sentence *row)
{
    enum cover cover = cover_of_row(row, &walk->packet);
    if (cover == COVER_NONE || cover == COVER_ALL)
        return cover == COVER_ALL;
    if (walk->choice == CHOICES_MAX) {
        walk->incomplete = true;
        return false;
    }
    if (walk->choice == walk->path->choices)
        walk->path->met[walk->path->choices++] = false;
    bool met = walk->path->met[walk->choice++];
    if (cover == COVER_MAYBE)
        walk->outcome.unsure = true;
    else if (met)
        walk->outcome.partly = true;
    return met;
}

static void set_mark(struct walk *walk, const struct ros_sentence *row, const char *name, char *mark)
{
    struct span text;
    if (!row_get(row, name, &text) || span_is(text, "no-mark"))
        text = span_of(NULL, 0);
    if (text.len > MARK_NAME_MAX) {
        walk->incomplete = true;
        return;
    }
    if (text.len > 0)
        memcpy(mark, text.data, text.len);
    mark[text.len] = '\0';
    walk->ended = row_is(row, "passthrough", "false") || row_is(row, "passthrough", "no");
}

static void set_connection_mark(struct walk *walk, const struct ros_sentence *row)
{
    struct outcome *o = &walk->outcome;
    const struct outcome before = *o;
    set_mark(walk, row, "new-connection-mark", o->connection_mark);
    o->marker = row_id(row);
    if (o->marked == 0 && strcmp(before.connection_mark, o->connection_mark) != 0)
        o->marked = before.marker;
}

static void take_row(struct walk *walk, const struct ros_sentence *row)
{
    struct span target;
    if (!matters(row) || !is_met(walk, row))
        return;
    if (row_is(row, "action", "mark-connection")) {
        set_connection_mark(walk, row);
    } else if (row_is(row, "action", "mark-routing")) {
        set_mark(walk, row, "new-routing-mark", walk->outcome.routing_mark);
        walk->outcome.router = row_id(row);
    } else if (row_is(row, "action", "jump")) {
        if (row_get(row, "jump-target", &target))
            enter(walk, target);
    } else if (row_is(row, "action", "return")) {
        walk->depth--;
    } else {
        walk->incomplete = walk->incomplete || row_is(row, "action", "route");
        walk->ended = true;
    }
    walk->outcome.ender = walk->ended ? row_id(row) : 0;
}

static void follow_path(struct walk *walk, const char *chain)
{
    walk->outcome.ender = 0;
    walk->packet.connection_mark = walk->outcome.connection_mark;
    walk->packet.routing_mark = walk->outcome.routing_mark;
    enter(walk, span_text(chain));
    while (walk->depth > 0 && !walk->ended) {
        struct frame *frame = &walk->frame[walk->depth - 1];
        const struct ros_sentence *row = table_rows_next(&frame->rows);
        struct span name;
        if (row == NULL)
            walk->depth--;
        else if (walk->rows++ == ROWS_MAX)
            walk->incomplete = walk->ended = true;
        else if (ros_attribute(row, "chain", &name) &&
                 span_equal(name, span_of(frame->name, frame->name_len)) && !ros_flag(row, "disabled") &&
                 !ros_flag(row, "invalid"))
            take_row(walk, row);
    }
}

/* The next path, in the order of binary numbers; false: this was the last one. */
static bool next_path(struct path *path)
{
    while (path->choices > 0 && path->met[path->choices - 1])
        path->choices--;
    if (path->choices == 0)
        return false;
    path->met[path->choices - 1] = true;
    return true;
}

static void keep(struct outcomes *outcomes, const struct outcome *new)
{
    for (unsigned i = 0; i < outcomes->count; i++) {
        struct outcome *old = &outcomes->at[i];
        if (strcmp(old->connection_mark, new->connection_mark) != 0 ||
            strcmp(old->routing_mark, new->routing_mark) != 0)
            continue;
        old->partly = old->partly && new->partly;
        old->unsure = old->unsure && new->unsure;
        return;
    }
    if (outcomes->count == OUTCOMES_MAX)
        outcomes->incomplete = true;
    else
        outcomes->at[outcomes->count++] = *new;
}

void marks_follow(const struct survey *s, const char *chain, const struct packet *packet,
                  const struct outcomes *before, struct outcomes *ret_after)
{
    unsigned paths = 0;
    *ret_after = (struct outcomes){.incomplete = before->incomplete};
    for (unsigned i = 0; i < before->count; i++) {
        struct path path = {.choices = 0};
        do {
            struct walk walk = {.survey = s, .packet = *packet, .outcome = before->at[i], .path = &path};
            follow_path(&walk, chain);
            keep(ret_after, &walk.outcome);
            ret_after->incomplete = ret_after->incomplete || walk.incomplete;
        } while (next_path(&path) && ++paths < PATHS_MAX);
        ret_after->incomplete = ret_after->incomplete || paths >= PATHS_MAX;
    }
    if (s->table[TABLE_MANGLE].state == TABLE_REFUSED || s->table[TABLE_MANGLE].incomplete)
        ret_after->incomplete = true;
}

#include "check/place.h"

#include <stdio.h>

enum {
    DEPTH_MAX = 8, /* also for chains that jump to each other in a circle */
    ROWS_MAX = 1 << 18,
};

/* A chain on the way, read up to the rule that leads on. */
struct frame {
    struct table_rows rows;
    char chain[CHAIN_NAME_MAX + 1];
    uint32_t first; /* static rules so far */
    uint32_t last;
    uint32_t at;
    bool dynamic; /* the rule `at` */
};

struct search {
    const struct survey *survey;
    enum table_name table;
    const struct packet *packet;
    uint32_t id;
    unsigned depth;
    struct frame frame[DEPTH_MAX];
};

static bool enter(struct search *search, struct span chain)
{
    if (search->depth == DEPTH_MAX || chain.len > CHAIN_NAME_MAX)
        return false;
    struct frame *frame = &search->frame[search->depth++];
    *frame = (struct frame){.rows = table_rows_of(search->survey, search->table)};
    if (chain.len > 0)
        memcpy(frame->chain, chain.data, chain.len);
    return true;
}

/* The next row of the chain; NULL: there is none. A table without chains has the rows of one. */
static const struct ros_sentence *next_row(struct frame *frame, unsigned *inout_rows)
{
    const struct ros_sentence *row = NULL;
    while (*inout_rows < ROWS_MAX && (row = table_rows_next(&frame->rows)) != NULL) {
        ++*inout_rows;
        if (frame->chain[0] == '\0' || row_is(row, "chain", frame->chain))
            return row;
    }
    return NULL;
}

static void note(struct frame *frame, const struct ros_sentence *row)
{
    frame->at = row_id(row);
    frame->dynamic = ros_flag(row, "dynamic");
    if (frame->dynamic || frame->at == 0)
        return;
    frame->first = frame->first == 0 ? frame->at : frame->first;
    frame->last = frame->at;
}

/* Goes on to the chain to which the row leads, if it leads to one. */
static void follow(struct search *search, const struct ros_sentence *row)
{
    struct span target;
    if (ros_flag(row, "disabled") || ros_flag(row, "invalid"))
        return;
    if (row_is(row, "action", "jump") && row_get(row, "jump-target", &target) &&
        cover_of_row(row, search->packet) != COVER_NONE)
        (void)enter(search, target);
    else if (row_is(row, "action", "return") && cover_of_row(row, search->packet) == COVER_ALL)
        search->depth--;
}

/* True: the frames are the way to the rule. */
static bool find(struct search *search, const char *chain)
{
    unsigned rows = 0;
    (void)enter(search, span_text(chain != NULL ? chain : ""));
    while (search->depth > 0) {
        struct frame *frame = &search->frame[search->depth - 1];
        const struct ros_sentence *row = next_row(frame, &rows);
        if (row == NULL) {
            search->depth--;
            continue;
        }
        note(frame, row);
        if (search->id != 0 && frame->at == search->id)
            return true;
        follow(search, row);
    }
    return false;
}

static void take(struct place *place, const struct frame *frame, uint32_t nearest)
{
    place->open = true;
    memcpy(place->chain, frame->chain, sizeof(place->chain));
    place->first = frame->first;
    place->nearest = nearest;
}

/* The rule to blame if it is dynamic, else the first jump. */
static uint32_t maker_of(const struct search *search)
{
    const struct frame *last = &search->frame[search->depth - 1];
    for (unsigned i = 0; !last->dynamic && i < search->depth; i++)
        if (search->frame[i].dynamic)
            return search->frame[i].at;
    return last->dynamic ? last->at : 0;
}

struct place place_before(const struct survey *s, enum table_name table, const char *chain, uint32_t id,
                          const struct packet *packet)
{
    struct place place = {.open = false};
    /* The marks at each rule are not known. */
    struct packet unmarked = *packet;
    struct search search = {.survey = s, .table = table, .packet = &unmarked, .id = id};
    unmarked.connection_mark = unmarked.packet_mark = unmarked.routing_mark = NULL;
    if (id == 0 || !find(&search, chain)) {
        search.depth = 0;
        (void)enter(&search, span_text(chain != NULL ? chain : ""));
        struct frame *frame = &search.frame[0];
        unsigned rows = 0;
        for (const struct ros_sentence *row; (row = next_row(frame, &rows)) != NULL;)
            note(frame, row);
        take(&place, frame, frame->first);
        return place;
    }
    place.top = search.frame[0].at;
    place.maker = maker_of(&search);
    for (unsigned i = 0; i < search.depth && !place.open; i++)
        if (search.frame[i].first != 0)
            take(&place, &search.frame[i], search.frame[i].last);
    return place;
}

bool place_is_in(const struct place *place, const char *chain)
{
    return place->open && strcmp(place->chain, chain) == 0;
}

struct place_text place_text(uint32_t before)
{
    struct place_text place = {""};
    if (before != 0)
        (void)snprintf(place.text, sizeof(place.text), " place-before=*%X", (unsigned)before);
    return place;
}

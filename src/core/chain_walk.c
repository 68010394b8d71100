#include "core/chain_walk.h"

#include "base/attributes.h"

/* What a rule does with a packet that meets its conditions. The first ones are enum firewall_action. */
enum walk_kind {
    WALK_JUMP = FIREWALL_ACTIONS,
    WALK_RETURN,
    WALK_UNTIL,
    WALK_GOES_ON = WALK_UNTIL + FIREWALL_ACTIONS,
};

/* ---- rows ---- */

static bool get(const struct ros_sentence *row, const char *name, struct span *ret_value)
{
    return ros_attribute(row, name, ret_value) && ret_value->len > 0;
}

static unsigned kind_of(const struct ros_sentence *row)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } kinds[] = {
        {"accept", FIREWALL_ACCEPT},
        {"fasttrack-connection", FIREWALL_ACCEPT},
        {"drop", FIREWALL_DROP},
        {"reject", FIREWALL_DROP},
        {"tarpit", FIREWALL_DROP},
        {"notrack", FIREWALL_DROP}, /* what is not tracked is not translated, so it does not arrive either */
        {"dst-nat", FIREWALL_TRANSLATE},
        {"redirect", FIREWALL_TRANSLATE},
        {"netmap", FIREWALL_TRANSLATE},
        {"masquerade", FIREWALL_TRANSLATE},
        {"src-nat", FIREWALL_TRANSLATE},
        {"same", FIREWALL_TRANSLATE},
        {"endpoint-independent-nat", FIREWALL_TRANSLATE},
        {"jump", WALK_JUMP},
        {"return", WALK_RETURN},
    };
    struct span action;
    if (!get(row, "action", &action))
        return FIREWALL_ACCEPT;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (span_is(action, kinds[i].name))
            return kinds[i].kind;
    return WALK_GOES_ON;
}

static uint32_t id_of(const struct ros_sentence *row)
{
    struct span text;
    uint32_t id;
    return get(row, ".id", &text) && ros_parse_id(text, &id) ? id : 0;
}

/* ---- adding ---- */

struct walk_row {
    struct span chain;
    struct span target;
    uint32_t id;
    uint8_t kind;
    bool until;
};

void chain_walk_init(struct chain_walk *w, uint32_t until)
{
    w->until = until;
    w->chains = 0;
    w->steps = 0;
    w->incomplete = false;
}

/* WALK_CHAINS_MAX: there is no such chain. */
static unsigned chain_number(const struct chain_walk *w, struct span name)
{
    unsigned i = 0;
    while (i < w->chains && !span_equal(span_of(w->chain[i].name, w->chain[i].name_len), name))
        i++;
    return i < w->chains ? i : WALK_CHAINS_MAX;
}

static struct walk_chain *find_chain(struct chain_walk *w, struct span name)
{
    unsigned number = chain_number(w, name);
    return number < WALK_CHAINS_MAX ? &w->chain[number] : NULL;
}

/* NULL: there is no room. */
static struct walk_chain *take_chain(struct chain_walk *w, struct span name)
{
    struct walk_chain *chain = find_chain(w, name);
    if (chain != NULL)
        return chain;
    if (w->chains == WALK_CHAINS_MAX || name.len > CHAIN_NAME_MAX)
        return NULL;
    chain = &w->chain[w->chains++];
    *chain = (struct walk_chain){.name_len = (uint8_t)name.len};
    memcpy(chain->name, name.data, name.len);
    return chain;
}

static bool is_known(const struct chain_walk *w, const struct walk_chain *chain, const struct walk_step *step)
{
    uint16_t at = step->kind == WALK_JUMP || chain->last_jump == 0 ? chain->first : chain->last_jump;
    for (; at != 0; at = w->step[at].next)
        if (w->step[at].kind == step->kind && w->step[at].cover == step->cover &&
            w->step[at].target == step->target)
            return true;
    return false;
}

static void add_step(struct chain_walk *w, struct walk_chain *chain, struct walk_step step)
{
    if (is_known(w, chain, &step))
        return;
    if (w->steps == WALK_STEPS_MAX) {
        w->incomplete = true;
        return;
    }
    uint16_t number = (uint16_t)++w->steps;
    w->step[number] = step;
    *(chain->last != 0 ? &w->step[chain->last].next : &chain->first) = number;
    chain->last = number;
    if (step.kind == WALK_JUMP)
        chain->last_jump = number;
    chain->ended = step.kind != WALK_JUMP && step.cover == COVER_ALL;
}

/* What the row does, if it does anything to packets that come to it. */
static bool read_row(const struct ros_sentence *row, uint32_t last, struct walk_row *ret_row)
{
    unsigned kind = kind_of(row);
    uint32_t id = id_of(row);
    bool until = last != 0 && id == last;
    if (until && kind < FIREWALL_ACTIONS)
        kind += WALK_UNTIL;
    *ret_row = (struct walk_row){.id = id, .kind = (uint8_t)kind, .until = until};
    return kind != WALK_GOES_ON && !ros_flag(row, "disabled") && !ros_flag(row, "invalid") &&
           get(row, "chain", &ret_row->chain) &&
           (kind != WALK_JUMP || get(row, "jump-target", &ret_row->target));
}

enum cover chain_walk_add(struct chain_walk *w, const struct ros_sentence *row, enum cover cover,
                          unsigned *ret_chain)
{
    struct walk_row read;
    *ret_chain = WALK_CHAINS_MAX;
    if (!read_row(row, w->until, &read))
        return COVER_NONE;
    struct walk_chain *chain = find_chain(w, read.chain);
    cover = read.until ? COVER_ALL : cover;
    if (cover == COVER_NONE || (chain != NULL && chain->ended))
        return COVER_NONE;
    chain = take_chain(w, read.chain);
    struct walk_chain *target = read.kind == WALK_JUMP ? take_chain(w, read.target) : NULL;
    if (chain == NULL || (read.kind == WALK_JUMP && target == NULL)) {
        w->incomplete = true;
        return COVER_MAYBE;
    }
    *ret_chain = (unsigned)(chain - w->chain);
    if (read.kind == WALK_RETURN)
        chain->ended = cover == COVER_ALL; /* as at its last rule; what is left of the class goes on */
    else
        add_step(w, chain,
                 (struct walk_step){.id = read.id,
                                    .kind = read.kind,
                                    .cover = (uint8_t)cover,
                                    .target = target != NULL ? (uint16_t)(target - w->chain) : 0});
    return cover;
}

/* ---- walking ---- */

/* A chain that is being followed, with how much of the class entered it. */
struct frame {
    uint16_t step; /* the next one; 0: none */
    uint8_t limit;
};

enum { FRAMES_MAX = WALK_CHAINS_MAX * COVER_ALL + 1 };

struct walk {
    struct chain_walk *table;
    struct verdict *verdict;
    bool decided;
    unsigned depth;
    struct frame frame[FRAMES_MAX];
};

static void note(struct ruling *ruling, uint32_t id, enum firewall_action action)
{
    if (!ruling->found)
        *ruling = (struct ruling){.found = true, .id = id, .action = action};
}

/* A chain that was entered with this cover before shows nothing new. So chains that jump to each other in a
 * circle end, and there are no more frames than chains and covers. */
static void enter(struct walk *walk, struct walk_chain *chain, uint8_t limit)
{
    if ((chain->entered >> limit & 1) != 0)
        return;
    chain->entered |= (uint8_t)(1u << limit);
    walk->frame[walk->depth++] = (struct frame){.step = chain->first, .limit = limit};
}

static void take_step(struct walk *walk, const struct walk_step *step)
{
    uint8_t limit = walk->frame[walk->depth - 1].limit;
    uint8_t cover = step->cover < limit ? step->cover : limit;
    if (step->kind == WALK_JUMP) {
        enter(walk, &walk->table->chain[step->target], cover);
        return;
    }
    bool until = step->kind >= WALK_UNTIL;
    enum firewall_action action = (enum firewall_action)(until ? step->kind - WALK_UNTIL : step->kind);
    walk->decided = cover == COVER_ALL || until;
    note(walk->decided          ? &walk->verdict->sure
         : cover == COVER_MAYBE ? &walk->verdict->maybe[action]
                                : &walk->verdict->part[action],
         step->id, action);
}

/* The rules for which there was no room could do anything. */
static void give_up(struct verdict *verdict)
{
    for (unsigned action = 0; action < FIREWALL_ACTIONS; action++)
        note(&verdict->maybe[action], 0, (enum firewall_action)action);
    verdict->sure.found = false;
}

void chain_walk_judge(struct chain_walk *w, const char *chain, struct verdict *ret_verdict)
{
    struct walk walk = {.table = w, .verdict = ret_verdict};
    struct walk_chain *start = find_chain(w, span_text(chain));
    *ret_verdict = (struct verdict){0};
    for (unsigned i = 0; i < w->chains; i++)
        w->chain[i].entered = 0;
    if (start != NULL)
        enter(&walk, start, COVER_ALL);
    while (walk.depth > 0 && !walk.decided) {
        struct frame *frame = &walk.frame[walk.depth - 1];
        const struct walk_step *step = &w->step[frame->step];
        if (frame->step == 0) {
            walk.depth--;
            continue;
        }
        frame->step = step->next;
        take_step(&walk, step);
    }
    if (w->incomplete)
        give_up(ret_verdict);
}

enum cover chain_walk_reached(const struct chain_walk *w, unsigned chain)
{
    enum cover cover = COVER_ALL;
    while (cover != COVER_NONE && (w->chain[chain].entered >> cover & 1) == 0)
        cover = (enum cover)(cover - 1);
    return w->incomplete && cover < COVER_MAYBE ? COVER_MAYBE : cover;
}

enum cover chain_walk_reached_name(const struct chain_walk *w, struct span name)
{
    unsigned chain = chain_number(w, name);
    if (chain < WALK_CHAINS_MAX)
        return chain_walk_reached(w, chain);
    return w->incomplete ? COVER_MAYBE : COVER_NONE;
}

bool chain_walk_row_acts(const struct ros_sentence *row)
{
    struct walk_row read;
    return read_row(row, 0, &read) && !span_is(read.chain, "srcnat");
}

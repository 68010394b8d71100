#include "core/taken_ports.h"

enum { ELSEWHERE = TAKEN_CHAINS_MAX };

void taken_ports_begin(struct taken_ports *c, const struct nat_context *context,
                       enum natpmp_protocol protocol)
{
    c->packet = (struct packet){.in = context, .protocol = protocol, .dst_local = true, .arrival = true};
    c->chains = 0;
    c->elsewhere = false;
    c->crowded = false;
    c->general = COVER_NONE;
    c->placed = false;
    c->border = 0;
    c->bar = 0;
    chain_walk_init(&c->walk, 0);
}

/* ---- one row ---- */

/* The words that name ports. Those of a row whose words did not all have room may name any. */
static bool names_ports(const struct ros_sentence *row, struct span *ret_text)
{
    *ret_text = span_of(NULL, 0);
    return (ros_attribute(row, "dst-port", ret_text) && ret_text->len > 0) ||
           (ros_attribute(row, "port", ret_text) && ret_text->len > 0) || row->skipped > 0;
}

/* An invalid text names every port. */
static void add_ports(struct span text, struct portset *set)
{
    bool negated = span_starts(text, "!");
    struct portset listed;
    if (text.len == 0 || !parse_ports(negated ? span_skip(text, 1) : text, &listed)) {
        portset_fill(set);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(set->word); i++)
        set->word[i] |= negated ? ~listed.word[i] : listed.word[i];
}

/* ---- collecting ---- */

/* WALK_CHAINS_MAX: a chain that the walk does not know. */
static struct taken_set *ports_of_chain(struct taken_ports *c, unsigned chain)
{
    unsigned i = 0;
    while (i < c->chains && c->chain[i] != chain)
        i++;
    c->crowded = c->crowded || i == ELSEWHERE;
    if (chain == WALK_CHAINS_MAX)
        i = ELSEWHERE;
    bool fresh = i == ELSEWHERE ? !c->elsewhere : i == c->chains;
    if (!fresh)
        return &c->ports[i];
    if (i == ELSEWHERE) {
        c->elsewhere = true;
    } else {
        c->barred[c->chains] = COVER_NONE;
        c->chain[c->chains++] = (uint16_t)chain;
    }
    portset_clear(&c->ports[i].sure);
    portset_clear(&c->ports[i].doubted);
    return &c->ports[i];
}

static bool is_of_dstnat(const struct taken_ports *c, unsigned chain)
{
    static const char name[] = "dstnat";
    const struct walk_chain *named = &c->walk.chain[chain];
    return chain < WALK_CHAINS_MAX && span_is(span_of(named->name, named->name_len), name);
}

/* The last step of dstnat so far; 0: none. */
static uint16_t last_of_dstnat(const struct taken_ports *c)
{
    for (unsigned i = 0; i < c->walk.chains; i++)
        if (is_of_dstnat(c, i))
            return c->walk.chain[i].last;
    return 0;
}

bool taken_ports_is_place(const struct ros_sentence *row)
{
    struct span chain;
    return !ros_flag(row, "dynamic") && ros_attribute(row, "chain", &chain) && span_is(chain, "dstnat");
}

void taken_ports_add(struct taken_ports *c, const struct ros_sentence *row)
{
    struct span text;
    unsigned chain;
    bool names = names_ports(row, &text);
    if (!c->placed && taken_ports_is_place(row)) {
        c->placed = true;
        c->border = last_of_dstnat(c);
    }
    enum cover cover = cover_of_row(row, &c->packet);
    /* A rule that names ports does not decide over the whole class. */
    cover = chain_walk_add(&c->walk, row, names && cover == COVER_ALL ? COVER_PART : cover, &chain);
    if (!names && cover >= COVER_MAYBE && cover > (enum cover)c->general && is_of_dstnat(c, chain))
        c->general = (uint8_t)cover;
    if (cover == COVER_NONE || !names)
        return;
    struct taken_set *ports = ports_of_chain(c, chain);
    bool known = ports != &c->ports[ELSEWHERE];
    add_ports(text, known && cover != COVER_MAYBE ? &ports->sure : &ports->doubted);
}

/* How surely a rule of that set takes what comes to it. */
static enum cover cover_of_port(const struct taken_set *ports, uint16_t port)
{
    if (portset_has(&ports->sure, port))
        return COVER_ALL;
    return portset_has(&ports->doubted, port) ? COVER_MAYBE : COVER_NONE;
}

enum cover taken_ports_ahead(const struct taken_ports *c, uint16_t port, bool *ret_named)
{
    enum cover named = COVER_NONE;
    for (unsigned i = 0; i < c->chains; i++) {
        enum cover cover = is_of_dstnat(c, c->chain[i]) ? cover_of_port(&c->ports[i], port) : COVER_NONE;
        named = cover > named ? cover : named;
    }
    *ret_named = named != COVER_NONE;
    return named > (enum cover)c->general ? named : (enum cover)c->general;
}

bool taken_ports_of_row(const struct taken_ports *c, const struct ros_sentence *row, struct taken_set *ports)
{
    struct span text;
    if (!chain_walk_row_acts(row) || !names_ports(row, &text))
        return false;
    enum cover cover = cover_of_row(row, &c->packet);
    if (cover != COVER_NONE)
        add_ports(text, cover == COVER_MAYBE ? &ports->doubted : &ports->sure);
    return cover != COVER_NONE;
}

bool taken_ports_is_incomplete(const struct taken_ports *c)
{
    return c->walk.incomplete || c->crowded;
}

void taken_ports_add_anywhere(struct taken_ports *c, const struct ros_sentence *row)
{
    (void)taken_ports_of_row(c, row, ports_of_chain(c, WALK_CHAINS_MAX));
}

bool taken_ports_reach_row(const struct taken_ports *c, const struct ros_sentence *row)
{
    struct span name;
    return ros_attribute(row, "chain", &name) && chain_walk_reached_name(&c->walk, name) > COVER_MAYBE;
}

static void join(struct portset *to, const struct portset *from)
{
    for (size_t i = 0; i < ARRAY_LEN(to->word); i++)
        to->word[i] |= from->word[i];
}

/* Follows the class through the rules before which ours cannot be put. A rule for all packets ends its chain,
 * so what follows the border is not there if such a rule stands before it. */
static void find_bar(struct taken_ports *c)
{
    struct verdict verdict;
    uint16_t border = c->placed ? c->border : last_of_dstnat(c);
    uint16_t behind = c->walk.step[border].next;
    if (border == 0)
        return;
    c->walk.step[border].next = 0;
    chain_walk_judge(&c->walk, "dstnat", &verdict);
    c->walk.step[border].next = behind;
    c->bar = verdict.sure.found ? verdict.sure.id : 0;
    for (unsigned i = 0; i < c->chains; i++)
        if (!is_of_dstnat(c, c->chain[i]))
            c->barred[i] = (uint8_t)chain_walk_reached(&c->walk, c->chain[i]);
}

enum cover taken_ports_barred(const struct taken_ports *c, uint16_t port)
{
    enum cover most = COVER_NONE;
    for (unsigned i = 0; i < c->chains; i++) {
        enum cover reached = (enum cover)c->barred[i];
        enum cover cover = reached != COVER_NONE ? cover_of_port(&c->ports[i], port) : COVER_NONE;
        if (reached == COVER_MAYBE && cover == COVER_ALL)
            cover = COVER_MAYBE;
        most = cover > most ? cover : most;
    }
    return most;
}

bool taken_ports_end(struct taken_ports *c, struct taken_set *ports)
{
    struct verdict verdict;
    bool any = c->elsewhere;
    find_bar(c);
    chain_walk_judge(&c->walk, "dstnat", &verdict);
    for (unsigned i = 0; i < c->chains; i++) {
        enum cover reached = chain_walk_reached(&c->walk, c->chain[i]);
        if (reached == COVER_NONE)
            continue;
        any = true;
        join(reached == COVER_MAYBE ? &ports->doubted : &ports->sure, &c->ports[i].sure);
        join(&ports->doubted, &c->ports[i].doubted);
    }
    if (c->elsewhere) {
        join(&ports->sure, &c->ports[ELSEWHERE].sure);
        join(&ports->doubted, &c->ports[ELSEWHERE].doubted);
    }
    if (c->bar != 0)
        portset_fill(&ports->sure);
    return any || c->bar != 0;
}

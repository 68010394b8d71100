#include "check/ways.h"

#include "base/address_use.h"
#include "check/firewall.h"
#include "core/router_rows.h"

/* ---- a table ---- */

/* The longest match of that table, of prefixes that are not shorter. False: no route. */
static bool look_up(const struct survey *s, struct span table, uint32_t dst, uint8_t shortest,
                    char ret_interface[INTERFACE_NAME_MAX + 1])
{
    struct route_choice choice = {.target = dst, .table = table, .shortest = shortest};
    for (struct table_rows t = table_rows_of(s, TABLE_ROUTE); table_rows_next(&t) != NULL;)
        route_choice_route(&choice, t.row);
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS); table_rows_next(&t) != NULL;)
        route_choice_address(&choice, t.row);
    copy_interface(ret_interface, span_text(choice.interface));
    return choice.known;
}

static struct span main_table(void)
{
    return span_text("main");
}

/* ---- the rules ---- */

static enum cover cover_prefix(struct span value, struct prefix actual)
{
    bool not = span_starts(value, "!");
    struct prefix prefix;
    if (!parse_prefix(not ? span_skip(value, 1) : value, &prefix))
        return COVER_MAYBE;
    /* A packet from the internet has no private address. */
    if (actual.length == 0 && prefix.length > 0 && address_use(prefix.address) != NULL)
        return not ? COVER_ALL : COVER_NONE;
    bool wider = prefix.length <= actual.length;
    bool inside = prefix_has(wider ? &prefix : &actual, wider ? actual.address : prefix.address);
    if (!inside)
        return not ? COVER_ALL : COVER_NONE;
    return !wider ? COVER_PART : not ? COVER_NONE : COVER_ALL;
}

static enum cover least(enum cover a, enum cover b)
{
    return a < b ? a : b;
}

static enum cover cover_name(struct span value, const char *actual)
{
    bool not = span_starts(value, "!");
    return span_is(not ? span_skip(value, 1) : value, actual) != not ? COVER_ALL : COVER_NONE;
}

static enum cover cover_rule(const struct ros_sentence *row, const struct traveller *t)
{
    static const char *const unknown[] = {"chain", "realm", "vrf"};
    enum cover cover = COVER_ALL;
    struct span value;
    if (row_get(row, "src-address", &value))
        cover = least(cover, cover_prefix(value, t->src));
    if (row_get(row, "dst-address", &value))
        cover = least(cover, cover_prefix(value, (struct prefix){t->dst, 32}));
    if (row_get(row, "interface", &value))
        cover = least(cover, cover_name(value, t->in));
    if (row_get(row, "routing-mark", &value))
        cover = least(cover, cover_name(value, t->routing_mark));
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        if (row_get(row, unknown[i], &value))
            cover = least(cover, COVER_MAYBE);
    return cover;
}

/* With min-prefix=0 the table's default route does not count. */
static uint8_t shortest_of(const struct ros_sentence *row)
{
    struct span text;
    uint64_t length;
    return row_get(row, "min-prefix", &text) && parse_decimal(text, 31, &length) ? (uint8_t)(length + 1) : 0;
}

/* True if the rule decides about what it covers: *ret_way says how. */
static bool decide(const struct survey *s, const struct ros_sentence *row, const struct traveller *t,
                   struct way *ret_way)
{
    struct span table;
    *ret_way = (struct way){.rule = row_id(row)};
    if (row_is(row, "action", "drop") || row_is(row, "action", "unreachable"))
        return true;
    if (!row_get(row, "table", &table))
        table = main_table();
    bool found = look_up(s, table, t->dst, shortest_of(row), ret_way->interface);
    return found || row_is(row, "action", "lookup-only-in-table");
}

/* ---- all together ---- */

static void add(struct ways *ways, const struct way *way, enum cover cover)
{
    if (ways->count == WAYS_MAX)
        return;
    struct way *new = &ways->at[ways->count++];
    *new = *way;
    new->partly = cover == COVER_PART;
    new->unsure = cover == COVER_MAYBE;
}

/* The manual does not say whether a routing mark or a routing rule without a mark counts first. If they
 * disagree, the way is unsure. */
static void add_marked(struct ways *ways, const struct way *marked)
{
    for (unsigned i = 0; i < ways->count; i++) {
        struct way *way = &ways->at[i];
        way->unsure = way->unsure || strcmp(way->interface, marked->interface) != 0;
    }
    add(ways, marked, ways->count > 0 ? COVER_MAYBE : COVER_ALL);
}

void ways_find(const struct survey *s, const struct traveller *t, struct ways *ret_ways)
{
    struct way way;
    bool decided = false;
    *ret_ways = (struct ways){0};
    for (struct table_rows rows = table_rows_of(s, TABLE_RULE); !decided && table_rows_next(&rows) != NULL;) {
        enum cover cover = cover_rule(rows.row, t);
        if (cover == COVER_NONE || ros_flag(rows.row, "disabled") || ros_flag(rows.row, "inactive") ||
            !decide(s, rows.row, t, &way))
            continue;
        add(ret_ways, &way, cover);
        decided = cover == COVER_ALL;
    }
    way = (struct way){.marked = true};
    if (t->routing_mark[0] != '\0' && look_up(s, span_text(t->routing_mark), t->dst, 0, way.interface)) {
        add_marked(ret_ways, &way);
        return;
    }
    way = (struct way){.rule = 0};
    if (!decided) {
        (void)look_up(s, main_table(), t->dst, 0, way.interface);
        add(ret_ways, &way, COVER_ALL);
    }
}

struct log_safe ways_table_through(const struct survey *s, const char *interface)
{
    static const char *const names[] = {"routing-table", "routing-mark"};
    for (struct table_rows t = table_rows_of(s, TABLE_ROUTE); table_rows_next(&t) != NULL;) {
        struct span table;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            struct route_choice choice = {.target = 0};
            if (!row_is(t.row, "dst-address", "0.0.0.0/0") || !row_get(t.row, names[i], &table) ||
                span_is(table, "main"))
                continue;
            choice.table = table;
            route_choice_route(&choice, t.row);
            if (choice.known && strcmp(choice.interface, interface) == 0)
                return log_safe(table);
        }
    }
    return log_safe(span_of(NULL, 0));
}

#include "check/address_lists.h"

#include "check/trip.h"
#include "core/address_list.h"
#include "core/router_rows.h"

/* ---- which lists matter ---- */

enum {
    LISTS_MAX = 10, /* with more of them, or longer names, all lists are read */
    LIST_NAME_MAX = 63,
};

struct list_names {
    unsigned count;
    bool too_many;
    char name[LISTS_MAX][LIST_NAME_MAX + 1];
};

static void add_name(struct list_names *names, struct span text)
{
    if (span_starts(text, "!"))
        text = span_skip(text, 1);
    for (unsigned i = 0; i < names->count; i++)
        if (span_is(text, names->name[i]))
            return;
    if (names->count == LISTS_MAX || text.len > LIST_NAME_MAX || text.len == 0) {
        names->too_many = true;
        return;
    }
    memcpy(names->name[names->count], text.data, text.len);
    names->name[names->count++][text.len] = '\0';
}

static struct list_names named_lists(const struct survey *s)
{
    static const enum table_name tables[] = {TABLE_NAT, TABLE_FILTER, TABLE_MANGLE, TABLE_RAW};
    struct list_names names = {0};
    struct span text;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (struct table_rows t = table_rows_of(s, tables[i]); table_rows_next(&t) != NULL;) {
            if (row_get(t.row, "src-address-list", &text))
                add_name(&names, text);
            if (row_get(t.row, "dst-address-list", &text))
                add_name(&names, text);
        }
    }
    return names;
}

bool address_lists_needed(const struct survey *s)
{
    struct list_names names = named_lists(s);
    return names.count > 0 || names.too_many;
}

void address_lists_write_query(const struct survey *s, struct writer *w)
{
    struct list_names names = named_lists(s);
    for (unsigned i = 0; i < names.count && !names.too_many; i++) {
        ros_write_pair_text(w, "?list=", names.name[i]);
        if (i > 0)
            ros_write_word(w, span_text("?#|"));
    }
}

/* ---- which of their addresses matter ---- */

static bool has_ours(const struct survey *s, struct address_range range)
{
    const struct check_config *config = s->config;
    struct prefix network;
    struct span interface;
    if (address_range_has(range, config->gateway) || address_range_has(range, config->listen_address) ||
        address_range_has(range, s->local))
        return true;
    for (size_t i = 0; i < SAMPLE_HOSTS; i++)
        if (address_range_has(range, sample_hosts[i]))
            return true;
    for (unsigned i = 0; i < s->owns; i++)
        if (address_range_has(range, s->own[i]))
            return true;
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS); table_rows_next(&t) != NULL;)
        if (address_row_parse(t.row, &network, &interface) &&
            address_ranges_meet(range, address_range_of(network)))
            return true;
    return false;
}

bool address_lists_matter(const struct survey *s, const struct ros_sentence *row)
{
    struct address_range range;
    struct address_range other;
    struct span list;
    struct span name;
    if (!address_list_row(row, &list, &range))
        return false;
    if (has_ours(s, range))
        return true;
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS_LIST);
         address_range_is_public(range) && table_rows_next(&t) != NULL;)
        if (address_list_row(t.row, &name, &other) && span_equal(name, list) &&
            address_range_is_public(other))
            return false;
    return address_range_is_public(range);
}

/* ---- what they cover ---- */

enum cover address_lists_cover(const void *survey, struct span list, struct prefix addresses)
{
    const struct survey *s = survey;
    const struct table *table = &s->table[TABLE_ADDRESS_LIST];
    enum cover cover = COVER_NONE;
    struct address_range range;
    struct span name;
    if (table->state != TABLE_READ || table->incomplete)
        return COVER_MAYBE;
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS_LIST); table_rows_next(&t) != NULL;) {
        if (!address_list_row(t.row, &name, &range) || !span_equal(name, list))
            continue;
        enum cover one = address_range_cover(range, addresses);
        cover = one > cover ? one : cover;
    }
    return cover;
}

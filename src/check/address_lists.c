#include "check/address_lists.h"

#include "base/address_use.h"
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

/* The first and the last address of "10.0.0.0/8", "10.0.0.1" or "10.0.0.1-10.0.0.9". */
struct range {
    uint32_t first;
    uint32_t last;
};

static struct range range_of(struct prefix prefix)
{
    uint32_t hosts = prefix.length == 0 ? UINT32_MAX : (uint32_t)((UINT64_C(1) << (32 - prefix.length)) - 1);
    return (struct range){.first = prefix.address & ~hosts, .last = prefix.address | hosts};
}

/* False: it is no address, such as a name, whose addresses have rows of their own. */
static bool parse_row(const struct ros_sentence *row, struct span *ret_list, struct range *ret_range)
{
    struct span text;
    struct prefix prefix;
    if (!row_get(row, "list", ret_list) || !row_get(row, "address", &text) || ros_flag(row, "disabled"))
        return false;
    const uint8_t *dash = memchr(text.data, '-', text.len);
    if (dash != NULL) {
        size_t len = (size_t)(dash - text.data);
        return parse_address(span_of(text.data, len), &ret_range->first) &&
               parse_address(span_skip(text, len + 1), &ret_range->last);
    }
    if (!parse_prefix(text, &prefix))
        return false;
    *ret_range = range_of(prefix);
    return true;
}

static bool has(struct range range, uint32_t address)
{
    return range.first <= address && address <= range.last;
}

static bool meets(struct range a, struct range b)
{
    return a.first <= b.last && b.first <= a.last;
}

/* True if a host on the internet can have an address of the range. */
static bool is_public(struct range range)
{
    return address_use(range.first) == NULL || address_use(range.last) == NULL;
}

static bool has_ours(const struct survey *s, struct range range)
{
    const struct check_config *config = s->config;
    struct prefix network;
    struct span interface;
    if (has(range, config->gateway) || has(range, config->listen_address) || has(range, s->local))
        return true;
    for (unsigned i = 0; i < s->owns; i++)
        if (has(range, s->own[i]))
            return true;
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS); table_rows_next(&t) != NULL;)
        if (address_row_parse(t.row, &network, &interface) && meets(range, range_of(network)))
            return true;
    return false;
}

bool address_lists_matter(const struct survey *s, const struct ros_sentence *row)
{
    struct range range;
    struct range other;
    struct span list;
    struct span name;
    if (!parse_row(row, &list, &range))
        return false;
    if (has_ours(s, range))
        return true;
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS_LIST);
         is_public(range) && table_rows_next(&t) != NULL;)
        if (parse_row(t.row, &name, &other) && span_equal(name, list) && is_public(other))
            return false;
    return is_public(range);
}

/* ---- what they cover ---- */

enum cover address_lists_cover(const void *survey, struct span list, struct prefix addresses)
{
    const struct survey *s = survey;
    const struct table *table = &s->table[TABLE_ADDRESS_LIST];
    struct range wanted = range_of(addresses);
    enum cover cover = COVER_NONE;
    struct range range;
    struct span name;
    if (table->state != TABLE_READ || table->incomplete)
        return COVER_MAYBE;
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS_LIST); table_rows_next(&t) != NULL;) {
        if (!parse_row(t.row, &name, &range) || !span_equal(name, list) || !meets(range, wanted))
            continue;
        if (range.first <= wanted.first && wanted.last <= range.last)
            return COVER_ALL;
        /* Addresses of length 0 are those of the hosts on the internet. */
        if (addresses.length > 0 || is_public(range))
            cover = COVER_PART;
    }
    return cover;
}

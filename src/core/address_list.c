#include "core/address_list.h"

#include "base/address_use.h"

const char address_list_proplist[] = "list,address,disabled";

/* ---- rows ---- */

struct address_range address_range_of(struct prefix prefix)
{
    uint32_t hosts = prefix.length == 0 ? UINT32_MAX : (uint32_t)((UINT64_C(1) << (32 - prefix.length)) - 1);
    return (struct address_range){.first = prefix.address & ~hosts, .last = prefix.address | hosts};
}

static bool get(const struct ros_sentence *row, const char *name, struct span *ret_value)
{
    return ros_attribute(row, name, ret_value) && ret_value->len > 0;
}

bool address_list_row(const struct ros_sentence *row, struct span *ret_list, struct address_range *ret_range)
{
    struct span text;
    struct prefix prefix;
    if (!get(row, "list", ret_list) || !get(row, "address", &text) || ros_flag(row, "disabled"))
        return false;
    const uint8_t *dash = memchr(text.data, '-', text.len);
    if (dash != NULL) {
        size_t len = (size_t)(dash - text.data);
        return parse_address(span_of(text.data, len), &ret_range->first) &&
               parse_address(span_skip(text, len + 1), &ret_range->last);
    }
    if (!parse_prefix(text, &prefix))
        return false;
    *ret_range = address_range_of(prefix);
    return true;
}

bool address_range_has(struct address_range range, uint32_t address)
{
    return range.first <= address && address <= range.last;
}

bool address_ranges_meet(struct address_range a, struct address_range b)
{
    return a.first <= b.last && b.first <= a.last;
}

bool address_range_is_public(struct address_range range)
{
    return address_use(range.first) == NULL || address_use(range.last) == NULL;
}

enum cover address_range_cover(struct address_range range, struct prefix addresses)
{
    struct address_range wanted = address_range_of(addresses);
    if (!address_ranges_meet(range, wanted))
        return COVER_NONE;
    if (range.first <= wanted.first && wanted.last <= range.last)
        return COVER_ALL;
    return addresses.length > 0 || address_range_is_public(range) ? COVER_PART : COVER_NONE;
}

/* ---- the lists that rules name ---- */

static struct named_list *find(struct named_lists *l, struct span name)
{
    for (unsigned i = 0; i < l->count; i++)
        if (span_is(name, l->list[i].name))
            return &l->list[i];
    return NULL;
}

static bool note(struct named_lists *l, struct span name)
{
    if (span_starts(name, "!"))
        name = span_skip(name, 1);
    if (name.len == 0 || name.len > ADDRESS_LIST_NAME_MAX || l->count == ADDRESS_LISTS_MAX ||
        find(l, name) != NULL)
        return false;
    struct named_list *list = &l->list[l->count++];
    *list = (struct named_list){0};
    memcpy(list->name, name.data, name.len);
    l->read = false;
    return true;
}

bool named_lists_note(struct named_lists *l, const struct ros_sentence *row)
{
    struct span name;
    bool source = get(row, "src-address-list", &name) && note(l, name);
    bool destination = get(row, "dst-address-list", &name) && note(l, name);
    return source || destination;
}

bool named_lists_wanted(const struct named_lists *l)
{
    for (unsigned i = 0; i < l->count; i++)
        if (!l->list[i].too_large)
            return true;
    return false;
}

void named_lists_begin(struct named_lists *l, const struct nat_context *context)
{
    l->read = false;
    l->owns = 0;
    l->owns_incomplete = context->addresses_incomplete;
    for (unsigned i = 0; i < context->addresses; i++) {
        if (!context->on_interface[i])
            continue;
        if (l->owns == ADDRESS_LIST_OWN_MAX)
            l->owns_incomplete = true;
        else
            l->own_address[l->owns++] = context->address[i];
    }
    for (unsigned i = 0; i < l->count; i++) {
        l->list[i].rows = 0;
        l->list[i].public = COVER_NONE;
        l->list[i].own = 0;
    }
}

void named_lists_write_query(const struct named_lists *l, struct writer *w)
{
    unsigned written = 0;
    for (unsigned i = 0; i < l->count; i++) {
        if (l->list[i].too_large)
            continue;
        ros_write_pair_text(w, "?list=", l->list[i].name);
        if (written++ > 0)
            ros_write_word(w, span_text("?#|"));
    }
}

void named_lists_row(struct named_lists *l, const struct ros_sentence *row)
{
    struct address_range range;
    struct span name;
    if (!address_list_row(row, &name, &range))
        return;
    struct named_list *list = find(l, name);
    if (list == NULL)
        return;
    list->too_large = list->too_large || ++list->rows > ADDRESS_LIST_ROWS_MAX;
    enum cover cover = address_range_cover(range, (struct prefix){0});
    if (cover > (enum cover)list->public)
        list->public = (uint8_t)cover;
    for (unsigned i = 0; i < l->owns; i++)
        if (address_range_has(range, l->own_address[i]))
            list->own |= (uint8_t)(1u << i);
}

void named_lists_end(struct named_lists *l, bool failed)
{
    l->read = !failed;
}

void named_lists_down(struct named_lists *l)
{
    for (unsigned i = 0; i < l->count; i++)
        l->list[i].too_large = false;
}

enum cover named_lists_cover(const void *lists, struct span list, struct prefix addresses)
{
    const struct named_lists *l = lists;
    unsigned n = 0;
    while (n < l->count && !span_is(list, l->list[n].name))
        n++;
    if (!l->read || n == l->count || l->list[n].too_large)
        return COVER_MAYBE;
    if (addresses.length == 0)
        return (enum cover)l->list[n].public;
    for (unsigned i = 0; i < l->owns && addresses.length == 32; i++)
        if (l->own_address[i] == addresses.address)
            return (l->list[n].own >> i & 1) != 0 ? COVER_ALL : COVER_NONE;
    return COVER_MAYBE;
}

/* Interfaces, addresses and lists, as a test sets them. */
#include "router_model_internal.h"

#include <stdio.h>

static struct rm_item *find(const struct router_model *m, enum rm_menu menu, const char *name,
                            const char *value)
{
    return rm_item_find(m, menu, name, span_text(value));
}

/* ---- interfaces ---- */

bool router_model_interface_add(struct router_model *m, const char *name, const char *type)
{
    struct rm_item *item =
        find(m, RM_MENU_INTERFACE, "name", name) ? NULL : rm_item_add(m, RM_MENU_INTERFACE);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "failure: already have interface with such name");
    bool wireguard = strcmp(type, "wg") == 0;
    rm_item_set(item, "name", name);
    rm_item_set(item, "type", type);
    rm_item_set(item, "mtu", wireguard ? "1420" : "1500");
    rm_item_set(item, "actual-mtu", wireguard ? "1420" : "1500");
    rm_item_set(item, "running", "true");
    rm_item_set(item, "disabled", "false");
    rm_item_event(m, RM_MENU_INTERFACE, item);
    rm_routes_update(m, name, true);
    return true;
}

bool router_model_interface_remove(struct router_model *m, const char *name)
{
    struct rm_item *item = find(m, RM_MENU_INTERFACE, "name", name);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "no such item");
    char internal[16];
    snprintf(internal, sizeof(internal), "*%X", 0xf00000 | item->id);
    rm_item_remove(m, RM_MENU_INTERFACE, item);
    rm_rules_rename(m, name, internal);
    rm_routes_update(m, name, false);
    return true;
}

bool router_model_interface_rename(struct router_model *m, const char *name, const char *new_name)
{
    static const struct {
        enum rm_menu menu;
        const char *field;
    } uses[] = {
        {RM_MENU_ADDRESS, "interface"}, {RM_MENU_ADDRESS, "actual-interface"},
        {RM_MENU_MEMBER, "interface"},  {RM_MENU_ROUTE, "_interface"},
        {RM_MENU_ROUTE, "gateway"},     {RM_MENU_ROUTE, "immediate-gw"},
        {RM_MENU_CONNECTION, "_out"},
    };
    struct rm_item *item = find(m, RM_MENU_INTERFACE, "name", name);
    if (!item || find(m, RM_MENU_INTERFACE, "name", new_name))
        return rm_fail(m, RM_NO_CATEGORY, "failure: already have interface with such name");
    rm_item_set(item, "name", new_name);
    rm_item_event(m, RM_MENU_INTERFACE, item);
    for (unsigned i = 0; i < ARRAY_LEN(uses); i++) {
        struct rm_table *table = &m->table[uses[i].menu];
        for (unsigned k = 0; k < table->count; k++) {
            const char *value = rm_item_get(&table->item[k], uses[i].field);
            const char *percent = strchr(value, '%');
            if (strcmp(percent ? percent + 1 : value, name) != 0)
                continue;
            char text[RM_ITEM_VALUE_MAX];
            int length = percent ? (int)(percent + 1 - value) : 0;
            snprintf(text, sizeof(text), "%.*s%s", length, value, new_name);
            rm_item_set(&table->item[k], uses[i].field, text);
        }
    }
    rm_rules_rename(m, name, new_name);
    return true;
}

bool router_model_interface_enable(struct router_model *m, const char *name, bool enabled)
{
    struct rm_item *item = find(m, RM_MENU_INTERFACE, "name", name);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "no such item");
    rm_item_set(item, "disabled", enabled ? "false" : "true");
    rm_item_set(item, "running", enabled ? "true" : "false");
    rm_item_event(m, RM_MENU_INTERFACE, item);
    rm_rules_touch(m, name);
    rm_routes_update(m, name, enabled);
    return true;
}

const char *router_model_interface(const struct router_model *m, unsigned index)
{
    const struct rm_table *table = &m->table[RM_MENU_INTERFACE];
    return index < table->count ? rm_item_get(&table->item[index], "name") : NULL;
}

const char *router_model_interface_type(const struct router_model *m, unsigned index)
{
    const struct rm_table *table = &m->table[RM_MENU_INTERFACE];
    return index < table->count ? rm_item_get(&table->item[index], "type") : NULL;
}

/* ---- addresses ---- */

static bool connected(const char *address, char *ret_network, size_t network_size, char *ret_prefix,
                      size_t prefix_size)
{
    uint32_t a;
    unsigned length;
    if (!rm_parse_prefix(span_text(address), &a, &length))
        return false;
    rm_print_address(ret_network, network_size, a & rm_mask(length));
    snprintf(ret_prefix, prefix_size, "%s/%u", ret_network, length);
    return true;
}

bool router_model_address_add(struct router_model *m, const char *address, const char *interface)
{
    char network[ROUTER_MODEL_TEXT_MAX];
    struct router_model_route route = {.distance = 0};
    if (!connected(address, network, 20, route.destination, sizeof(route.destination)))
        return rm_fail(m, 1, "invalid value for argument address");
    if (!find(m, RM_MENU_INTERFACE, "name", interface))
        return rm_fail(m, 1, "input does not match any value of interface");
    struct rm_item *item = rm_item_add(m, RM_MENU_ADDRESS);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "failure: out of memory");
    rm_item_set(item, "address", address);
    rm_item_set(item, "network", network);
    rm_item_set(item, "interface", interface);
    rm_item_set(item, "actual-interface", interface);
    rm_item_set(item, "invalid", "false");
    rm_item_set(item, "dynamic", "false");
    rm_item_set(item, "disabled", "false");
    rm_item_event(m, RM_MENU_ADDRESS, item);
    snprintf(route.gateway, sizeof(route.gateway), "%s", interface);
    return router_model_route_add(m, &route);
}

const char *router_model_address(const struct router_model *m, unsigned index, const char *interface)
{
    for (unsigned i = 0; i < m->table[RM_MENU_ADDRESS].count; i++) {
        const struct rm_item *item = &m->table[RM_MENU_ADDRESS].item[i];
        if (strcmp(rm_item_get(item, "interface"), interface) == 0 && index-- == 0)
            return rm_item_get(item, "address");
    }
    return "";
}

bool router_model_address_disable(struct router_model *m, const char *address)
{
    struct rm_item *item = find(m, RM_MENU_ADDRESS, "address", address);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "no such item");
    rm_item_set(item, "disabled", "true");
    rm_item_event(m, RM_MENU_ADDRESS, item);
    return true;
}

bool router_model_address_remove(struct router_model *m, const char *address)
{
    char network[ROUTER_MODEL_TEXT_MAX];
    char prefix[ROUTER_MODEL_TEXT_MAX];
    struct rm_item *item = find(m, RM_MENU_ADDRESS, "address", address);
    if (!item || !connected(address, network, 20, prefix, sizeof(prefix)))
        return rm_fail(m, RM_NO_CATEGORY, "no such item");
    if (!m->options.flows_stick)
        rm_connections_forget(m, rm_item_get(item, "interface"));
    rm_item_remove(m, RM_MENU_ADDRESS, item);
    struct rm_table *routes = &m->table[RM_MENU_ROUTE];
    for (unsigned i = 0; i < routes->count; i++) {
        struct rm_item *route = &routes->item[i];
        if (strcmp(rm_item_get(route, "dst-address"), prefix) == 0 &&
            strcmp(rm_item_get(route, "distance"), "0") == 0) {
            rm_item_remove(m, RM_MENU_ROUTE, route);
            break;
        }
    }
    return true;
}

/* ---- lists ---- */

bool router_model_list_add(struct router_model *m, const char *name, const char *include, const char *exclude)
{
    struct rm_item *item = find(m, RM_MENU_LIST, "name", name) ? NULL : rm_item_add(m, RM_MENU_LIST);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "failure: already have such list");
    rm_item_set(item, "name", name);
    rm_item_set(item, "include", include);
    rm_item_set(item, "exclude", exclude);
    rm_item_set(item, "dynamic", "false");
    rm_item_set(item, "builtin", "false");
    rm_item_event(m, RM_MENU_LIST, item);
    return true;
}

bool router_model_list_remove(struct router_model *m, const char *name)
{
    struct rm_item *item = find(m, RM_MENU_LIST, "name", name);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "no such item");
    rm_item_remove(m, RM_MENU_LIST, item);
    m->nat_changed = true;
    return true;
}

static struct rm_item *find_member(const struct router_model *m, const char *list, const char *interface)
{
    const struct rm_table *members = &m->table[RM_MENU_MEMBER];
    for (unsigned i = 0; i < members->count; i++)
        if (strcmp(rm_item_get(&members->item[i], "list"), list) == 0 &&
            strcmp(rm_item_get(&members->item[i], "interface"), interface) == 0)
            return &members->item[i];
    return NULL;
}

bool router_model_member_add(struct router_model *m, const char *list, const char *interface)
{
    if (!find(m, RM_MENU_LIST, "name", list) || !find(m, RM_MENU_INTERFACE, "name", interface))
        return rm_fail(m, 1, "input does not match any value of list");
    struct rm_item *item = rm_item_add(m, RM_MENU_MEMBER);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "failure: out of memory");
    rm_item_set(item, "list", list);
    rm_item_set(item, "interface", interface);
    rm_item_set(item, "dynamic", "false");
    rm_item_set(item, "disabled", "false");
    rm_item_event(m, RM_MENU_MEMBER, item);
    m->nat_changed = true;
    return true;
}

bool router_model_member_remove(struct router_model *m, const char *list, const char *interface)
{
    struct rm_item *item = find_member(m, list, interface);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "no such item");
    rm_item_remove(m, RM_MENU_MEMBER, item);
    m->nat_changed = true;
    return true;
}

/* One of the lists that a comma list names has the interface. */
static bool any_holds(const struct router_model *m, const char *names, const bool *holds)
{
    const struct rm_table *lists = &m->table[RM_MENU_LIST];
    while (*names) {
        size_t length = strcspn(names, ",");
        for (unsigned i = 0; i < lists->count; i++)
            if (holds[i] && span_is(span_of(names, length), rm_item_get(&lists->item[i], "name")))
                return true;
        names += length + (names[length] == ',');
    }
    return false;
}

/* Lists may include each other, even in a circle, so there are as many rounds as the chains are long. */
bool router_model_list_holds(const struct router_model *m, const char *list, const char *interface)
{
    enum { ROUNDS = 8 };
    const struct rm_table *lists = &m->table[RM_MENU_LIST];
    bool holds[RM_ITEMS_MAX] = {false};
    bool found = false;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < lists->count; i++) {
            const struct rm_item *item = &lists->item[i];
            const char *name = rm_item_get(item, "name");
            holds[i] = strcmp(name, "all") == 0 || find_member(m, name, interface) ||
                       (any_holds(m, rm_item_get(item, "include"), holds) &&
                        !any_holds(m, rm_item_get(item, "exclude"), holds));
            found = strcmp(name, list) == 0 ? holds[i] : found;
        }
    }
    return found;
}

void router_model_set_nat_pmp(struct router_model *m, bool enabled)
{
    rm_item_set(&m->table[RM_MENU_NAT_PMP].item[0], "enabled", enabled ? "true" : "false");
}

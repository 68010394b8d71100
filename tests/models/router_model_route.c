/* Routes, and /ip/route/check over them. */
#include "router_model_internal.h"

#include "base/cursor.h"

#include <stdio.h>

uint32_t rm_mask(unsigned length)
{
    return length ? ~(uint32_t)0 << (32 - length) : 0;
}

void rm_print_address(char *text, size_t size, uint32_t address)
{
    snprintf(text, size, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
             address & 255);
}

/* Routes through an interface follow its state. */
void rm_routes_update(struct router_model *m, const char *interface, bool up)
{
    struct rm_table *routes = &m->table[RM_MENU_ROUTE];
    for (unsigned i = 0; i < routes->count; i++) {
        struct rm_item *route = &routes->item[i];
        if (strcmp(rm_item_get(route, "_interface"), interface) != 0)
            continue;
        bool active = up && strcmp(rm_item_get(route, "_inactive"), "true") != 0;
        rm_item_set(route, "active", active ? "true" : "false");
        rm_item_event(m, RM_MENU_ROUTE, route);
    }
}

const struct rm_item *rm_route_look_up(const struct router_model *m, const char *table, uint32_t address)
{
    const struct rm_table *routes = &m->table[RM_MENU_ROUTE];
    const struct rm_item *best = NULL;
    unsigned best_length = 0;
    uint64_t best_distance = 0;
    for (unsigned i = 0; i < routes->count; i++) {
        const struct rm_item *route = &routes->item[i];
        uint32_t network;
        unsigned length;
        uint64_t distance = 0;
        if (strcmp(rm_item_get(route, "_table"), table) != 0 ||
            strcmp(rm_item_get(route, "active"), "true") != 0 ||
            !rm_parse_prefix(span_text(rm_item_get(route, "dst-address")), &network, &length) ||
            ((network ^ address) & rm_mask(length)))
            continue;
        parse_decimal(span_text(rm_item_get(route, "distance")), 255, &distance);
        if (best && (length < best_length || (length == best_length && distance >= best_distance)))
            continue;
        best = route;
        best_length = length;
        best_distance = distance;
    }
    return best;
}

/* The main table's. */
static const struct rm_item *look_up(const struct router_model *m, uint32_t address)
{
    return rm_route_look_up(m, "main", address);
}

static void resolve(const struct router_model *m, const struct router_model_route *route, char *ret_interface,
                    size_t size)
{
    const char *percent = strchr(route->gateway, '%');
    uint32_t address;
    const struct rm_item *via = NULL;
    const char *name = route->gateway;
    if (route->interface[0])
        name = route->interface;
    else if (percent)
        name = percent + 1;
    else if (parse_address(span_text(route->gateway), &address))
        name = (via = look_up(m, address)) ? rm_item_get(via, "_interface") : "";
    snprintf(ret_interface, size, "%s", name);
}

bool router_model_route_add(struct router_model *m, const struct router_model_route *route)
{
    uint32_t address;
    unsigned length;
    char interface[ROUTER_MODEL_TEXT_MAX];
    if (!rm_parse_prefix(span_text(route->destination), &address, &length))
        return rm_fail(m, 1, "invalid value for argument dst-address");
    resolve(m, route, interface, sizeof(interface));
    struct rm_item *item = rm_item_add(m, RM_MENU_ROUTE);
    if (!item)
        return rm_fail(m, RM_NO_CATEGORY, "failure: out of memory");
    bool inactive = route->inactive || !rm_item_find(m, RM_MENU_INTERFACE, "name", span_text(interface));
    const char *table = route->routing_table[0] ? route->routing_table : "main";
    char text[2 * ROUTER_MODEL_TEXT_MAX];
    rm_item_set(item, "dst-address", route->destination);
    rm_item_set(item, "gateway", route->gateway);
    bool by_address = parse_address(span_text(route->gateway), &address);
    snprintf(text, sizeof(text), "%s%s%s", by_address ? route->gateway : "", by_address ? "%" : "",
             strchr(route->gateway, '%') ? route->gateway : interface);
    if (m->major >= 7) {
        rm_item_set(item, "immediate-gw", text);
        rm_item_set(item, "routing-table", table);
    } else {
        snprintf(text, sizeof(text), "%.40s reachable%s%.40s", route->gateway, by_address ? " via " : "",
                 by_address ? interface : "");
        rm_item_set(item, "gateway-status", text);
        if (strcmp(table, "main") != 0)
            rm_item_set(item, "routing-mark", table);
    }
    snprintf(text, sizeof(text), "%u", route->distance);
    rm_item_set(item, "distance", text);
    rm_item_set(item, "active", inactive ? "false" : "true");
    rm_item_set(item, "dynamic", route->distance == 0 ? "true" : "false");
    rm_item_set(item, "_interface", interface);
    rm_item_set(item, "_table", table);
    rm_item_set(item, "_inactive", route->inactive ? "true" : "false");
    rm_item_event(m, RM_MENU_ROUTE, item);
    return true;
}

bool router_model_route_remove(struct router_model *m, const char *destination, const char *routing_table)
{
    struct rm_table *routes = &m->table[RM_MENU_ROUTE];
    bool found = false;
    for (unsigned i = routes->count; i-- > 0;) {
        struct rm_item *route = &routes->item[i];
        if (strcmp(rm_item_get(route, "dst-address"), destination) != 0 ||
            strcmp(rm_item_get(route, "_table"), routing_table) != 0)
            continue;
        rm_item_remove(m, RM_MENU_ROUTE, route);
        found = true;
    }
    return found || rm_fail(m, RM_NO_CATEGORY, "no such item");
}

/* ---- /ip/route/check ---- */

static void check_row(struct router_model *m, struct rm_command *c, uint32_t destination)
{
    const struct rm_item *route = look_up(m, destination);
    struct rm_row *row = &m->row;
    uint32_t gateway;
    rm_row_clear(row);
    rm_row_add(row, "status", span_text(route ? "ok" : "failed"));
    if (route) {
        char via[RM_ITEM_VALUE_MAX];
        snprintf(via, sizeof(via), "%s", rm_item_get(route, "gateway"));
        via[strcspn(via, "%")] = 0;
        rm_row_printf(row, "interface", "%s", rm_item_get(route, "_interface"));
        if (!parse_address(span_text(via), &gateway)) {
            rm_print_address(via, sizeof(via),
                             m->options.nexthop == ROUTER_MODEL_NEXTHOP_ZERO ? 0 : destination);
            if (m->options.nexthop == ROUTER_MODEL_NEXTHOP_ABSENT)
                via[0] = 0;
        }
        if (via[0])
            rm_row_printf(row, "nexthop", "%s", via);
    }
    if (!rm_switch(c, "once"))
        rm_row_printf(row, ".section", "%u", c->section++);
    if (route || m->options.no_route == ROUTER_MODEL_NO_ROUTE_STATUS) {
        rm_row_write(m, &m->reply, c, row);
        c->rows++;
    }
}

static bool check_arguments(struct router_model *m, const struct rm_command *c, uint32_t *ret_destination)
{
    static const char *const known[] = {
        "dst-ip",
        "src-ip",
        "once",
        "duration",
        "interval",
        "do",
        "file",
        "append",
        "as-value",
        "without-paging",
        "proplist",
        ".proplist",
        "freeze-frame-interval",
    };
    for (unsigned i = 1; i < c->words; i++) {
        struct span name;
        struct span value;
        if (!rm_argument(c, i, &name, &value))
            continue;
        unsigned k = 0;
        while (k < ARRAY_LEN(known) && !span_is(name, known[k]))
            k++;
        if (k == ARRAY_LEN(known) && !m->options.unknown_is_named)
            return rm_fail(m, RM_NO_CATEGORY, "unknown parameter");
        if (k == ARRAY_LEN(known))
            return rm_fail(m, RM_NO_CATEGORY, "unknown parameter %.*s", name.len > 60 ? 60 : (int)name.len,
                           (const char *)name.data);
    }
    struct span destination;
    if (!rm_find(c, "dst-ip", &destination))
        return rm_fail(m, 0, "missing value(s) of argument(s) dst-ip");
    if (!parse_address(destination, ret_destination))
        return rm_fail(m, 1, "invalid value for argument dst-ip");
    return true;
}

void rm_route_check(struct router_model *m, struct rm_command *c)
{
    uint32_t destination;
    if (!check_arguments(m, c, &destination)) {
        rm_refuse(m, c->tag);
        return;
    }
    if (!look_up(m, destination) && m->options.no_route == ROUTER_MODEL_NO_ROUTE_TRAP) {
        rm_trap(m, c->tag, RM_NO_CATEGORY, "no route to host");
        rm_done(m, c->tag);
        return;
    }
    check_row(m, c, destination);
    if (!rm_switch(c, "once")) {
        c->stage = RM_STAGE_MONITORING;
        c->due_ms = m->now_ms + 1000;
        return;
    }
    if (c->rows == 0 && m->options.empty_reply) {
        rm_begin(m, &m->reply, "!empty", c->tag);
        rm_end(m, &m->reply, c->tag);
    }
    rm_done(m, c->tag);
}

void rm_route_check_again(struct router_model *m, struct rm_command *c)
{
    uint32_t destination = 0;
    if (check_arguments(m, c, &destination))
        check_row(m, c, destination);
    c->due_ms = m->now_ms + 1000;
}

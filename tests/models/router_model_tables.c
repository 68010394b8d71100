/* Every menu except NAT: rows of named texts, the same for interfaces, lists, addresses, routes and the menus
 * of one row. */
#include "router_model_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SERVICE_CONNECTIONS = 0x1000 };

const char *const rm_menu_path[RM_MENUS] = {
    [RM_MENU_NAT] = "/ip/firewall/nat",
    [RM_MENU_INTERFACE] = "/interface",
    [RM_MENU_LIST] = "/interface/list",
    [RM_MENU_MEMBER] = "/interface/list/member",
    [RM_MENU_ADDRESS] = "/ip/address",
    [RM_MENU_ROUTE] = "/ip/route",
    [RM_MENU_SERVICE] = "/ip/service",
    [RM_MENU_IDENTITY] = "/system/identity",
    [RM_MENU_RESOURCE] = "/system/resource",
    [RM_MENU_NAT_PMP] = "/ip/nat-pmp",
    [RM_MENU_FILTER] = "/ip/firewall/filter",
    [RM_MENU_MANGLE] = "/ip/firewall/mangle",
    [RM_MENU_RAW] = "/ip/firewall/raw",
    [RM_MENU_RULE] = "/routing/rule",
    [RM_MENU_RULE_6] = "/ip/route/rule",
    [RM_MENU_ADDRESS_LIST] = "/ip/firewall/address-list",
    [RM_MENU_USER] = "/user",
    [RM_MENU_GROUP] = "/user/group",
    [RM_MENU_SCRIPT] = "/system/script",
    [RM_MENU_ACTIVE] = "/user/active",
    [RM_MENU_CONNECTION] = "/ip/firewall/connection",
    [RM_MENU_TRACKING] = "/ip/firewall/connection/tracking",
    [RM_MENU_WIREGUARD] = "/interface/wireguard",
    [RM_MENU_PEER] = "/interface/wireguard/peers",
    [RM_MENU_SETTINGS] = "/ip/settings",
    [RM_MENU_VRF] = "/ip/vrf",
};

bool rm_menu_exists(const struct router_model *m, enum rm_menu menu)
{
    bool of_7 =
        menu == RM_MENU_RULE || menu == RM_MENU_WIREGUARD || menu == RM_MENU_PEER || menu == RM_MENU_VRF;
    return menu == RM_MENU_NAT_PMP  ? m->options.nat_pmp
           : menu == RM_MENU_RULE_6 ? m->major < 7
                                    : !of_7 || m->major >= 7;
}

bool rm_menu_single(enum rm_menu menu)
{
    return menu == RM_MENU_IDENTITY || menu == RM_MENU_RESOURCE || menu == RM_MENU_NAT_PMP ||
           menu == RM_MENU_TRACKING || menu == RM_MENU_SETTINGS;
}

/* ---- items ---- */

struct rm_item *rm_item_add(struct router_model *m, enum rm_menu menu)
{
    struct rm_table *table = &m->table[menu];
    if (table->count == RM_ITEMS_MAX)
        return NULL;
    struct rm_item *items = realloc(table->item, (table->count + 1) * sizeof(*items));
    if (!items)
        abort();
    table->item = items;
    struct rm_item *item = &items[table->count++];
    *item = (struct rm_item){.id = rm_menu_single(menu) ? 0 : ++table->next_id};
    return item;
}

void rm_item_remove(struct router_model *m, enum rm_menu menu, struct rm_item *item)
{
    struct rm_table *table = &m->table[menu];
    uint32_t id = item->id;
    size_t at = (size_t)(item - table->item);
    memmove(item, item + 1, (table->count - at - 1) * sizeof(*item));
    table->count--;
    rm_item_removed(m, menu, id);
}

const char *rm_item_get(const struct rm_item *item, const char *name)
{
    for (unsigned i = 0; i < item->fields; i++)
        if (strcmp(item->field[i].name, name) == 0)
            return item->field[i].value;
    return "";
}

void rm_item_set(struct rm_item *item, const char *name, const char *value)
{
    unsigned i = 0;
    while (i < item->fields && strcmp(item->field[i].name, name) != 0)
        i++;
    assert(i < RM_ITEM_FIELDS_MAX);
    if (i == item->fields)
        item->fields++;
    item->field[i].name = name;
    snprintf(item->field[i].value, RM_ITEM_VALUE_MAX, "%s", value);
}

struct rm_item *rm_item_find(const struct router_model *m, enum rm_menu menu, const char *name,
                             struct span value)
{
    const struct rm_table *table = &m->table[menu];
    for (unsigned i = 0; i < table->count; i++)
        if (span_is(value, rm_item_get(&table->item[i], name)))
            return &table->item[i];
    return NULL;
}

void rm_item_row(const struct rm_item *item, struct rm_row *row)
{
    if (item->id)
        rm_row_printf(row, ".id", "*%X", item->id);
    for (unsigned i = 0; i < item->fields; i++)
        if (item->field[i].name[0] != '_')
            rm_row_printf(row, item->field[i].name, "%s", item->field[i].value);
}

/* ---- values that are computed at each print ---- */

static void resource_row(const struct router_model *m, struct rm_row *row)
{
    uint64_t up = m->now_ms > m->boot_ms ? (m->now_ms - m->boot_ms) / 1000 : 0;
    if (m->options.uptime_stands)
        up = 86400;
    rm_row_printf(row, "uptime", "%lluh%llum%llus", (unsigned long long)(up / 3600),
                  (unsigned long long)(up / 60 % 60), (unsigned long long)(up % 60));
    rm_row_printf(row, "version", "%s", m->options.version);
    rm_row_add(row, "free-memory", span_text("850395136"));
    rm_row_add(row, "total-memory", span_text("1073741824"));
    rm_row_add(row, "cpu", span_text("ARM64"));
    rm_row_add(row, "cpu-count", span_text("4"));
    rm_row_add(row, "cpu-load", span_text("1"));
    rm_row_add(row, "architecture-name", span_text("arm64"));
    rm_row_add(row, "board-name", span_text("RB5009UG+S+"));
    rm_row_add(row, "platform", span_text("MikroTik"));
}

static void service_row(const struct router_model *m, const struct rm_item *item, struct rm_row *row)
{
    bool api = strcmp(rm_item_get(item, "name"), "api") == 0;
    rm_item_row(item, row);
    rm_row_add(row, "dynamic", span_text("false"));
    rm_row_add(row, rm_version_is(m, 7, 24) ? "available-from" : "address",
               span_text(api ? m->options.api_from : ""));
    if (m->options.max_sessions)
        rm_row_printf(row, "max-sessions", "%u", m->options.max_sessions);
    bool disabled = api ? m->options.access == ROUTER_MODEL_REFUSED : !rm_item_get(item, "_enabled")[0];
    rm_row_add(row, "disabled", span_text(disabled ? "true" : "false"));
}

/* The users that are logged in. The router drops a row when the session's connection ends, or when it notices
 * that the peer is gone. */
static bool is_active(const struct rm_session *s)
{
    return s->state == RM_LIVE && s->user >= 0;
}

static bool active_row(const struct router_model *m, uint32_t id, struct rm_row *row)
{
    const struct rm_session *s = m->sessions;
    while (s && (uint32_t)s->id != id)
        s = s->next;
    if (!s || !is_active(s))
        return false;
    rm_row_printf(row, ".id", "*%X", id);
    rm_row_add(row, "when", span_text("2026-11-22 14:01:02"));
    rm_row_add(row, "name", span_text(m->options.users[s->user].name));
    rm_row_add(row, "address", span_text(s->address));
    rm_row_add(row, "via", span_text("api"));
    rm_row_add(row, "radius", span_text("false"));
    return true;
}

static const struct router_model_user *user_at(const struct router_model *m, uint32_t id)
{
    bool exists = id > 0 && id <= ROUTER_MODEL_USERS_MAX && m->options.users[id - 1].name[0];
    return exists ? &m->options.users[id - 1] : NULL;
}

static bool user_row(const struct router_model *m, uint32_t id, struct rm_row *row)
{
    const struct router_model_user *user = user_at(m, id);
    if (!user)
        return false;
    rm_row_printf(row, ".id", "*%X", id);
    rm_row_add(row, "name", span_text(user->name));
    rm_row_printf(row, "group", "group-of-%s", user->name);
    rm_row_add(row, "address", span_text(""));
    return true;
}

static bool group_row(const struct router_model *m, uint32_t id, struct rm_row *row)
{
    const struct router_model_user *user = user_at(m, id);
    if (!user)
        return false;
    rm_row_printf(row, ".id", "*%X", id);
    rm_row_printf(row, "name", "group-of-%s", user->name);
    rm_row_printf(
        row, "policy", "%sread,%swrite,%stest,%sapi,%spolicy,%sftp",
        user->policies & ROUTER_MODEL_READ ? "" : "!", user->policies & ROUTER_MODEL_WRITE ? "" : "!",
        user->policies & ROUTER_MODEL_TEST ? "" : "!", user->policies & ROUTER_MODEL_API ? "" : "!",
        user->policies & ROUTER_MODEL_MORE ? "" : "!", user->policies & ROUTER_MODEL_MORE ? "" : "!");
    return true;
}

static unsigned user_ids(const struct router_model *m, uint32_t **ret_ids)
{
    uint32_t *ids = rm_alloc(ROUTER_MODEL_USERS_MAX * sizeof(*ids));
    unsigned count = 0;
    for (uint32_t i = 0; i < ROUTER_MODEL_USERS_MAX; i++)
        if (m->options.users[i].name[0])
            ids[count++] = i + 1;
    *ret_ids = ids;
    return count;
}

/* A live connection to a service, in the table of services. Its columns are those of the vendor's argument
 * table. */
static bool service_connection_row(const struct router_model *m, uint32_t id, struct rm_row *row)
{
    const struct rm_session *s = m->sessions;
    while (s && SERVICE_CONNECTIONS + (uint32_t)s->id != id)
        s = s->next;
    if (!s || !is_active(s))
        return false;
    rm_row_printf(row, ".id", "*%X", id);
    rm_row_add(row, "name", span_text("api"));
    rm_row_add(row, "port", span_text("8728"));
    rm_row_add(row, "proto", span_text("tcp"));
    rm_row_add(row, "local", span_text("192.168.88.1"));
    rm_row_printf(row, "remote", "%s:51324", s->address);
    rm_row_add(row, "dynamic", span_text("true"));
    rm_row_add(row, "connection", span_text("true"));
    return true;
}

/* The order of the rows is not defined: here the connections come first. */
static unsigned service_ids(const struct router_model *m, uint32_t **ret_ids)
{
    const struct rm_table *table = &m->table[RM_MENU_SERVICE];
    uint32_t *ids = rm_alloc((table->count + RM_SESSIONS_MAX) * sizeof(*ids));
    unsigned count = 0;
    for (const struct rm_session *s = m->sessions; s && m->options.service_rows && count < RM_SESSIONS_MAX;
         s = s->next)
        if (is_active(s))
            ids[count++] = SERVICE_CONNECTIONS + (uint32_t)s->id;
    for (unsigned i = 0; i < table->count; i++)
        ids[count++] = table->item[i].id;
    *ret_ids = ids;
    return count;
}

static unsigned active_ids(const struct router_model *m, uint32_t **ret_ids)
{
    uint32_t *ids = rm_alloc(RM_SESSIONS_MAX * sizeof(*ids));
    unsigned count = 0;
    for (const struct rm_session *s = m->sessions; s && count < RM_SESSIONS_MAX; s = s->next)
        if (is_active(s))
            ids[count++] = (uint32_t)s->id;
    *ret_ids = ids;
    return count;
}

static const struct rm_item *find_item(const struct router_model *m, enum rm_menu menu, uint32_t id)
{
    const struct rm_table *table = &m->table[menu];
    for (unsigned i = 0; i < table->count; i++)
        if (table->item[i].id == id)
            return &table->item[i];
    return NULL;
}

bool rm_menu_row(struct router_model *m, enum rm_menu menu, uint32_t id, struct rm_row *row)
{
    rm_row_clear(row);
    if (menu == RM_MENU_NAT) {
        const struct router_model_rule *rule = rm_rule_find(m, id);
        if (rule)
            rm_rule_row(m, rule, row);
        return rule;
    }
    if (menu == RM_MENU_RESOURCE) {
        resource_row(m, row);
        return true;
    }
    if (menu == RM_MENU_ACTIVE)
        return active_row(m, id, row);
    if (menu == RM_MENU_USER)
        return user_row(m, id, row);
    if (menu == RM_MENU_GROUP)
        return group_row(m, id, row);
    if (menu == RM_MENU_SERVICE && id >= SERVICE_CONNECTIONS)
        return service_connection_row(m, id, row);
    const struct rm_item *item = find_item(m, menu, id);
    if (!item)
        return false;
    if (menu == RM_MENU_CONNECTION)
        return rm_connection_row(m, item, row);
    if (menu == RM_MENU_SERVICE)
        service_row(m, item, row);
    else
        rm_item_row(item, row);
    return true;
}

unsigned rm_menu_ids(const struct router_model *m, enum rm_menu menu, uint32_t **ret_ids)
{
    if (menu == RM_MENU_ACTIVE)
        return active_ids(m, ret_ids);
    if (menu == RM_MENU_USER || menu == RM_MENU_GROUP)
        return user_ids(m, ret_ids);
    if (menu == RM_MENU_SERVICE)
        return service_ids(m, ret_ids);
    const struct rm_table *table = &m->table[menu];
    unsigned count = menu == RM_MENU_NAT ? m->rules : menu == RM_MENU_RESOURCE ? 1 : table->count;
    uint32_t *ids = rm_alloc(count * sizeof(*ids));
    unsigned at = 0;
    if (menu == RM_MENU_NAT) {
        for (const struct router_model_rule *rule = m->first; rule; rule = rule->next)
            ids[at++] = rule->id;
    } else if (menu != RM_MENU_RESOURCE) {
        for (; at < count; at++)
            ids[at] = table->item[at].id;
    }
    *ret_ids = ids;
    return count;
}

/* ---- the default configuration ---- */

static void add_service(struct router_model *m, const char *name, const char *port)
{
    struct rm_item *item = rm_item_add(m, RM_MENU_SERVICE);
    rm_item_set(item, "name", name);
    rm_item_set(item, "port", port);
    rm_item_set(item, "proto", "tcp");
    rm_item_set(item, "invalid", "false");
}

void router_model_service_move(struct router_model *m, const char *name, const char *port)
{
    if (!rm_item_find(m, RM_MENU_SERVICE, "name", span_text(name)))
        add_service(m, name, port);
    struct rm_item *item = rm_item_find(m, RM_MENU_SERVICE, "name", span_text(name));
    rm_item_set(item, "port", port);
    rm_item_set(item, "_enabled", "yes");
}

void rm_tables_init(struct router_model *m)
{
    static const char *const lists[] = {"all", "none", "dynamic", "static"};
    for (unsigned i = 0; i < ARRAY_LEN(lists); i++) {
        router_model_list_add(m, lists[i], "", "");
        rm_item_set(&m->table[RM_MENU_LIST].item[i], "builtin", "true");
    }
    add_service(m, "ssh", "22");
    add_service(m, "api", "8728");
    add_service(m, "api-ssl", "8729");
    rm_item_set(rm_item_add(m, RM_MENU_IDENTITY), "name", "MikroTik");
    rm_item_set(rm_item_add(m, RM_MENU_NAT_PMP), "enabled", "false");
    rm_item_set(rm_item_add(m, RM_MENU_TRACKING), "enabled", "auto");
    struct rm_item *settings = rm_item_add(m, RM_MENU_SETTINGS);
    rm_item_set(settings, "ip-forward", "true");
    rm_item_set(settings, "rp-filter", "no");
}

void rm_tables_free(struct router_model *m)
{
    for (enum rm_menu menu = 0; menu < RM_MENUS; menu++)
        free(m->table[menu].item);
}

/* A configuration of tests/cases, as a router has it. */
#include "router_model_internal.h"

#include "json.h"

#include <stdio.h>
#include <stdlib.h>

/* `name=value` with blanks and quotes as rm_command_from_text reads them. */
static void add_word(char *text, size_t size, const char *name, const char *value)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s\"%s=%s\"", used ? " " : "", name, value);
}

static bool add_interfaces(struct router_model *m, const struct json *c)
{
    const struct json *list = json_get(c, "interfaces");
    for (const struct json *row = list ? list->child : NULL; row; row = row->next)
        if (!router_model_interface_add(m, json_text(row, "name"), json_text(row, "type")))
            return false;
    const struct json *addresses = json_get(c, "addresses");
    for (const struct json *row = addresses ? addresses->child : NULL; row; row = row->next)
        if (!router_model_address_add(m, json_text(row, "address"), json_text(row, "interface")))
            return false;
    return true;
}

/* An address of a point-to-point link has the other end as its network: one more connected route. */
static bool add_peers(struct router_model *m, const struct json *c)
{
    const struct json *addresses = json_get(c, "addresses");
    for (const struct json *row = addresses ? addresses->child : NULL; row; row = row->next) {
        struct router_model_route route = {.distance = 0};
        struct rm_item *item =
            rm_item_find(m, RM_MENU_ADDRESS, "address", span_text(json_text(row, "address")));
        if (!item || !json_text(row, "network")[0])
            continue;
        rm_item_set(item, "network", json_text(row, "network"));
        snprintf(route.destination, sizeof(route.destination), "%.40s/32", json_text(row, "network"));
        snprintf(route.gateway, sizeof(route.gateway), "%.60s", json_text(row, "interface"));
        if (!router_model_route_add(m, &route))
            return false;
    }
    return true;
}

static bool add_routes(struct router_model *m, const struct json *c)
{
    const struct json *routes = json_get(c, "routes");
    for (const struct json *row = routes ? routes->child : NULL; row; row = row->next) {
        struct router_model_route route = {.distance = 1};
        snprintf(route.destination, sizeof(route.destination), "%.60s", json_text(row, "dst"));
        snprintf(route.gateway, sizeof(route.gateway), "%.60s", json_text(row, "gateway"));
        snprintf(route.routing_table, sizeof(route.routing_table), "%.60s", json_text(row, "table"));
        if (!router_model_route_add(m, &route))
            return false;
    }
    return true;
}

static bool add_lists(struct router_model *m, const struct json *c)
{
    const struct json *lists = json_get(c, "lists");
    for (const struct json *list = lists ? lists->child : NULL; list; list = list->next) {
        if (!router_model_list_add(m, list->key, "", ""))
            return false;
        for (const struct json *name = list->child; name; name = name->next)
            if (!router_model_member_add(m, list->key, name->text))
                return false;
    }
    return true;
}

static bool add_address_lists(struct router_model *m, const struct json *c)
{
    const struct json *lists = json_get(c, "alist");
    for (const struct json *list = lists ? lists->child : NULL; list; list = list->next) {
        for (const struct json *address = list->child; address; address = address->next) {
            char text[512] = "";
            add_word(text, sizeof(text), "list", list->key);
            add_word(text, sizeof(text), "address", address->text);
            if (!router_model_row_add(m, "address-list", text))
                return false;
        }
    }
    return true;
}

static bool add_rows(struct router_model *m, const struct json *c, const char *key, const char *table)
{
    const struct json *rows = json_get(c, key);
    for (const struct json *row = rows ? rows->child : NULL; row; row = row->next) {
        char text[2048] = "";
        bool dynamic = strcmp(json_text(row, "dynamic"), "true") == 0;
        for (const struct json *field = row->child; field; field = field->next)
            if (table || strcmp(field->key, "dynamic") != 0)
                add_word(text, sizeof(text), field->key, field->text);
        if (table ? !router_model_row_add(m, table, text) : !router_model_rule_add(m, text, dynamic))
            return false;
    }
    return true;
}

bool router_model_case_load(struct router_model *m, const char *path)
{
    struct json *c = json_read(path);
    if (!c)
        return rm_fail(m, RM_NO_CATEGORY, "cannot be read");
    bool loaded = add_interfaces(m, c) && add_peers(m, c) && add_routes(m, c) && add_lists(m, c) &&
                  add_address_lists(m, c) && add_rows(m, c, "rules", "routing-rule") &&
                  add_rows(m, c, "nat", NULL) && add_rows(m, c, "filter", "filter") &&
                  add_rows(m, c, "mangle", "mangle") && add_rows(m, c, "raw", "raw");
    json_free(c);
    return loaded;
}

bool router_model_case_version(const char *path, char ret_version[ROUTER_MODEL_TEXT_MAX])
{
    struct json *c = json_read(path);
    if (!c)
        return false;
    snprintf(ret_version, ROUTER_MODEL_TEXT_MAX, "%.60s", json_text(c, "version"));
    json_free(c);
    return true;
}

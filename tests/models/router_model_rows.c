/* Tables that the model prints and does not apply: the filter, mangle and raw rules and the routing rules. Of
 * these tables only the address lists count for the packets of router_model_packet.c. */
#include "router_model_internal.h"

#include <stdio.h>

/* The conditions and arguments of the firewall's tables other than NAT. */
static const char *const firewall_names[] = {
    "chain",
    "action",
    "comment",
    "disabled",
    "invalid",
    "dynamic",
    "protocol",
    "src-address",
    "dst-address",
    "src-address-list",
    "dst-address-list",
    "src-address-type",
    "dst-address-type",
    "src-port",
    "dst-port",
    "port",
    "src-mac-address",
    "in-interface",
    "out-interface",
    "in-bridge-port",
    "in-interface-list",
    "out-interface-list",
    "connection-state",
    "connection-nat-state",
    "connection-mark",
    "connection-limit",
    "connection-bytes",
    "connection-rate",
    "connection-type",
    "packet-mark",
    "routing-mark",
    "per-connection-classifier",
    "layer7-protocol",
    "content",
    "tls-host",
    "hotspot",
    "ipsec-policy",
    "tcp-flags",
    "tcp-mss",
    "icmp-options",
    "fragment",
    "psd",
    "nth",
    "random",
    "time",
    "ttl",
    "dscp",
    "packet-size",
    "hw-offload",
    "jump-target",
    "reject-with",
    "address-list",
    "address-list-timeout",
    "limit",
    "dst-limit",
    "log",
    "log-prefix",
    "new-connection-mark",
    "new-packet-mark",
    "new-routing-mark",
    "new-mss",
    "new-ttl",
    "new-dscp",
    "new-priority",
    "passthrough",
    NULL,
};
static const char *const rule_names[] = {"src-address", "dst-address", "interface",  "routing-mark",
                                         "action",      "table",       "min-prefix", "comment",
                                         "disabled",    "inactive",    "dynamic",    NULL};
static const char *const list_names[] = {"list",    "address",       "comment", "disabled",
                                         "dynamic", "creation-time", "timeout", NULL};
static const char *const wireguard_names[] = {"name", "listen-port", "mtu", "comment", "disabled", NULL};
static const char *const peer_names[] = {"interface",        "public-key", "preshared-key", "allowed-address",
                                         "endpoint-address", "comment",    "disabled",      NULL};
static const char *const settings_names[] = {"ip-forward", "rp-filter", NULL};
static const char *const vrf_names[] = {"name", "interfaces", "comment", "disabled", NULL};
static const char *const script_names[] = {"name",      "owner",  "policy",  "dont-require-permissions",
                                           "run-count", "source", "comment", NULL};

static const struct {
    const char *name;
    enum rm_menu menu;
    const char *const *names;
    const char *mandatory;
    const char *action; /* what the router assumes; NULL: no such argument */
} row_tables[] = {
    {"filter", RM_MENU_FILTER, firewall_names, "chain", "accept"},
    {"mangle", RM_MENU_MANGLE, firewall_names, "chain", "accept"},
    {"raw", RM_MENU_RAW, firewall_names, "chain", "accept"},
    {"routing-rule", RM_MENU_RULE, rule_names, "action", "lookup"},
    {"address-list", RM_MENU_ADDRESS_LIST, list_names, "list", NULL},
    {"wireguard", RM_MENU_WIREGUARD, wireguard_names, "name", NULL},
    {"peer", RM_MENU_PEER, peer_names, "interface", NULL},
    {"settings", RM_MENU_SETTINGS, settings_names, "rp-filter", NULL}, /* changes the one row */
    {"vrf", RM_MENU_VRF, vrf_names, "name", NULL},
    {"script", RM_MENU_SCRIPT, script_names, "name", NULL},
};

static const char *find_name(const char *const *names, struct span name)
{
    while (*names && !span_is(name, *names))
        names++;
    return *names;
}

static bool set(struct router_model *m, struct rm_item *item, const struct rm_command *c, unsigned table)
{
    static const char *const flags[] = {"log", "invalid", "inactive", "dynamic", "disabled"};
    const char *const *names = row_tables[table].names;
    if (row_tables[table].action)
        rm_item_set(item, "action", row_tables[table].action);
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
        if (find_name(names, span_text(flags[i])))
            rm_item_set(item, flags[i], "false");
    for (unsigned i = 1; i < c->words; i++) {
        struct span name;
        struct span value;
        char text[RM_ITEM_VALUE_MAX];
        bool flag;
        const char *property = rm_argument(c, i, &name, &value) ? find_name(names, name) : NULL;
        if (!property || value.len >= sizeof(text))
            return rm_fail(m, RM_NO_CATEGORY, "unknown parameter");
        snprintf(text, sizeof(text), "%.*s", (int)value.len, (const char *)value.data);
        bool is_flag = rm_parse_bool(value, &flag);
        rm_item_set(item, property, !is_flag ? text : flag ? "true" : "false");
    }
    return rm_item_get(item, row_tables[table].mandatory)[0] ||
           rm_fail(m, 0, "missing value(s) of argument(s) %s", row_tables[table].mandatory);
}

bool router_model_row_add(struct router_model *m, const char *table, const char *attributes)
{
    unsigned at = 0;
    while (at < ARRAY_LEN(row_tables) && strcmp(row_tables[at].name, table) != 0)
        at++;
    if (at == ARRAY_LEN(row_tables))
        return rm_fail(m, RM_NO_CATEGORY, "no such table");
    enum rm_menu menu = row_tables[at].menu;
    if (menu == RM_MENU_RULE && m->major < 7)
        menu = RM_MENU_RULE_6;
    struct rm_command *c = rm_command_from_text(attributes);
    struct rm_item *item = !c ? NULL : rm_menu_single(menu) ? m->table[menu].item : rm_item_add(m, menu);
    bool fine = item && set(m, item, c, at);
    if (item && fine)
        rm_item_event(m, menu, item);
    else if (item)
        rm_item_remove(m, menu, item);
    rm_command_free(c);
    return fine;
}

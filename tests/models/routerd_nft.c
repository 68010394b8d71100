/* dst-nat rules of RouterOS as rules of nftables. */
#include "routerd.h"

#include <stdlib.h>
#include <string.h>

#include "nft.h"

enum {
    /* nft takes too long to list more of them at each change, so a change then begins to count anew. */
    COUNTED_RULES_MAX = 64,
};

/* Text that may be part of a script: names, numbers, addresses, lists of them. */
static bool is_plain(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-,/:") ==
                        strlen(text);
}

static const char *device_of(const struct routerd *d, const char *name)
{
    for (unsigned i = 0; i < d->config.devices; i++)
        if (strcmp(d->config.device[i].name, name) == 0)
            return d->config.device[i].device;
    return name;
}

/* Splits "!value". */
static bool negated(const char **value)
{
    if (**value != '!')
        return false;
    (*value)++;
    return true;
}

static bool is_of_pseudo(const char *pseudo, const char *type)
{
    const char *kind = pseudo + strlen("all-");
    if (strcmp(kind, "ethernet") == 0)
        return strcmp(type, "ether") == 0;
    if (strcmp(kind, "wireless") == 0)
        return strcmp(type, "wlan") == 0 || strcmp(type, "wifi") == 0;
    return strncmp(type, kind, strlen(kind)) == 0;
}

/* False: the rule can never match. */
static bool write_interfaces(const struct routerd *d, const char *value, bool list, FILE *out)
{
    bool not = negated(&value);
    bool pseudo = !list && strncmp(value, "all-", 4) == 0;
    unsigned written = 0;
    const char *name;
    for (unsigned i = 0; (name = router_model_interface(d->model, i)) != NULL; i++) {
        bool member = list     ? router_model_list_holds(d->model, value, name)
                      : pseudo ? is_of_pseudo(value, router_model_interface_type(d->model, i))
                               : strcmp(value, name) == 0;
        const char *device = device_of(d, name);
        if (!member || !is_plain(device))
            continue;
        fprintf(out, "%s\"%s\"", written++ ? ", " : not ? "iifname != { " : "iifname { ", device);
    }
    if (written)
        fputs(" } ", out);
    return written || not ;
}

static void write_protocol(const char *value, FILE *out)
{
    bool not = negated(&value);
    if (is_plain(value))
        fprintf(out, "meta l4proto %s%s ", not ? "!= " : "", value);
}

static void write_ports(const char *protocol, const char *direction, const char *value, FILE *out)
{
    if (!*value)
        return;
    bool not = negated(&value);
    bool list = strchr(value, ',');
    fprintf(out, "%s %s %s%s%s%s ", protocol, direction, not ? "!= " : "", list ? "{ " : "", value,
            list ? " }" : "");
}

static void write_addresses(const char *direction, const char *value, FILE *out)
{
    if (!*value)
        return;
    bool not = negated(&value);
    fprintf(out, "ip %s %s%s ", direction, not ? "!= " : "", value);
}

static void write_verdict(const struct routerd *d, const struct router_model_rule *rule, bool has_ports,
                          FILE *out)
{
    char address[64];
    const char *ports = router_model_rule_text(rule, "to-ports");
    bool redirect = strcmp(router_model_rule_text(rule, "action"), "redirect") == 0;
    snprintf(address, sizeof(address), "%s", router_model_rule_text(rule, "to-addresses"));
    char *host = strstr(address, "/32");
    if (host)
        *host = 0;
    if (redirect)
        address[0] = 0;
    if (*ports && !has_ports)
        fputs("meta l4proto { tcp, udp } ", out);
    bool inet = strcmp(d->config.nft_family, "inet") == 0;
    fputs(redirect ? "counter redirect" : inet ? "counter dnat ip" : "counter dnat", out);
    if (address[0] || *ports)
        fprintf(out, " to %s%s%s", address, *ports ? ":" : "", ports);
}

/* NULL: the rule can be expressed. Otherwise the reason why not. */
static const char *obstacle(const struct router_model_rule *rule)
{
    static const char *const understood[] = {
        "chain",    "action",       "to-addresses",      "to-ports",
        "protocol", "in-interface", "in-interface-list", "src-port",
        "dst-port", "src-address",  "dst-address",       "dst-address-type",
        "log",      "log-prefix",   "comment",
    };
    const char *name;
    struct span value;
    for (unsigned i = 0; router_model_rule_next_property(rule, &i, &name, &value);) {
        unsigned k = 0;
        while (k < ARRAY_LEN(understood) && strcmp(understood[k], name) != 0)
            k++;
        if (k == ARRAY_LEN(understood))
            return name;
    }
    const char *action = router_model_rule_text(rule, "action");
    const char *to = router_model_rule_text(rule, "to-addresses");
    const char *type = router_model_rule_text(rule, "dst-address-type");
    if (*type && strcmp(type, "local") != 0)
        return "dst-address-type";
    if (strchr(to, '/') && !strstr(to, "/32"))
        return "to-addresses";
    if (strcmp(action, "dst-nat") == 0)
        return *to || *router_model_rule_text(rule, "to-ports") ? NULL : "to-addresses";
    return strcmp(action, "redirect") == 0 || strcmp(action, "accept") == 0 ? NULL : "action";
}

static void write_rule(const struct routerd *d, const struct router_model_rule *rule, FILE *out)
{
    const char *what = obstacle(rule);
    if (what) {
        fprintf(stderr, "routerd: rule *%X is not applied: %s\n", router_model_rule_id(rule), what);
        return;
    }
    char *match = NULL;
    size_t length = 0;
    FILE *text = open_memstream(&match, &length);
    if (!text)
        abort();
    const char *interface = router_model_rule_text(rule, "in-interface");
    const char *list = router_model_rule_text(rule, "in-interface-list");
    const char *protocol = router_model_rule_text(rule, "protocol");
    bool matches = !*interface || write_interfaces(d, interface, false, text);
    matches = (!*list || write_interfaces(d, list, true, text)) && matches;
    write_addresses("saddr", router_model_rule_text(rule, "src-address"), text);
    write_addresses("daddr", router_model_rule_text(rule, "dst-address"), text);
    if (*router_model_rule_text(rule, "dst-address-type"))
        fputs("fib daddr type local ", text);
    if (*protocol)
        write_protocol(protocol, text);
    write_ports(protocol, "sport", router_model_rule_text(rule, "src-port"), text);
    write_ports(protocol, "dport", router_model_rule_text(rule, "dst-port"), text);
    if (strcmp(router_model_rule_text(rule, "action"), "accept") == 0)
        fputs("counter accept", text);
    else
        write_verdict(d, rule, *protocol && *protocol != '!', text);
    if (fclose(text) != 0)
        abort();
    if (matches)
        fprintf(out, "add rule %s %s %s %s comment \"*%X\"\n", d->config.nft_family, d->config.nft_table,
                d->config.nft_chain, match, router_model_rule_id(rule));
    free(match);
}

void routerd_write_script(const struct routerd *d, FILE *out)
{
    fprintf(out, "flush chain %s %s %s\n", d->config.nft_family, d->config.nft_table, d->config.nft_chain);
    for (const struct router_model_rule *rule = NULL;
         (rule = router_model_rule_next(d->model, rule)) != NULL;)
        if (strcmp(router_model_rule_text(rule, "chain"), "dstnat") == 0 &&
            !router_model_rule_disabled(rule) && !router_model_rule_invalid(d->model, rule))
            write_rule(d, rule, out);
}

void routerd_apply(struct routerd *d)
{
    if (!d->config.nft_family)
        return;
    if (router_model_rule_count(d->model) <= COUNTED_RULES_MAX)
        routerd_read_counters(d);
    char *script = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&script, &len);
    if (!out)
        abort();
    routerd_write_script(d, out);
    if (fclose(out) != 0)
        abort();
    if (!nft_run(script, len))
        fprintf(stderr, "routerd: nft refused:\n%.2000s\n", script);
    routerd_forget_counters(d);
    free(script);
}

/* The NAT table: order, ids, and every way to change a rule. Sessions do not exist in this file. */
#include "router_model_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- finding ---- */

static unsigned lower_bound(const struct router_model *m, uint32_t id)
{
    unsigned low = 0;
    unsigned high = m->rules;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (m->by_id[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct router_model_rule *rm_rule_find(const struct router_model *m, uint32_t id)
{
    unsigned at = lower_bound(m, id);
    return at < m->rules && m->by_id[at]->id == id ? m->by_id[at] : NULL;
}

struct span rm_rule_value(const struct router_model_rule *rule, int property)
{
    const struct rm_text *text = rule->value[property];
    return text ? span_of(text->data, text->len) : span_of(NULL, 0);
}

/* ---- what is printed ---- */

static bool interface_works(const struct router_model *m, struct span name)
{
    if (span_starts(name, "!"))
        name = span_skip(name, 1);
    if (name.len == 0 || span_starts(name, "all-"))
        return true;
    const struct rm_item *item = rm_item_find(m, RM_MENU_INTERFACE, "name", name);
    return item && strcmp(rm_item_get(item, "disabled"), "true") != 0;
}

static bool list_exists(const struct router_model *m, struct span name)
{
    if (span_starts(name, "!"))
        name = span_skip(name, 1);
    return name.len == 0 || rm_item_find(m, RM_MENU_LIST, "name", name);
}

static bool action_fits(struct span chain, struct span action)
{
    bool source = span_is(action, "src-nat") || span_is(action, "masquerade") || span_is(action, "same");
    bool destination = span_is(action, "dst-nat") || span_is(action, "redirect");
    if (span_is(chain, "srcnat"))
        return !destination;
    if (span_is(chain, "dstnat"))
        return !source;
    return true;
}

bool rm_rule_invalid(const struct router_model *m, const struct router_model_rule *rule)
{
    return !interface_works(m, rm_rule_value(rule, RM_NAT_IN_INTERFACE)) ||
           !interface_works(m, rm_rule_value(rule, RM_NAT_OUT_INTERFACE)) ||
           !list_exists(m, rm_rule_value(rule, RM_NAT_IN_INTERFACE_LIST)) ||
           !list_exists(m, rm_rule_value(rule, RM_NAT_OUT_INTERFACE_LIST)) ||
           !action_fits(rm_rule_value(rule, RM_NAT_CHAIN), rm_rule_value(rule, RM_NAT_ACTION));
}

static struct span flag(bool value)
{
    return span_text(value ? "true" : "false");
}

/* Matchers that are not set are absent, as is an empty comment. */
void rm_rule_row(const struct router_model *m, const struct router_model_rule *rule, struct rm_row *row)
{
    rm_row_clear(row);
    rm_row_printf(row, ".id", "*%X", rule->id);
    for (int i = 0; i < RM_NAT_PROPERTIES; i++)
        if (rule->value[i] && i != RM_NAT_COMMENT)
            rm_row_add(row, rm_nat_property[i].name, rm_rule_value(rule, i));
    rm_row_printf(row, "bytes", "%llu", (unsigned long long)rule->bytes);
    rm_row_printf(row, "packets", "%llu", (unsigned long long)rule->packets);
    rm_row_add(row, "invalid", flag(rm_rule_invalid(m, rule)));
    rm_row_add(row, "dynamic", flag(rule->dynamic));
    rm_row_add(row, "disabled", flag(rule->disabled));
    if (rule->value[RM_NAT_COMMENT])
        rm_row_add(row, "comment", rm_rule_value(rule, RM_NAT_COMMENT));
}

/* ---- changing ---- */

/* New values, which are checked before any of them is stored. */
struct change {
    struct rm_text *value[RM_NAT_PROPERTIES];
    bool changed[RM_NAT_PROPERTIES + 1]; /* the last one: disabled */
    bool disabled;
    struct router_model_rule *before;
};

static void forget(struct change *change)
{
    for (int i = 0; i < RM_NAT_PROPERTIES; i++)
        free(change->value[i]);
}

static bool read_place(struct router_model *m, struct span value, struct change *change)
{
    uint32_t id;
    change->before = rm_parse_item_id(value, &id) ? rm_rule_find(m, id) : NULL;
    if (change->before && change->before->dynamic)
        return rm_fail(m, RM_NO_CATEGORY, "failure: can not place before dynamic (place-before)");
    if (change->before)
        return true;
    return rm_fail(m, RM_NO_CATEGORY, "item referred by 'place-before' does not exist (11)");
}

static bool read_argument(struct router_model *m, struct span name, struct span value, bool add,
                          struct change *change)
{
    if (span_is(name, "disabled")) {
        change->changed[RM_NAT_PROPERTIES] = true;
        return rm_parse_bool(value, &change->disabled) ||
               rm_fail(m, 1, "invalid value for argument disabled");
    }
    if (add && span_is(name, "place-before"))
        return read_place(m, value, change);
    if (!add && (span_is(name, ".id") || span_is(name, "numbers")))
        return true;
    int property = rm_property_find(name);
    if (property < 0) {
        if (!m->options.unknown_is_named)
            return rm_fail(m, RM_NO_CATEGORY, "unknown parameter");
        return rm_fail(m, RM_NO_CATEGORY, "unknown parameter %.*s", (int)(name.len > 60 ? 60 : name.len),
                       (const char *)name.data);
    }
    struct rm_text *text = NULL;
    if (!rm_check_value(m, property, value, &text))
        return false;
    free(change->value[property]);
    bool cleared = text->len == 0 && property != RM_NAT_LOG_PREFIX;
    if (cleared)
        free(text);
    change->value[property] = cleared ? NULL : text;
    change->changed[property] = true;
    return true;
}

static struct span after(const struct change *change, const struct router_model_rule *rule, int property)
{
    const struct rm_text *text = change->changed[property] ? change->value[property] : rule->value[property];
    return text ? span_of(text->data, text->len) : span_of(NULL, 0);
}

static bool is_consistent(struct router_model *m, const struct change *change,
                          const struct router_model_rule *rule)
{
    bool ports = after(change, rule, RM_NAT_SRC_PORT).len || after(change, rule, RM_NAT_DST_PORT).len ||
                 after(change, rule, RM_NAT_PORT).len;
    struct span protocol = after(change, rule, RM_NAT_PROTOCOL);
    bool has_ports = span_is(protocol, "tcp") || span_is(protocol, "udp") || span_is(protocol, "udp-lite") ||
                     span_is(protocol, "dccp") || span_is(protocol, "sctp");
    if (ports && !has_ports)
        return rm_fail(m, RM_NO_CATEGORY,
                       "failure: ports can be specified if proto is tcp,udp,udp-lite,dccp,sctp");
    if (after(change, rule, RM_NAT_CHAIN).len == 0)
        return rm_fail(m, 0, "missing value(s) of argument(s) chain");
    return true;
}

static void store(struct router_model *m, struct router_model_rule *rule, int property, struct rm_text *text)
{
    if (rule->value[property])
        m->nat_bytes -= rule->value[property]->len + sizeof(struct rm_text);
    if (text)
        m->nat_bytes += text->len + sizeof(struct rm_text);
    free(rule->value[property]);
    rule->value[property] = text;
}

static void apply(struct router_model *m, struct router_model_rule *rule, struct change *change)
{
    for (int i = 0; i < RM_NAT_PROPERTIES; i++) {
        if (!change->changed[i])
            continue;
        store(m, rule, i, change->value[i]);
        change->value[i] = NULL;
    }
    if (change->changed[RM_NAT_PROPERTIES])
        rule->disabled = change->disabled;
    m->nat_changed = true;
}

static void link_before(struct router_model *m, struct router_model_rule *rule,
                        struct router_model_rule *before)
{
    rule->next = before;
    rule->previous = before ? before->previous : m->last;
    *(rule->previous ? &rule->previous->next : &m->first) = rule;
    *(before ? &before->previous : &m->last) = rule;
}

static void unlink_rule(struct router_model *m, struct router_model_rule *rule)
{
    *(rule->previous ? &rule->previous->next : &m->first) = rule->next;
    *(rule->next ? &rule->next->previous : &m->last) = rule->previous;
}

static void remember_id(struct router_model *m, struct router_model_rule *rule)
{
    if (m->rules == m->rules_capacity) {
        unsigned capacity = m->rules_capacity ? 2 * m->rules_capacity : 64;
        struct router_model_rule **by_id = realloc(m->by_id, capacity * sizeof(struct router_model_rule *));
        if (!by_id)
            abort();
        m->by_id = by_id;
        m->rules_capacity = capacity;
    }
    m->by_id[m->rules++] = rule;
}

uint32_t rm_rule_add(struct router_model *m, const struct rm_command *c, bool dynamic)
{
    struct change change = {.before = NULL};
    struct router_model_rule none = {0};
    bool fine = true;
    for (unsigned i = 1; fine && i < c->words; i++) {
        struct span name;
        struct span value;
        if (rm_argument(c, i, &name, &value))
            fine = read_argument(m, name, value, true, &change);
    }
    fine = fine && is_consistent(m, &change, &none);
    if (fine && (m->rules >= m->options.nat_rules_max || m->nat_bytes > RM_NAT_BYTES_MAX))
        fine = rm_fail(m, RM_NO_CATEGORY, "failure: out of memory");
    if (!fine) {
        forget(&change);
        return 0;
    }
    struct router_model_rule *rule = rm_alloc(sizeof(*rule));
    rule->id = m->next_id++;
    rule->dynamic = dynamic;
    remember_id(m, rule);
    store(m, rule, RM_NAT_ACTION, rm_text_new(span_text("accept")));
    store(m, rule, RM_NAT_LOG, rm_text_new(span_text("false")));
    store(m, rule, RM_NAT_LOG_PREFIX, rm_text_new(span_text("")));
    apply(m, rule, &change);
    link_before(m, rule, change.before);
    rm_nat_event(m, rule, NULL);
    return rule->id;
}

bool rm_rule_set(struct router_model *m, struct router_model_rule *rule, const struct rm_command *c)
{
    struct change change = {.before = NULL};
    bool fine = true;
    for (unsigned i = 1; fine && i < c->words; i++) {
        struct span name;
        struct span value;
        if (rm_argument(c, i, &name, &value))
            fine = read_argument(m, name, value, false, &change);
    }
    fine = fine && is_consistent(m, &change, rule);
    if (!fine) {
        forget(&change);
        return false;
    }
    apply(m, rule, &change);
    rm_nat_event(m, rule, change.changed);
    return true;
}

bool rm_rule_unset(struct router_model *m, struct router_model_rule *rule, struct span name)
{
    int property = rm_property_find(name);
    if (property < 0 || property == RM_NAT_CHAIN || property == RM_NAT_ACTION || property == RM_NAT_LOG)
        return rm_fail(m, 1, "input does not match any value of value-name");
    struct change change = {.before = NULL};
    change.changed[property] = true;
    if (!is_consistent(m, &change, rule))
        return false;
    apply(m, rule, &change);
    rm_nat_event(m, rule, NULL);
    return true;
}

void rm_rule_enable(struct router_model *m, struct router_model_rule *rule, bool enabled)
{
    bool changed[RM_NAT_PROPERTIES + 1] = {[RM_NAT_PROPERTIES] = true};
    if (rule->disabled == !enabled)
        return;
    rule->disabled = !enabled;
    m->nat_changed = true;
    rm_nat_event(m, rule, changed);
}

static void free_rule(struct router_model *m, struct router_model_rule *rule)
{
    for (int i = 0; i < RM_NAT_PROPERTIES; i++)
        store(m, rule, i, NULL);
    free(rule);
}

void rm_rule_remove(struct router_model *m, struct router_model_rule *rule)
{
    uint32_t id = rule->id;
    unsigned at = lower_bound(m, id);
    memmove(m->by_id + at, m->by_id + at + 1, (m->rules - at - 1) * sizeof(struct router_model_rule *));
    m->rules--;
    unlink_rule(m, rule);
    free_rule(m, rule);
    m->nat_changed = true;
    rm_nat_removed(m, id);
}

void rm_rule_move(struct router_model *m, struct router_model_rule *rule, struct router_model_rule *before)
{
    if (rule == before)
        return;
    unlink_rule(m, rule);
    link_before(m, rule, before);
    m->nat_changed = true;
    rm_nat_event(m, rule, NULL);
}

void rm_rules_free(struct router_model *m)
{
    while (m->first) {
        struct router_model_rule *rule = m->first;
        m->first = rule->next;
        free_rule(m, rule);
    }
    free(m->by_id);
}

/* ---- changes by other parts of the router ---- */

/* The new numbers start among the old ones, in another order, so a remembered id may belong to another
 * rule. */
void rm_rules_renumber(struct router_model *m)
{
    uint32_t id = m->options.first_id;
    unsigned at = 0;
    for (struct router_model_rule *rule = m->last; rule; rule = rule->previous) {
        rule->id = id++;
        m->by_id[at++] = rule;
    }
    m->next_id = id;
    m->nat_changed = true;
}

void rm_rules_drop_dynamic(struct router_model *m)
{
    for (struct router_model_rule *rule = m->first; rule;) {
        struct router_model_rule *next = rule->next;
        if (rule->dynamic)
            rm_rule_remove(m, rule);
        rule = next;
    }
}

/* True if the property's value is that interface, negated or not. */
static bool names_interface(const struct router_model_rule *rule, int property, const char *name)
{
    struct span value = rm_rule_value(rule, property);
    if (span_starts(value, "!"))
        value = span_skip(value, 1);
    return span_is(value, name);
}

static bool uses_interface(const struct router_model_rule *rule, const char *name)
{
    return names_interface(rule, RM_NAT_IN_INTERFACE, name) ||
           names_interface(rule, RM_NAT_OUT_INTERFACE, name);
}

void rm_rules_rename(struct router_model *m, const char *name, const char *new_name)
{
    static const int properties[] = {RM_NAT_IN_INTERFACE, RM_NAT_OUT_INTERFACE};
    for (struct router_model_rule *rule = m->first; rule; rule = rule->next) {
        if (!uses_interface(rule, name))
            continue;
        for (unsigned i = 0; i < ARRAY_LEN(properties); i++) {
            if (!names_interface(rule, properties[i], name))
                continue;
            char text[RM_ITEM_VALUE_MAX + 1];
            bool not = span_starts(rm_rule_value(rule, properties[i]), "!");
            int length = snprintf(text, sizeof(text), "%s%s", not ? "!" : "", new_name);
            store(m, rule, properties[i], rm_text_new(span_of(text, (size_t)length)));
        }
        m->nat_changed = true;
        rm_nat_event(m, rule, NULL);
    }
}

void rm_rules_touch(struct router_model *m, const char *interface)
{
    for (struct router_model_rule *rule = m->first; rule; rule = rule->next) {
        if (!uses_interface(rule, interface))
            continue;
        m->nat_changed = true;
        rm_nat_event(m, rule, NULL);
    }
}

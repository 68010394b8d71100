/* The verbs of /ip/firewall/nat, by command and by hand. */
#include "router_model_internal.h"

#include <stdio.h>

enum verb {
    VERB_ADD,
    VERB_SET,
    VERB_REMOVE,
    VERB_ENABLE,
    VERB_DISABLE,
    VERB_MOVE,
    VERB_UNSET,
    VERB_COMMENT,
    VERB_RESET_COUNTERS,
    VERB_RESET_COUNTERS_ALL,
    VERBS,
};

static const char *const verb_name[VERBS] = {
    [VERB_ADD] = "add",
    [VERB_SET] = "set",
    [VERB_REMOVE] = "remove",
    [VERB_ENABLE] = "enable",
    [VERB_DISABLE] = "disable",
    [VERB_MOVE] = "move",
    [VERB_UNSET] = "unset",
    [VERB_COMMENT] = "comment",
    [VERB_RESET_COUNTERS] = "reset-counters",
    [VERB_RESET_COUNTERS_ALL] = "reset-counters-all",
};

static enum verb find_verb(const char *name)
{
    enum verb verb = 0;
    while (verb < VERBS && strcmp(verb_name[verb], name) != 0)
        verb++;
    return verb;
}

bool rm_nat_knows(const char *verb)
{
    return find_verb(verb) < VERBS;
}

static void add(struct router_model *m, struct rm_command *c)
{
    uint32_t id = rm_rule_add(m, c, false);
    if (!id) {
        rm_refuse(m, c->tag);
        return;
    }
    m->counters.adds++;
    if (m->options.add_is_nameless) {
        rm_done(m, c->tag);
        return;
    }
    char text[16];
    snprintf(text, sizeof(text), "*%X", id);
    rm_done_with(m, c->tag, span_text(text));
}

static bool no_such_item(struct router_model *m)
{
    return rm_fail(m, RM_NO_CATEGORY, "no such item%s", m->options.error_numbers ? " (4)" : "");
}

static bool move(struct router_model *m, struct router_model_rule *rule, const struct rm_command *c)
{
    struct span destination;
    uint32_t id;
    struct router_model_rule *before = NULL;
    if (rm_find(c, "destination", &destination)) {
        before = rm_parse_item_id(destination, &id) ? rm_rule_find(m, id) : NULL;
        if (!before)
            return no_such_item(m);
        if (before->dynamic)
            return rm_fail(m, RM_NO_CATEGORY, "failure: can not move before dynamic");
    }
    rm_rule_move(m, rule, before);
    return true;
}

static bool reset_counters(struct router_model_rule *rule)
{
    rule->bytes = 0;
    rule->packets = 0;
    return true;
}

/* One rule of the list that a command names. */
static bool change(struct router_model *m, struct router_model_rule *rule, const struct rm_command *c,
                   enum verb verb)
{
    if (rule->dynamic && verb != VERB_RESET_COUNTERS)
        return rm_fail(m, RM_NO_CATEGORY, "failure: can not change dynamic");
    struct span name = span_of(NULL, 0);
    switch (verb) {
    case VERB_SET:
    case VERB_COMMENT:
        m->counters.sets++;
        return rm_rule_set(m, rule, c);
    case VERB_REMOVE:
        m->counters.removes++;
        rm_rule_remove(m, rule);
        return true;
    case VERB_ENABLE:
    case VERB_DISABLE:
        m->counters.sets++;
        rm_rule_enable(m, rule, verb == VERB_ENABLE);
        return true;
    case VERB_MOVE:
        return move(m, rule, c);
    case VERB_UNSET:
        m->counters.sets++;
        rm_find(c, "value-name", &name);
        return rm_rule_unset(m, rule, name);
    case VERB_RESET_COUNTERS:
        return reset_counters(rule);
    case VERB_ADD:
    case VERB_RESET_COUNTERS_ALL:
    case VERBS:
        break;
    }
    return true;
}

/* Of several ids the valid ones are executed, and the errors of the others are reported at the end. */
static bool change_each(struct router_model *m, const struct rm_command *c, enum verb verb)
{
    struct span ids = span_of(NULL, 0);
    if (!rm_find(c, ".id", &ids))
        rm_find(c, "numbers", &ids);
    bool fine = true;
    while (ids.len > 0) {
        const uint8_t *comma = memchr(ids.data, ',', ids.len);
        size_t length = comma ? (size_t)(comma - ids.data) : ids.len;
        uint32_t id;
        struct router_model_rule *rule = NULL;
        if (rm_parse_item_id(span_of(ids.data, length), &id))
            rule = rm_rule_find(m, id);
        bool done = rule ? change(m, rule, c, verb) : no_such_item(m);
        fine = fine && done;
        ids = span_skip(ids, comma ? length + 1 : length);
    }
    return fine;
}

void rm_nat_verb(struct router_model *m, struct rm_command *c, const char *name)
{
    enum verb verb = find_verb(name);
    if (verb == VERB_ADD) {
        add(m, c);
        return;
    }
    if (verb == VERB_RESET_COUNTERS_ALL) {
        router_model_reset_counters(m);
    } else if (!change_each(m, c, verb)) {
        rm_refuse(m, c->tag);
        return;
    }
    rm_done(m, c->tag);
}

/* ---- by hand ---- */

const struct router_model_rule *router_model_rule_next(const struct router_model *m,
                                                       const struct router_model_rule *previous)
{
    return previous ? previous->next : m->first;
}

const struct router_model_rule *router_model_rule_find(const struct router_model *m, uint32_t id)
{
    return rm_rule_find(m, id);
}

const struct router_model_rule *router_model_rule_by_comment(const struct router_model *m,
                                                             const char *comment)
{
    for (const struct router_model_rule *rule = m->first; rule; rule = rule->next)
        if (strcmp(router_model_rule_text(rule, "comment"), comment) == 0)
            return rule;
    return NULL;
}

unsigned router_model_rule_count(const struct router_model *m)
{
    return m->rules;
}

uint32_t router_model_rule_id(const struct router_model_rule *rule)
{
    return rule->id;
}

bool router_model_rule_dynamic(const struct router_model_rule *rule)
{
    return rule->dynamic;
}

bool router_model_rule_disabled(const struct router_model_rule *rule)
{
    return rule->disabled;
}

bool router_model_rule_invalid(const struct router_model *m, const struct router_model_rule *rule)
{
    return rm_rule_invalid(m, rule);
}

bool router_model_rule_get(const struct router_model_rule *rule, const char *name, struct span *ret_value)
{
    int property = rm_property_find(span_text(name));
    if (property < 0 || !rule->value[property])
        return false;
    *ret_value = span_of(rule->value[property]->data, rule->value[property]->len);
    return true;
}

bool router_model_rule_next_property(const struct router_model_rule *rule, unsigned *index,
                                     const char **ret_name, struct span *ret_value)
{
    while (*index < RM_NAT_PROPERTIES && !rule->value[*index])
        ++*index;
    if (*index == RM_NAT_PROPERTIES)
        return false;
    *ret_name = rm_nat_property[*index].name;
    *ret_value = rm_rule_value(rule, (int)(*index)++);
    return true;
}

const char *router_model_rule_text(const struct router_model_rule *rule, const char *name)
{
    int property = rm_property_find(span_text(name));
    return property < 0 || !rule->value[property] ? "" : rule->value[property]->data;
}

uint32_t router_model_rule_add(struct router_model *m, const char *attributes, bool dynamic)
{
    struct rm_command *c = rm_command_from_text(attributes);
    if (!c) {
        rm_fail(m, RM_NO_CATEGORY, "a quote is not closed");
        return 0;
    }
    uint32_t id = rm_rule_add(m, c, dynamic);
    rm_command_free(c);
    return id;
}

bool router_model_rule_set(struct router_model *m, uint32_t id, const char *attributes)
{
    struct router_model_rule *rule = rm_rule_find(m, id);
    if (!rule)
        return no_such_item(m);
    struct rm_command *c = rm_command_from_text(attributes);
    if (!c)
        return rm_fail(m, RM_NO_CATEGORY, "a quote is not closed");
    bool fine = rm_rule_set(m, rule, c);
    rm_command_free(c);
    return fine;
}

bool router_model_rule_unset(struct router_model *m, uint32_t id, const char *name)
{
    struct router_model_rule *rule = rm_rule_find(m, id);
    return rule ? rm_rule_unset(m, rule, span_text(name)) : no_such_item(m);
}

bool router_model_rule_remove(struct router_model *m, uint32_t id)
{
    struct router_model_rule *rule = rm_rule_find(m, id);
    if (!rule)
        return no_such_item(m);
    rm_rule_remove(m, rule);
    return true;
}

bool router_model_rule_move(struct router_model *m, uint32_t id, uint32_t before_id)
{
    struct router_model_rule *rule = rm_rule_find(m, id);
    struct router_model_rule *before = rm_rule_find(m, before_id);
    if (!rule || (before_id && !before))
        return no_such_item(m);
    rm_rule_move(m, rule, before);
    return true;
}

void router_model_rule_traffic(struct router_model *m, uint32_t id, uint64_t bytes, uint64_t packets)
{
    struct router_model_rule *rule = rm_rule_find(m, id);
    if (!rule)
        return;
    rule->bytes += bytes;
    rule->packets += packets;
    if (m->options.counter_interval_ms)
        rm_nat_event(m, rule, NULL);
}

void router_model_reset_counters(struct router_model *m)
{
    for (struct router_model_rule *rule = m->first; rule; rule = rule->next)
        reset_counters(rule);
}

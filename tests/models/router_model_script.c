/* /system/script: a run is counted, and does nothing else. */
#include "router_model_internal.h"

#include <stdio.h>
#include <stdlib.h>

bool router_model_script_remove(struct router_model *m, const char *name)
{
    struct rm_item *item = rm_item_find(m, RM_MENU_SCRIPT, "name", span_text(name));
    if (item)
        rm_item_remove(m, RM_MENU_SCRIPT, item);
    return item;
}

unsigned router_model_script_runs(const struct router_model *m, const char *name)
{
    const struct rm_item *item = rm_item_find(m, RM_MENU_SCRIPT, "name", span_text(name));
    return item ? (unsigned)strtoul(rm_item_get(item, "run-count"), NULL, 10) : 0;
}

static unsigned policy_of(struct span word)
{
    return span_is(word, "read")    ? ROUTER_MODEL_READ
           : span_is(word, "write") ? ROUTER_MODEL_WRITE
           : span_is(word, "test")  ? ROUTER_MODEL_TEST
           : span_is(word, "api")   ? ROUTER_MODEL_API
                                    : ROUTER_MODEL_MORE;
}

static unsigned policies_of(const char *text)
{
    unsigned policies = 0;
    while (*text) {
        size_t length = strcspn(text, ",");
        policies |= policy_of(span_of(text, length));
        text += length + (text[length] == ',');
    }
    return policies;
}

/* `number` is a name or an id. */
static struct rm_item *find(struct router_model *m, const struct rm_command *c)
{
    struct span number;
    uint32_t id;
    if (!rm_find(c, "number", &number) && !rm_find(c, ".id", &number))
        return NULL;
    if (!rm_parse_item_id(number, &id))
        return rm_item_find(m, RM_MENU_SCRIPT, "name", number);
    for (unsigned i = 0; i < m->table[RM_MENU_SCRIPT].count; i++)
        if (m->table[RM_MENU_SCRIPT].item[i].id == id)
            return &m->table[RM_MENU_SCRIPT].item[i];
    return NULL;
}

void rm_script_run(struct router_model *m, const struct rm_session *s, struct rm_command *c)
{
    struct rm_item *script = find(m, c);
    const char *trap = NULL;
    if (!script)
        trap = m->options.error_numbers ? "no such item (4)" : "no such item";
    else if (strcmp(rm_item_get(script, "dont-require-permissions"), "true") != 0 &&
             (policies_of(rm_item_get(script, "policy")) & ~m->options.users[s->user].policies) != 0)
        trap = "not enough permissions (9)";
    if (trap) {
        rm_trap(m, c->tag, RM_NO_CATEGORY, trap);
    } else {
        char count[16];
        snprintf(count, sizeof(count), "%u", router_model_script_runs(m, rm_item_get(script, "name")) + 1);
        rm_item_set(script, "run-count", count);
    }
    rm_done(m, c->tag);
}

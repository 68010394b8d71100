/* listen: every session with a running listen of a menu gets an event for each change, also the session that
 * made the change. */
#include "router_model_internal.h"

#include <stdio.h>

static bool listens(const struct rm_session *s, const struct rm_command *c, enum rm_menu menu)
{
    return s->state == RM_LIVE && !s->closing && c->menu == menu &&
           (c->stage == RM_STAGE_LISTENING || (c->follow && c->ids));
}

static void notify_listeners(struct router_model *m, enum rm_menu menu, const struct rm_row *row)
{
    for (struct rm_session *s = m->sessions; s; s = s->next) {
        for (const struct rm_command *c = s->commands; c; c = c->next) {
            if (!listens(s, c, menu))
                continue;
            m->event.start = m->event.end = 0;
            rm_row_write(m, &m->event, c, row);
            rm_session_event(m, s, rm_buffer_span(&m->event));
        }
    }
}

static void tell_removed(struct router_model *m, enum rm_menu menu, uint32_t id)
{
    char text[16];
    snprintf(text, sizeof(text), "*%X", id);
    for (struct rm_session *s = m->sessions; s; s = s->next) {
        for (const struct rm_command *c = s->commands; c; c = c->next) {
            if (!listens(s, c, menu))
                continue;
            m->event.start = m->event.end = 0;
            rm_begin(m, &m->event, "!re", c->tag);
            rm_pair(&m->event, ".id", span_text(text));
            rm_pair(&m->event, ".dead", span_text(m->options.dead_is_yes ? "yes" : "true"));
            rm_end(m, &m->event, c->tag);
            rm_session_event(m, s, rm_buffer_span(&m->event));
        }
    }
}

static bool is_changed(const char *name, const bool *changed)
{
    if (strcmp(name, ".id") == 0)
        return true;
    if (strcmp(name, "disabled") == 0)
        return changed[RM_NAT_PROPERTIES];
    int property = rm_property_find(span_text(name));
    return property >= 0 && changed[property];
}

void rm_nat_event(struct router_model *m, const struct router_model_rule *rule, const bool *changed)
{
    struct rm_row row;
    rm_rule_row(m, rule, &row);
    if (changed && m->options.listen_partial_rows) {
        unsigned kept = 0;
        for (unsigned i = 0; i < row.count; i++)
            if (is_changed(row.field[i].name, changed))
                row.field[kept++] = row.field[i];
        row.count = kept;
    }
    notify_listeners(m, RM_MENU_NAT, &row);
}

void rm_nat_removed(struct router_model *m, uint32_t id)
{
    tell_removed(m, RM_MENU_NAT, id);
}

void rm_item_event(struct router_model *m, enum rm_menu menu, const struct rm_item *item)
{
    struct rm_row row;
    rm_row_clear(&row);
    rm_item_row(item, &row);
    notify_listeners(m, menu, &row);
}

void rm_item_removed(struct router_model *m, enum rm_menu menu, uint32_t id)
{
    tell_removed(m, menu, id);
}

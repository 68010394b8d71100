/* Which file of the router takes the rows and the end of each command that is no change. */
#include "core/router.h"

static void note_version(struct router *r, const struct ros_sentence *row)
{
    struct span value;
    if (!ros_attribute(row, "version", &value))
        return;
    struct log_safe version = log_safe(value);
    for (size_t i = 0; i < sizeof r->version - 1 && version.text[i] != ' '; i++)
        r->version[i] = version.text[i];
}

bool router_answer_row(struct router *r, const struct command *c, uint64_t now_ms,
                       struct router_outcome *ret_outcome)
{
    const struct ros_sentence *row = &main_session(r)->reader.sentence;
    switch ((enum command_kind)c->kind) {
    case COMMAND_RESOURCE:
        note_version(r, row);
        router_twin_row(r, c, now_ms);
        return false;
    case COMMAND_SESSIONS:
        router_twin_row(r, c, now_ms);
        return false;
    case COMMAND_INTERFACE:
    case COMMAND_ADDRESSES:
    case COMMAND_LISTS:
    case COMMAND_MEMBERS:
        if (r->stage == STAGE_CONTEXT)
            return router_resync_row(r, c, now_ms, ret_outcome);
        router_way_row(r, c, now_ms);
        return false;
    case COMMAND_FLOW:
    case COMMAND_FLOW_AGAIN:
    case COMMAND_TUNNELS:
    case COMMAND_ROUTE_CHECK:
    case COMMAND_ROUTES:
    case COMMAND_LISTEN_WAY:
        router_way_row(r, c, now_ms);
        return false;
    case COMMAND_LISTENERS:
    case COMMAND_ADDRESS_LISTS:
    case COMMAND_LISTEN:
    case COMMAND_SNAPSHOT:
        return router_resync_row(r, c, now_ms, ret_outcome);
    case COMMAND_ENTRIES:
        router_entries_row(r, row);
        return false;
    case COMMAND_COUNTERS:
        return router_counters_row(r, c, row, ret_outcome);
    case COMMAND_LOGIN:
    case COMMAND_ADD:
    case COMMAND_REMOVE:
    case COMMAND_SET:
    case COMMAND_CLAIM:
    case COMMAND_UNCLAIM:
    case COMMAND_SCRIPT:
    case COMMAND_FORGET:
    case COMMAND_KEEP_ALIVE:
        break;
    }
    return false;
}

bool router_answer_done(struct router *r, const struct command *c, struct router_outcome *ret_outcome,
                        const struct step *step)
{
    switch ((enum command_kind)c->kind) {
    case COMMAND_FLOW:
    case COMMAND_FLOW_AGAIN:
    case COMMAND_TUNNELS:
    case COMMAND_ROUTE_CHECK:
    case COMMAND_LISTEN_WAY:
        return router_way_done(r, c, step) && router_stage_answered(r, ret_outcome, step);
    case COMMAND_LISTS:
    case COMMAND_MEMBERS:
    case COMMAND_INTERFACE: /* without its type, it may be of any kind */
    case COMMAND_LISTENERS: /* version 6 has no WireGuard */
    case COMMAND_ADDRESS_LISTS:
    case COMMAND_ROUTES:
    case COMMAND_ADDRESSES:
    case COMMAND_LISTEN:
    case COMMAND_SNAPSHOT:
        return router_resync_done(r, c, ret_outcome, step);
    case COMMAND_SESSIONS:
    case COMMAND_CLAIM:
    case COMMAND_UNCLAIM:
        router_twin_done(r, c, step->now_ms);
        return false;
    case COMMAND_SCRIPT:
        router_script_done(r, c, step);
        return false;
    case COMMAND_ENTRIES:
    case COMMAND_FORGET:
        router_entries_done(r, c, step);
        return false;
    case COMMAND_COUNTERS:
        router_counters_done(r, c, step);
        return false;
    case COMMAND_RESOURCE:
    case COMMAND_LOGIN:
    case COMMAND_ADD:
    case COMMAND_REMOVE:
    case COMMAND_SET:
    case COMMAND_KEEP_ALIVE:
        break;
    }
    return false;
}

void router_answer_given_up(struct router *r, const struct command *c, const struct step *step)
{
    if (c->kind == COMMAND_SCRIPT) {
        router_script_given_up(r, step);
        return;
    }
    if (c->kind == COMMAND_COUNTERS) {
        router_counters_lost(r);
        return;
    }
    struct router_outcome none; /* only a snapshot has one, and it is not given up */
    router_way_given_up(r, c, step->out);
    router_answer_done(r, c, &none, step);
}

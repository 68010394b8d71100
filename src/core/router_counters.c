/* Reads the counters of our rules: with each snapshot, and when somebody reads the status. Without readers it
 * costs nothing. */
#include "core/router.h"

enum { PERIOD_MS = COUNTERS_PERIOD_S * 1000 };

/* RouterOS prints the counters if .proplist names them. `stats` is for versions that print them only then. */
static void read_counters(struct router *r, const struct step *step)
{
    struct writer w = session_begin(main_session(r), COMMAND_COUNTERS, ++r->counters.number,
                                    "/ip/firewall/nat/print", step);
    ros_write_pair_text(&w, "=.proplist=", ".id,bytes,packets");
    if (!r->counters.plain)
        ros_write_word(&w, span_text("=stats="));
    ros_write_word(&w, span_text("?chain=dstnat"));
    ros_write_pair_text(&w, "?in-interface=", r->context.interface);
    session_end(main_session(r), &w, step->out);
    r->counters.reading = true;
}

void router_count(struct router *r, const struct step *step)
{
    struct counters *c = &r->counters;
    bool recent = c->begun_ms != 0 && step->now_ms < c->begun_ms + PERIOD_MS;
    /* A snapshot shows the counters, too, and a later row of it could be older than one of this print. */
    if (recent || c->reading || !r->ready || r->stage == STAGE_SNAPSHOT || r->twin.standing_by ||
        !session_free(main_session(r)) || !actions_room(step->out))
        return;
    c->begun_ms = step->now_ms;
    read_counters(r, step);
}

static bool is_current(const struct router *r, const struct command *c)
{
    return r->counters.reading && c->cookie == r->counters.number;
}

bool router_counters_row(const struct router *r, const struct command *c, const struct ros_sentence *row,
                         struct router_outcome *ret_outcome)
{
    struct span id;
    *ret_outcome = (struct router_outcome){.type = ROUTER_COUNTED, .counters = nat_counters_parse(row)};
    return is_current(r, c) && ros_attribute(row, ".id", &id) && ros_parse_id(id, &ret_outcome->id);
}

void router_counters_done(struct router *r, const struct command *c, const struct step *step)
{
    struct counters *counters = &r->counters;
    if (!is_current(r, c))
        return;
    counters->reading = false;
    if (!c->failed) {
        counters->read_ms = counters->begun_ms;
    } else if (c->error == ROS_ERROR_UNKNOWN_PARAMETER && !counters->plain) {
        counters->plain = true;
        read_counters(r, step);
    }
}

void router_counters_lost(struct router *r)
{
    r->counters.reading = false;
    r->counters.plain = false;
}

/* ---- snapshots ---- */

void router_counters_snapshot_begins(struct router *r)
{
    r->counters.reading = false;
    r->counters.in_snapshot = false;
}

void router_counters_snapshot_row(struct router *r, const struct ros_sentence *row,
                                  struct router_outcome *outcome)
{
    outcome->counters = nat_counters_parse(row);
    r->counters.in_snapshot = r->counters.in_snapshot || outcome->counters.known;
}

void router_counters_snapshot_done(struct router *r)
{
    if (!r->counters.in_snapshot)
        return;
    r->counters.begun_ms = r->resynced_ms;
    r->counters.read_ms = r->resynced_ms;
}

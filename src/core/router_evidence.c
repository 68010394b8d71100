#include "core/router_evidence.h"

static bool is_tunnel(const struct way_evidence *e, const char *name)
{
    return interface_names_have(&e->tunnels, name);
}

void way_evidence_owner(struct way_evidence *e, const struct ros_sentence *row)
{
    struct prefix prefix;
    struct span interface;
    if (address_row_parse(row, &prefix, &interface) && prefix.address == e->flow.reply_to)
        interface_names_add(&e->owners, interface);
}

void way_evidence_address(struct way_evidence *e, const struct ros_sentence *row)
{
    /* A provider may give the tunnel an address without a network, such as 10.2.0.2/32 for 10.2.0.1. */
    enum { NEAR_BITS = 8 };
    struct prefix prefix;
    struct span interface;
    char name[INTERFACE_NAME_MAX + 1];
    route_choice_address(&e->route, row);
    if (!address_row_parse(row, &prefix, &interface) || (prefix.address ^ e->route.target) >> NEAR_BITS != 0)
        return;
    copy_interface(name, interface);
    if (is_tunnel(e, name))
        interface_names_add(&e->near, interface);
}

bool way_evidence_is_translated(const struct way_evidence *e)
{
    return e->flow.known && e->flow.reply_to != e->flow.source;
}

/* What nobody answered may have left by any interface, unless it is a tunnel. */
static bool flow_counts(const struct way_evidence *e)
{
    bool doubtful = e->owners.count == 1 && !e->flow.replied && !is_tunnel(e, e->owners.name[0]);
    return e->owners.count > 0 && !doubtful;
}

/* `specific`: it was found by more than the default route. */
static bool counts(const struct way_evidence *e, const char *name, bool specific)
{
    if (flow_counts(e))
        return interface_names_have(&e->owners, name);
    return name[0] != '\0' && (specific || is_tunnel(e, name));
}

const char *way_by_flow(const struct way_evidence *e)
{
    bool decides = e->flow.replied && e->owners.count == 1 && !e->owners.incomplete;
    return decides ? e->owners.name[0] : "";
}

const char *way_by_check(const struct way_evidence *e)
{
    if (flow_counts(e) && e->owners.count == 1)
        return e->owners.name[0];
    return counts(e, e->checked, false) ? e->checked : "";
}

const char *way_by_routes(const struct way_evidence *e, const char *before)
{
    if (counts(e, e->route.interface, e->route.best.length > 0))
        return e->route.interface;
    return flow_counts(e) && interface_names_have(&e->owners, before) ? before : "";
}

const struct interface_names *way_candidates(const struct way_evidence *e)
{
    return e->near.count > 0 ? &e->near : &e->tunnels;
}

const char *way_candidate(const struct way_evidence *e)
{
    const struct interface_names *names = way_candidates(e);
    return names->count == 1 && !e->tunnels.incomplete ? names->name[0] : "";
}

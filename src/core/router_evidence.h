/* What the router's tables say about the way to the gateway, and which interface follows from it. The daemon
 * reads one table after another until one decides; the check reads all of them. */
#pragma once

#include <stdbool.h>

#include "core/router_rows.h"

struct way_evidence {
    struct flow flow;              /* our connection to the gateway */
    struct interface_names owners; /* interfaces with the address to which the gateway's answers come */
    struct interface_names tunnels;
    struct interface_names near;          /* tunnels with an address near the gateway's */
    char checked[INTERFACE_NAME_MAX + 1]; /* the answer of /ip/route/check */
    struct route_choice route;            /* the longest match */
};

/* A row of /ip/address/print, for the owners. The flow must be known. */
void way_evidence_owner(struct way_evidence *e, const struct ros_sentence *row);
/* The same, for the routes and for what is near. The tunnels must be known. */
void way_evidence_address(struct way_evidence *e, const struct ros_sentence *row);
/* The router replaces our address by one of its own. */
bool way_evidence_is_translated(const struct way_evidence *e);

/* Each result is the interface, or empty if this does not decide. */

/* The connection alone: the gateway has answered it. */
const char *way_by_flow(const struct way_evidence *e);
/* With the tunnels, and the answer of /ip/route/check. */
const char *way_by_check(const struct way_evidence *e);
/* With the routes. `before`: the interface until now, which counts if several ones have the address; or
 * empty. */
const char *way_by_routes(const struct way_evidence *e, const char *before);

/* If nothing decides: the tunnels that the gateway may be behind. */
const struct interface_names *way_candidates(const struct way_evidence *e);
/* The only candidate; empty: there are several, or none. */
const char *way_candidate(const struct way_evidence *e);

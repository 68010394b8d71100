/* The way of the daemon's packets to the gateway: through the router, by the interface that its rules and
 * tables say. The gateway is behind the tunnels. */
#include <stdio.h>

#include "world.h"

enum {
    CONTAINER = 0xac110002, /* 172.17.0.2 */
};

static struct router_model_flow flow_of(const struct world *w)
{
    return (struct router_model_flow){
        .source = w->gateway_local != 0 ? w->gateway_local : CONTAINER,
        .destination = w->options.config.gateway,
        .source_port = (uint16_t)(30000 + w->socket % 10000),
        .destination_port = 5351,
    };
}

static bool leads_to_gateway(const struct world *w, const char *interface)
{
    const char *name;

    if (w->options.gateway_interface[0] != '\0')
        return strcmp(interface, w->options.gateway_interface) == 0;
    for (unsigned i = 0; (name = router_model_interface(w->router, i)); i++) {
        if (strcmp(name, interface) == 0)
            return strcmp(router_model_interface_type(w->router, i), "wg") == 0;
    }
    return false;
}

const char *world_way(const struct world *w)
{
    struct router_model_flow flow = flow_of(w);
    const char *interface = router_model_way(w->router, flow.source, flow.destination);

    return interface && leads_to_gateway(w, interface) ? interface : NULL;
}

bool world_packet_leaves(struct world *w)
{
    struct router_model_flow flow = flow_of(w);
    const char *interface = router_model_sends(w->router, w->now_ms, &flow);

    return interface && leads_to_gateway(w, interface);
}

void world_packet_returns(struct world *w)
{
    struct router_model_flow flow = flow_of(w);

    if (leads_to_gateway(w, router_model_connection_interface(w->router, &flow)))
        router_model_replies(w->router, w->now_ms, &flow);
}

void world_way_moves(struct world *w, const char *what, bool has_sign)
{
    trace_line(&w->trace, w->now_ms, "by hand: %s", what);
    inv_way_moves(w, has_sign);
}

void world_host_route(struct world *w, const char *interface)
{
    struct router_model_route route = {.distance = 1};

    snprintf(route.destination, sizeof(route.destination), "%s/32",
             address_text(w->options.config.gateway).text);
    router_model_route_remove(w->router, route.destination, "main");
    if (!interface)
        return;
    snprintf(route.gateway, sizeof(route.gateway), "%s", interface);
    router_model_route_add(w->router, &route);
}

/* Peers on the internet that keep sending to a port of the tunnel's address, whether a mapping is there or
 * not. The router's connection table remembers where the first packet of each went, and sends what follows
 * there.
 *
 * A rule that is new must also get the packets of those that sent before it was there: the daemon removes
 * their entries. It has PEER_MS for that, and GRACE_RECONNECT_MS after the last fault of the connections. It
 * need not do it on a connection on which the router has refused, nor for a rule of an earlier run whose
 * comment has an external port. */
#include <string.h>

#include "world.h"

enum {
    PEER_ADDRESS = 0xc6336410, /* 198.51.100.16 */
    PEER_PORT = 40000,
    PEER_MS = 3000,
    FOREIGN_MS = 18000,
};

void world_peer(struct world *w, bool tcp, uint16_t port, uint32_t every_ms)
{
    unsigned number = w->peers;

    if (number == WORLD_PEERS_MAX)
        return;
    w->peer[w->peers++] = (struct world_peer){.tcp = tcp, .port = port, .every_ms = every_ms};
    world_at(w, w->now_ms + every_ms, world_peer_sends, number);
}

void world_connection_removed(void *ctx, const struct router_model_flow *flow)
{
    struct world *w = ctx;
    uint32_t wan = 0;
    uint32_t lan = 0;

    (void)inv_interface_address(w, "ether1", &wan);
    (void)inv_interface_address(w, "bridge", &lan);
        /* While the way moves, the daemon may know the tunnel's address of a moment ago. */
    bool tunnels = inv_is_routers(w, flow->destination) || w->now_ms <= w->invariants.way_known_ms;

    if (!tunnels || flow->destination == wan || flow->destination == lan)

        world_fail(w, "a connection of somebody else was removed, to %s port %u",
                   address_text(flow->destination).text, flow->destination_port);
}

static const struct book_rule *rule_for(const struct world *w, const struct world_peer *peer)
{
    for (unsigned i = 0; i < w->invariants.rule_count; i++) {
        const struct book_rule *rule = &w->invariants.rules[i];

        if (rule->enabled && rule->tcp == peer->tcp && rule->router_port == peer->port)
            return rule;
    }
    return NULL;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* By then the entry must be gone. */
static uint64_t known_ms(const struct world *w, const struct world_peer *peer)
{
    const struct invariants *inv = &w->invariants;
    uint64_t known_ms = later(peer->rule_ms, inv->router_trouble_ms + GRACE_RECONNECT_MS);

    known_ms = later(known_ms, later(inv->hand_known_ms + FOREIGN_MS, inv->way_known_ms));
    return later(known_ms, inv->stalled_until_ms) + PEER_MS + UINT64_C(20) * w->options.stream_max_ms +
           UINT64_C(20) * router_model_options(w->router)->latency_max_ms;
}

/* While no packet of the daemon gets to the router, the daemon may not know where the way leads. */
static bool may_be_elsewhere(const struct world *w, const struct book_rule *rule, const char *interface)
{
    const struct router_model_rule *row = router_model_rule_find(w->router, rule->id);

    return w->faults.tunnel_down && row &&
           strcmp(router_model_rule_text(row, "in-interface"), interface) != 0;
}

static void check(struct world *w, struct world_peer *peer, const char *interface,
                  const struct router_model_fate *fate)
{
    const struct book_rule *rule = rule_for(w, peer);

    if (!rule || rule->id != peer->rule) {
        peer->rule = rule ? rule->id : 0;
        peer->rule_ms = w->now_ms;
        return;
    }
    if (!w->proxy || w->proxy_started_ms >= peer->rule_ms || fate->since_ms == 0 ||
        fate->since_ms >= peer->rule_ms || w->now_ms <= known_ms(w, peer) ||
        w->invariants.refusals_before != router_model_counters(w->router)->connection_refusals ||
        may_be_elsewhere(w, rule, interface))
        return;
    if (fate->address != rule->address || fate->port != rule->port)
        world_fail(w, "a peer that sends since before still reaches %s port %u, not %s port %u",
                   address_text(fate->address).text, fate->port, address_text(rule->address).text,
                   rule->port);
}

void world_peer_sends(struct world *w, unsigned number)
{
    struct world_peer *peer = &w->peer[number];
    const char *interface = world_way(w);
    struct router_model_packet packet = {.interface = interface,
                                         .tcp = peer->tcp,
                                         .source = PEER_ADDRESS + number,
                                         .source_port = (uint16_t)(PEER_PORT + number),
                                         .destination_port = peer->port};

    world_at(w, w->now_ms + peer->every_ms, world_peer_sends, number);
    if (!interface || !inv_interface_address(w, interface, &packet.destination))
        return;
    struct router_model_fate fate = router_model_receive(w->router, w->now_ms, &packet);

    if (fate.address != peer->reaches || fate.port != peer->reaches_port)
        trace_line(&w->trace, w->now_ms, "peer %u %s port %u > %s port %u", number, peer->tcp ? "tcp" : "udp",
                   peer->port, address_text(fate.address).text, fate.port);
    peer->reaches = fate.address;
    peer->reaches_port = fate.port;
    check(w, peer, interface, &fate);
}

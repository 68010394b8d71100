#include "core/port.h"

#include "base/attributes.h"

/* ---- on the router ---- */

/* A rule for such a port would hide a service of the router itself from the tunnel: those below 1024, NAT-PMP
 * (RFC 6886), and what RouterOS listens on by default. */
static bool is_usual_service(uint16_t port)
{
    static const struct {
        uint16_t first;
        uint16_t last;
    } services[] = {
        {0, 1023},      {1194, 1194}, /* OpenVPN */
        {1701, 1701},                 /* L2TP */
        {1723, 1723},                 /* PPTP */
        {1900, 1900},                 /* UPnP */
        {2000, 2000},                 /* bandwidth test */
        {4500, 4500},                 /* IPsec */
        {5246, 5247},                 /* CAPsMAN */
        {5350, 5351},                 /* NAT-PMP */
        {5678, 5678},                 /* MNDP */
        {8291, 8291},                 /* WinBox */
        {8728, 8729},                 /* the API */
        {13231, 13231},               /* WireGuard */
        {20561, 20561},               /* MAC telnet */
        {64872, 64875},               /* hotspot */
    };
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        if (port >= services[i].first && port <= services[i].last)
            return true;
    return false;
}

static bool is_of_the_router(const struct router *r, uint16_t port)
{
    return is_usual_service(port) || router_listens_on(r, port);
}

bool port_is_available(const struct mapping_tables *t, const struct router *r, uint16_t m, uint16_t port)
{
    enum natpmp_protocol protocol = mapping_protocol(&t->mapping[m]);
    return !is_of_the_router(r, port) && !router_port_taken(r, protocol, port) &&
           mapping_port_free(t, mapping_address(t, m), protocol, port);
}

static bool is_doubted(const struct mapping_tables *t, const struct router *r, uint16_t m, uint16_t port)
{
    return router_port_doubted(r, mapping_protocol(&t->mapping[m]), port);
}

uint16_t port_preferred(const struct mapping_tables *t, const struct router *r, uint16_t m)
{
    const struct mapping *mapping = &t->mapping[m];
    uint16_t companion_port = t->mapping[mapping_companion(t, m)].router_port;
    if (mapping->lease.moves > 0)
        return 0;
    if (port_is_available(t, r, m, companion_port) && !is_doubted(t, r, m, companion_port))
        return companion_port;
    uint16_t suggested = mapping->job.suggested_port;
    return port_is_available(t, r, m, suggested) && !is_doubted(t, r, m, suggested) ? suggested : 0;
}

/* The usual ones, those that were moved, and the way back to the first port of the range. */
enum { SERVICES_IN_A_ROW = 4 + ROUTER_LISTENS_MAX };

struct range {
    uint16_t first;
    uint16_t last;
};

static uint16_t free_from(const struct router *r, const struct portset *const *sets, unsigned count,
                          const struct range *range, uint16_t start)
{
    uint16_t port = portset_find_free(sets, count, range->first, range->last, start);
    for (unsigned i = 0; i < SERVICES_IN_A_ROW && is_of_the_router(r, port) && port != 0; i++)
        port = portset_find_free(sets, count, range->first, range->last,
                                 port < range->last ? (uint16_t)(port + 1) : range->first);
    return is_of_the_router(r, port) ? 0 : port;
}

/* Of `most` sets the last ones may be left out, down to `least`. */
static uint16_t free_of(const struct router *r, const struct portset *const *sets, unsigned most,
                        unsigned least, uint16_t start)
{
    static const struct range dynamic = {PORT_DYNAMIC_FIRST, PORT_DYNAMIC_LAST};
    static const struct range registered = {PORT_FIRST, PORT_DYNAMIC_FIRST - 1};
    uint16_t port = 0;
    for (unsigned count = most; count >= least && port == 0; count--)
        port = free_from(r, sets, count, &dynamic, start);
    /* A rule of the owner may take the whole dynamic range. */
    uint16_t below = (uint16_t)(PORT_FIRST + start % (PORT_DYNAMIC_FIRST - PORT_FIRST));
    for (unsigned count = most; count >= least && port == 0; count--)
        port = free_from(r, sets, count, &registered, below);
    return port;
}

uint16_t port_free_from(const struct mapping_tables *t, const struct router *r, uint16_t m, uint16_t start)
{
    enum natpmp_protocol own = mapping_protocol(&t->mapping[m]);
    enum natpmp_protocol other = mapping_other_protocol(&t->mapping[m]);
    const struct portset *sets[] = {&t->router_ports, &r->taken[own].sure, &r->taken[own].doubted,
                                    &r->taken[other].sure, &r->taken[other].doubted};
    /* How many of them count: of the ports that no rule takes for sure, those that a rule may take come last.
     */
    uint16_t port = free_of(r, sets, 5, 3, start);
    return port != 0 ? port : free_of(r, sets, 2, 2, start);
}

/* ---- at the gateway ---- */

static bool is_quarantined(const struct mapping_tables *t, uint16_t m, uint16_t external_port,
                           uint64_t now_ms)
{
    uint64_t since_ms = now_ms > QUARANTINE_MS ? now_ms - QUARANTINE_MS : 0;
    return mapping_port_is_quarantined(t, m, external_port, since_ms);
}

/* Another client's rule has this router port, and its external port is not known yet. The gateway most likely
 * grants the same number, and section 3.3 forbids to give that number's other protocol to this client. */
static bool is_taken(const struct mapping_tables *t, uint16_t m, enum natpmp_protocol protocol, uint16_t port)
{
    uint16_t holder = mapping_find_router_port(t, protocol, port);
    const struct mapping *mapping = &t->mapping[holder];
    return holder != 0 && mapping->wanted && mapping->lease.external_port == 0 &&
           mapping->client != t->mapping[m].client;
}

static bool is_foreign(const struct mapping_tables *t, uint16_t m, uint16_t port, uint64_t now_ms)
{
    const struct mapping *mapping = &t->mapping[m];
    uint16_t holder = mapping_find_external_port(t, mapping_protocol(mapping), port);
    uint16_t neighbour = mapping_find_external_port(t, mapping_other_protocol(mapping), port);
    return (holder != 0 && holder != m) ||
           (neighbour != 0 && t->mapping[neighbour].client != mapping->client) ||
           is_taken(t, m, NATPMP_UDP, port) || is_taken(t, m, NATPMP_TCP, port) ||
           is_quarantined(t, m, port, now_ms);
}

uint16_t port_suggestion(const struct mapping_tables *t, const struct strategy *strategy, uint16_t m,
                         uint64_t now_ms)
{
    const struct mapping *mapping = &t->mapping[m];
    if (mapping->lease.external_port != 0)
        return mapping->lease.external_port;
    uint16_t wish = mapping->lease.pair != PAIR_REJOINS ? mapping->promise.port : 0;
    uint16_t companion = strategy->companion(t, m);
    if (wish == 0 && companion != 0)
        wish = t->mapping[companion].lease.external_port;
    if (wish == 0)
        wish = mapping->job.suggested_port;
    return wish != 0 && !is_foreign(t, m, wish, now_ms) ? wish : 0;
}

uint16_t port_own_suggestion(const struct mapping_tables *t, uint16_t m, uint64_t now_ms)
{
    uint16_t port = t->mapping[m].router_port;
    return port != 0 && !is_foreign(t, m, port, now_ms) ? port : 0;
}

static bool is_alive(const struct mapping *mapping, uint64_t now_ms)
{
    return lease_lives(mapping, now_ms) || lease_may_live(mapping, now_ms) ||
           lease_is_contradicted(mapping, now_ms);
}

static uint16_t live_holder(const struct mapping_tables *t, enum natpmp_protocol protocol,
                            uint16_t external_port, uint64_t now_ms)
{
    uint16_t holder = mapping_find_external_port(t, protocol, external_port);
    return holder != 0 && is_alive(&t->mapping[holder], now_ms) ? holder : 0;
}

uint16_t port_expired_holder(const struct mapping_tables *t, enum natpmp_protocol protocol,
                             uint16_t external_port, uint64_t now_ms)
{
    uint16_t holder = mapping_find_external_port(t, protocol, external_port);
    return holder != 0 && !is_alive(&t->mapping[holder], now_ms) ? holder : 0;
}

enum port_verdict port_judge_grant(const struct mapping_tables *t, const struct strategy *strategy,
                                   uint16_t m, uint16_t external_port, uint64_t now_ms)
{
    const struct mapping *mapping = &t->mapping[m];
    enum natpmp_protocol other = mapping_other_protocol(mapping);
    uint16_t holder = live_holder(t, mapping_protocol(mapping), external_port, now_ms);
    uint16_t neighbour = live_holder(t, other, external_port, now_ms);
    if (strategy->is_being_released != NULL && strategy->is_being_released(t, other, external_port))
        neighbour = 0;
    if (holder != 0 && holder != m)
        return PORT_CONFLICTS;
    /* RFC 6886 section 3.3: TCP and UDP of one external port belong to one client [M-10]. */
    if (neighbour != 0 && t->mapping[neighbour].client != mapping->client)
        return PORT_UNUSABLE;
    bool quarantined =
        mapping->lease.external_port != external_port && is_quarantined(t, m, external_port, now_ms);
    return quarantined ? PORT_UNUSABLE : PORT_USABLE;
}

#include "core/proxy_status.h"

#include "core/change.h"
#include "core/proxy_state.h"

static uint32_t age_s(bool known, uint64_t at_ms, uint64_t now_ms)
{
    return known ? status_age_s(at_ms, now_ms) : AGE_UNKNOWN_S;
}

/* A client's record outlives its mappings, which are in quarantine. */
static unsigned clients_served(const struct mapping_tables *t)
{
    unsigned count = 0;
    for (unsigned c = 1; c <= t->used_clients; c++)
        count += t->client[c].live > 0;
    return count;
}

struct proxy_status proxy_status(const struct proxy *p, uint64_t now_ms)
{
    const struct upstream *u = &p->upstream;
    uint32_t other_address;
    bool standing_by = router_stands_by(&p->router, &other_address);
    struct proxy_status status = {
        .standing_by = standing_by,
        .other_address = other_address,
        .router_failure = proxy_router_failure(p),
        .gateway_trouble = proxy_gateway_trouble(p),
        .gateway_result =
            proxy_gateway_trouble(p) == GATEWAY_REFUSES_MAPPINGS ? p->refusal : u->trouble_result,
        .uptime_s = status_age_s(p->started_ms, now_ms),
        .epoch_s = server_epoch_s(&p->server, now_ms),
        .router_address = router_address(&p->router),
        .external_address = u->address_known ? u->address : 0,
        .external_age_s = age_s(u->address_known, u->address_since_ms, now_ms),
        .gateway_silence_s = age_s(u->epoch_known, u->epoch_ms, now_ms),
        .mappings = p->tables.live,
        .records = p->tables.records,
        .clients = clients_served(&p->tables),
        .dropped = p->server.dropped,
        .notices = p->notices,
        .grants = p->grants,
        .failures = p->failures,
        .counters_age_s = age_s(p->router.counters.read_ms != 0, p->router.counters.read_ms, now_ms),
        .counters_reading = p->router.counters.reading,
        .router_ready = router_is_ready(&p->router),
        .interface_configured = p->config.in_interface[0] != '\0',
    };
    _Static_assert(sizeof(status.router_version) == sizeof(p->router.version), "one is copied to the other");
    memcpy(status.router_version, p->router.version, sizeof(status.router_version));
    memcpy(status.interface, p->router.context.interface, sizeof(status.interface));
    return status;
}

enum proxy_condition proxy_condition(const struct proxy *p)
{
    uint32_t other_address;
    bool router_works = router_is_ready(&p->router) && failure_text(proxy_router_failure(p))->state == NULL;
    if (router_stands_by(&p->router, &other_address))
        return PROXY_STANDS_BY;
    return router_works && proxy_gateway_trouble(p) == GATEWAY_FINE ? PROXY_WORKS : PROXY_TROUBLED;
}

/* ---- mappings ---- */

static enum mapping_condition condition_of(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    if (!mapping->wanted || lease_is_refused(mapping))
        return mapping->job.failure != 0 ? MAPPING_REFUSED : MAPPING_ENDING;
    if (router_is_ready(&p->router) && change_waits_for_lease(p, m, now_ms))
        return MAPPING_WAITS_GATEWAY;
    if (!rule_forwards(mapping) || router_is_away(&p->router, now_ms))
        return MAPPING_WAITS_ROUTER;
    if (mapping->promise.adopted && !mapping->is_static)
        return MAPPING_ADOPTED;
    bool doubted = proxy_may_be_contradicted(p, mapping, now_ms) && mapping->promise.noted == 0;
    if (lease_left_ms(mapping, now_ms) == 0 || doubted)
        return MAPPING_WAITS_GATEWAY;
    if (mapping->is_static)
        return MAPPING_STATIC;
    bool renewed = mapping->lease.ends_ms < mapping->promise.kept_until_ms;
    return promise_is_in_use(mapping, now_ms) || !renewed ? MAPPING_ACTIVE : MAPPING_KEPT_ALIVE;
}

/* A mapping that has ended, and of which nothing is to be said. */
static bool is_quiet(const struct mapping_tables *t, uint16_t m)
{
    return mapping_is_quarantined(t, m) && t->mapping[m].job.failure == 0;
}

uint16_t mapping_status_from(const struct proxy *p, uint16_t from, uint64_t now_ms,
                             struct mapping_status *ret_status)
{
    const struct mapping_tables *t = &p->tables;
    for (unsigned i = from; i <= t->used_mappings; i++) {
        uint16_t m = (uint16_t)i;
        const struct mapping *mapping = &t->mapping[m];
        if (m == 0 || mapping->client == 0 || is_quiet(t, m))
            continue;
        bool added = rule_forwards(mapping) && mapping->rule.added_ms != 0;
        enum mapping_condition condition = condition_of(p, m, now_ms);
        *ret_status = (struct mapping_status){
            .client = mapping_address(t, m),
            .lease_left_s = (uint32_t)(lease_left_ms(mapping, now_ms) / 1000),
            .age_s = age_s(added, mapping->rule.added_ms, now_ms),
            .internal_port = mapping->internal_port,
            .router_port = mapping->router_port,
            .external_port = condition != MAPPING_REFUSED ? lease_port(&mapping->lease) : 0,
            .changes = mapping->promise.changes,
            .noted = mapping->promise.noted,
            .result = mapping->job.failure,
            .protocol = (uint8_t)mapping->protocol,
            .condition = (uint8_t)condition,
            .counted = arrivals_are_known(mapping),
            .has_rule = rule_forwards(mapping),
            .connections = mapping->arrivals.connections,
            .first_bytes = mapping->arrivals.bytes,
            .arrival_age_s = age_s(mapping->arrivals.not_before_s != 0,
                                   (uint64_t)mapping->arrivals.not_before_s * 1000, now_ms),
        };
        return m;
    }
    return 0;
}

bool static_status(const struct proxy *p, unsigned number, struct mapping_status *ret_status)
{
    const struct static_mapping *one = &p->config.static_mapping[number];
    uint16_t m =
        mapping_find(&p->tables, one->address, (enum natpmp_protocol)one->protocol, one->internal_port);
    if (m != 0 && !is_quiet(&p->tables, m))
        return false;
    uint8_t refusal = p->static_refusal[number];
    *ret_status = (struct mapping_status){
        .client = one->address,
        .age_s = AGE_UNKNOWN_S,
        .internal_port = one->internal_port,
        .protocol = one->protocol,
        .condition = (uint8_t)(refusal != TARGET_ALLOWED ? MAPPING_REFUSED : MAPPING_WAITS_ROUTER),
        .refusal = refusal,
        .arrival_age_s = AGE_UNKNOWN_S,
    };
    return true;
}

bool proxy_knows(const struct proxy *p, uint32_t address)
{
    uint16_t c = client_find(&p->tables, address);
    return c != 0 && p->tables.client[c].live > 0;
}

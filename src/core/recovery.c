#include "core/recovery.h"

#include "core/strategy.h"

enum {
    /* RFC 6886 section 3.7: a random delay, so that not all clients of the gateway request their mappings at
     * the same moment [C-27]. */
    DELAY_MS = 5 * 1000,
    /* If mappings are still missing after this time, the clients must learn that their ports may be lost. */
    PATIENCE_MS = 10 * 1000,
};

void recovery_note_broken(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    bool advertised = !mapping->is_static || mapping->promise.advertised_until_ms > step->now_ms;
    if (advertised && mapping->promise.port != 0 && promise_lives(mapping, step->now_ms) &&
        mapping->job.kind != JOB_MAP)
        p->promises_broken = true;
}

/* A request that was withdrawn a moment ago may have reached the gateway after its restart: the lease is
 * deleted. */
static bool may_be_granted(const struct proxy *p, uint16_t m, uint64_t now_ms)
{
    const struct mapping *mapping = &p->tables.mapping[m];
    uint16_t port = p->strategy->request_port(mapping);
    return !mapping->wanted && mapping->lease.state == LEASE_UNSURE &&
           upstream_quiet_ms(&p->upstream, mapping_protocol(mapping), port) > now_ms;
}

/* The leases that were granted before are invalid at once. Only the new requests wait for the delay. */
void recovery_begin(struct proxy *p, uint64_t lost_ms, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    p->lost_ms = lost_ms;
    for (unsigned m = 1; m <= t->used_mappings; m++) {
        if (!lease_is_of_before(&t->mapping[m], lost_ms) || may_be_granted(p, (uint16_t)m, step->now_ms))
            continue;
        lease_on_state_lost(t, (uint16_t)m);
        mapping_touch(t, (uint16_t)m);
    }
    if (p->recover_ms != UINT64_MAX)
        return;
    p->recover_ms = step->now_ms + prng_below(&p->prng, DELAY_MS + 1);
    actions_log(step->out, LOG_LEVEL_WARN, "gateway",
                "the gateway restarted, or another one answers; all mappings are requested again mappings=%u",
                (unsigned)t->live);
}

/* All mappings are requested now, not when each renewal is due (section 3.7 [C-28]). */
static void recover(struct proxy *p, bool statics)
{
    struct mapping_tables *t = &p->tables;
    for (unsigned m = 1; m <= t->used_mappings; m++) {
        if (!lease_is_of_before(&t->mapping[m], p->lost_ms) || !t->mapping[m].wanted ||
            t->mapping[m].is_static != statics)
            continue;
        lease_recover(t, (uint16_t)m);
        mapping_touch(t, (uint16_t)m);
    }
}

static void recover_all(struct proxy *p)
{
    if (p->config.static_mappings > 0)
        recover(p, true);
    recover(p, false);
}

void recovery_tick(struct proxy *p, const struct step *step)
{
    const uint16_t *recovering = &p->tables.recovering;
    if (p->recover_ms <= step->now_ms) {
        p->recover_ms = UINT64_MAX;
        p->recover_until_ms = step->now_ms + PATIENCE_MS;
        recover_all(p);
    }
    if (p->recover_until_ms != UINT64_MAX && (*recovering == 0 || p->recover_until_ms <= step->now_ms)) {
        p->recover_until_ms = UINT64_MAX;
        p->promises_broken = p->promises_broken || *recovering > 0;
    }
    /* If all clients keep their ports, they need not learn of the restart [E-04]. */
    if (!p->promises_broken || p->recover_until_ms != UINT64_MAX || p->recover_ms != UINT64_MAX)
        return;
    p->promises_broken = false;
    server_reset_epoch(&p->server, step);
}

uint64_t recovery_due_ms(const struct proxy *p)
{
    return earlier_ms(p->recover_ms, p->recover_until_ms);
}

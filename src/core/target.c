#include "core/target.h"

#include "base/address_use.h"

static bool is_own(const struct proxy *p, uint32_t address)
{
    for (unsigned i = 0; i < ARRAY_LEN(p->own_address); i++)
        if (p->own_address[i] == address)
            return true;
    return address == p->config.listen_address || address == p->upstream.local ||
           address == p->upstream.router_local;
}

const char *target_refusal_text(enum target_refusal refusal)
{
    static const char *const texts[TARGET_REFUSALS] = {
        [TARGET_LOOPBACK] = "it leads to a loopback address",
        [TARGET_GATEWAY] = "it leads to the gateway's address",
        [TARGET_ROUTER] = "it leads to an address of the router",
        [TARGET_BROADCAST] = "it leads to a broadcast address",
        [TARGET_OWN] = "it leads to an address of double-natpmp itself",
        [TARGET_OUTSIDE] = "it leads to an address that no host of a LAN has",
        [TARGET_NO_ROOM] = "the table of mappings is full",
    };
    return texts[refusal];
}

enum target_refusal target_refused(const struct proxy *p, uint32_t address)
{
    if (address == 0 || address_is_loopback(address))
        return TARGET_LOOPBACK;
    if (address == p->config.gateway)
        return TARGET_GATEWAY;
    if (router_has_address(&p->router, address))
        return TARGET_ROUTER;
    if (router_is_broadcast(&p->router, address))
        return TARGET_BROADCAST;
    if (is_own(p, address))
        return TARGET_OWN;
    return address_is_of_lan(address) ? TARGET_ALLOWED : TARGET_OUTSIDE;
}

void target_note_own(struct proxy *p, uint32_t address)
{
    if (is_own(p, address))
        return;
    p->own_address[p->own_next] = address;
    p->own_next = (p->own_next + 1) % ARRAY_LEN(p->own_address);
}

void target_expel(struct proxy *p, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    for (unsigned i = 1; i <= t->used_mappings; i++) {
        uint16_t m = (uint16_t)i;
        const struct mapping *mapping = mapping_at(t, m);
        if (!mapping->wanted)
            continue;
        enum target_refusal refusal = target_refused(p, mapping_address(t, m));
        if (refusal == TARGET_ALLOWED)
            continue;
        actions_log(step->out, LOG_LEVEL_WARN, "mapping",
                    "the mapping may have no rule, because %s; it ends %s", target_refusal_text(refusal),
                    mapping_text(t, m).text);
        /* No client gets an answer: on_lan drops such requests, too, and an answer could be a broadcast. */
        struct pending_reply reply;
        while (job_take_pending(t, m, &reply))
            continue;
        if (mapping->job.kind == JOB_MAP)
            job_end(t, m);
        mapping_set_static(t, m, false);
        promise_stop(t, m);
        lease_end(t, m);
        mapping_touch(t, m);
    }
}

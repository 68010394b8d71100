#include "core/external_port.h"

#include "core/pair.h"
#include "core/port.h"
#include "core/recovery.h"
#include "core/strategy.h"
#include "core/turn.h"

enum {
    /* The warning about ports that change often appears again only if there were no such changes for this
     * long. */
    ROTATION_NOTED_MS = 60 * 60 * 1000,
};

static const char component[] = "gateway";

/* ---- TCP and UDP of one port ---- */

static void compare(struct proxy *p, uint16_t m, uint16_t companion, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct lease *one = &mapping_at(t, m)->lease;
    const struct lease *other = &mapping_at(t, companion)->lease;
    bool differs = other->external_port != one->external_port;
    if (differs && !one->pair_noted && !other->pair_noted)
        actions_log(step->out, LOG_LEVEL_WARN, component,
                    "TCP and UDP of one port have different external ports; a program that announces one "
                    "number is reached by one of them %s external=%u other=%u",
                    mapping_text(t, m).text, (unsigned)one->external_port, (unsigned)other->external_port);
    lease_note_pair(t, m, differs);
    lease_note_pair(t, companion, differs);
}

static void count_rotation(struct proxy *p, uint16_t m, const struct step *step)
{
    uint64_t since_ms;
    unsigned changes = lease_count_rotation(&p->tables, m, step->now_ms, &since_ms);
    if (changes == 0)
        return;
    if (p->rotation_noted_until_ms <= step->now_ms)
        actions_log(
            step->out, LOG_LEVEL_WARN, component,
            "the gateway changes external ports often; another device may use the same WireGuard key "
            "changes=%u minutes=%u fix=\"make a key for this tunnel alone; if that does not help, choose "
            "another server\"",
            changes, (unsigned)((step->now_ms - since_ms) / 60000 + 1));
    p->rotation_noted_until_ms = step->now_ms + ROTATION_NOTED_MS;
}

void external_port_pair_settled(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct mapping *mapping = mapping_at(&p->tables, m);
    lease_set_pair(&p->tables, m, PAIR_SETTLED);
    if (mapping->promise.port != 0 && mapping->promise.port != mapping->lease.external_port)
        recovery_note_broken(p, m, step);
    mapping_touch(&p->tables, m);
}

void external_port_granted(struct proxy *p, uint16_t m, uint16_t old, bool rotated, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    lease_set_pair(t, m, PAIR_SETTLED);
    struct pair_verdict pair = pair_judge(t, p->strategy, m, old, rotated, step->now_ms);
    if (pair.compare)
        compare(p, m, pair.companion, step);
    if (pair.changed)
        actions_log(step->out, LOG_LEVEL_WARN, component, "%s %s old=%u new=%u",
                    rotated ? "the gateway changed the external port"
                            : "the mapping has another external port now",
                    mapping_text(t, m).text, (unsigned)old, (unsigned)mapping_at(t, m)->lease.external_port);
    if (pair.changed && rotated)
        count_rotation(p, m, step);
    if (pair.ask_companion) {
        lease_set_pair(t, m, PAIR_ASKED);
        lease_set_due(t, pair.companion);
        lease_retry_at(t, pair.companion, 0);
        mapping_touch(t, pair.companion);
    }
    if (pair.broken)
        recovery_note_broken(p, m, step);
    if (pair.companion_next == PAIR_NEXT_SETTLES) {
        external_port_pair_settled(p, pair.companion, step);
    } else if (pair.companion_next == PAIR_NEXT_REJOINS) {
        lease_rejoin(t, pair.companion, step->now_ms);
        mapping_touch(t, pair.companion);
    }
}

/* Without a grant, the companion's external port cannot be compared, so both mappings keep the ports that
 * they have. */
void external_port_failed(struct proxy *p, uint16_t m, const struct step *step)
{
    const struct lease *lease = &mapping_at(&p->tables, m)->lease;
    uint16_t companion = pair_companion(&p->tables, m, step->now_ms);
    if (companion != 0 && mapping_at(&p->tables, companion)->lease.pair == PAIR_ASKED)
        external_port_pair_settled(p, companion, step);
    if (lease->pair == PAIR_REJOINS && !lease->releasing)
        external_port_pair_settled(p, m, step);
}

/* ---- ports of others ---- */

static void forget_expired(struct proxy *p, enum natpmp_protocol protocol, uint16_t external_port,
                           const struct step *step)
{
    uint16_t holder = port_expired_holder(&p->tables, protocol, external_port, step->now_ms);
    if (holder == 0)
        return;
    lease_on_port_lost(&p->tables, holder);
    mapping_touch(&p->tables, holder);
}

void external_port_forget_expired(struct proxy *p, uint16_t m, uint16_t external_port,
                                  const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    enum natpmp_protocol other = mapping_other_protocol(mapping_at(t, m));
    forget_expired(p, mapping_protocol(mapping_at(t, m)), external_port, step);
    if (p->strategy->is_being_released == NULL || !p->strategy->is_being_released(t, other, external_port))
        forget_expired(p, other, external_port, step);
}

/* ---- contradictions ---- */

void external_port_refuse_contradicted(struct proxy *p, uint16_t m, const struct step *step)
{
    lease_on_conflict(&p->tables, m);
    turn_refuse(p, m, step);
    p->refuses_until_ms = step->now_ms + UINT64_C(1000) * GATEWAY_REFUSES_S;
    mapping_touch(&p->tables, m);
}

/* What the gateway said last counts, unless it gives the mapping a port that another client has. */
void external_port_take_offer(struct proxy *p, uint16_t m, const struct step *step)
{
    struct mapping_tables *t = &p->tables;
    const struct mapping *mapping = mapping_at(t, m);
    uint16_t old = mapping->lease.external_port;
    uint16_t port = mapping->lease.offered_port;
    if (!lease_offer_counts(mapping, step->now_ms) || !mapping->wanted)
        return;
    if (port_judge_grant(t, p->strategy, m, port, step->now_ms) != PORT_USABLE) {
        external_port_refuse_contradicted(p, m, step);
        return;
    }
    external_port_forget_expired(p, m, port, step);
    lease_on_offer_taken(t, m, step->now_ms);
    promise_on_granted(t, m);
    external_port_granted(p, m, old, true, step);
}

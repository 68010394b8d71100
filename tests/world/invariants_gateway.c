/* The gateway's side of the invariants: what the core can know by the gateway's datagrams. */
#include "bytes.h"
#include "world.h"

enum {
    CLOCK_TOLERANCE_MS = 2000, /* RFC 6886 section 3.6; a reply that is later looks like a clock set back */
    LATE_EXCUSE_MS = 10000,    /* for the router's part of a mapping */
};

/* ---- lost leases ---- */

void inv_lease_lost(struct world *w, const struct gateway_lease *lease, uint64_t lost_ms, bool by_reboot)
{
    struct invariants *inv = &w->invariants;

    inv->lost[inv->lost_next++ % INV_LOST_MAX] = (struct inv_lost){
        .tcp = lease->tcp,
        .by_reboot = by_reboot,
        .unseen = by_reboot && gateway_epoch_s(&w->gateway, lost_ms) < CLOCK_TOLERANCE_MS / 1000,
        .internal_port = lease->internal_port,
        .external_port = lease->external_port,
        .ends_ms = lease->ends_ms,
        .lost_ms = lost_ms,
    };
}

/* If replies are usually late, their epochs are equally late, so the core cannot notice it. */
static bool may_count(const struct world *w, uint64_t ends_ms)
{
    return ends_ms + GATEWAY_LATE_MS + w->gateway.faults.late_ms > w->now_ms;
}

bool inv_lease_is_excused(const struct world *w, bool tcp, uint16_t internal_port, uint16_t external_port)
{
    for (unsigned i = 0; i < INV_LOST_MAX; i++) {
        const struct inv_lost *lost = &w->invariants.lost[i];

        if (!lost->known && lost->tcp == tcp && lost->internal_port == internal_port &&
            lost->external_port == external_port && may_count(w, lost->ends_ms))
            return true;
    }
    /* The lease has ended, and no event has removed it since then. */
    for (unsigned i = 0; i < w->gateway.leases_end; i++) {
        const struct gateway_lease *lease = &w->gateway.leases[i];

        if (lease->used && lease->tcp == tcp && lease->internal_port == internal_port &&
            lease->external_port == external_port && may_count(w, lease->ends_ms))
            return true;
    }
    return false;
}

/* The core has received what the gateway sent then, and must have understood that the gateway lost its state.
 * No epoch shows that a port has changed. */
static void note_restart(struct world *w, uint64_t said_ms)
{
    for (unsigned i = 0; i < INV_LOST_MAX; i++) {
        struct inv_lost *lost = &w->invariants.lost[i];

        lost->known |= lost->by_reboot && !lost->unseen && lost->lost_ms <= said_ms;
    }
}

/* The core has received a success, so it knows which port the lease had when the gateway sent that. Late
 * replies from before a reboot, and those that made the core believe in a reboot, have an epoch of the
 * present; by their epoch they were sent at seems_said_ms. */
static void note_success(struct world *w, uint64_t said_ms, uint64_t seems_said_ms, const uint8_t *bytes)
{
    bool symmetric = w->gateway.options.symmetric;
    bool tcp = bytes[1] == 130;
    uint16_t internal_port = get16(bytes + 8);
    uint16_t external_port = get16(bytes + 10);

    if (symmetric && internal_port != 0 && external_port != 0 && internal_port != external_port)
        return; /* no answer of such a gateway */
    for (unsigned i = 0; i < INV_LOST_MAX; i++) {
        struct inv_lost *lost = &w->invariants.lost[i];

        if (lost->tcp != tcp || (lost->internal_port != internal_port && (!symmetric || external_port == 0)))
            continue;
        if (lost->external_port != external_port && said_ms >= lost->lost_ms) {
            lost->known = true;
            lost->known_by_ms = said_ms > lost->known_by_ms ? said_ms : lost->known_by_ms;
        } else if (lost->external_port == external_port &&
                   seems_said_ms + GATEWAY_LATE_MS >= lost->known_by_ms) {
            lost->known = false;
        }
    }
}

/* ---- late grants ---- */

static void note_late(struct world *w, uint64_t said_ms, const uint8_t *bytes)
{
    struct invariants *inv = &w->invariants;
    uint16_t internal_port = get16(bytes + 8);
    uint16_t external_port = get16(bytes + 10);

    if (get16(bytes + 2) != 0 || get32(bytes + 12) == 0)
        return;
    /* A symmetric gateway names internal port 0, and forwards a port to the same one. */
    inv->late[inv->late_next++ % INV_LATE_MAX] = (struct inv_late){
        .tcp = bytes[1] == 130,
        .internal_port = internal_port != 0 ? internal_port : external_port,
        .external_port = external_port,
        .arrived_ms = w->now_ms,
        .late_ms = w->now_ms - said_ms,
    };
}

uint64_t inv_grant_late_ms(const struct world *w, bool tcp, uint16_t internal_port, uint16_t external_port)
{
    uint64_t most_ms = 0;

    for (unsigned i = 0; i < INV_LATE_MAX; i++) {
        const struct inv_late *late = &w->invariants.late[i];

        if (late->arrived_ms != 0 && late->arrived_ms + LATE_EXCUSE_MS >= w->now_ms && late->tcp == tcp &&
            late->internal_port == internal_port && late->external_port == external_port &&
            late->late_ms > most_ms)
            most_ms = late->late_ms;
    }
    return most_ms;
}

/* ---- datagrams ---- */

/* Expects the epoch as the core calculates it. */
static uint64_t seems_said(const struct world *w, uint32_t epoch_s)
{
    const struct invariants *inv = &w->invariants;
    uint64_t now_s = inv->gateway_epoch_s + (w->now_ms - inv->gateway_epoch_ms) / 1000;
    uint64_t ago_ms = inv->gateway_heard && now_s > epoch_s ? (now_s - epoch_s) * 1000 : 0;

    return w->now_ms > ago_ms ? w->now_ms - ago_ms : 0;
}

/* The test of section 3.6, for every datagram that carries an epoch. A datagram that fails it may only be
 * late. The core then requests the address, whose reply decides. */
void inv_from_gateway(struct world *w, uint64_t said_ms, struct span datagram)
{
    struct invariants *inv = &w->invariants;
    const uint8_t *bytes = datagram.data;
    uint64_t seems_said_ms;
    uint32_t epoch_s;
    bool map;

    map = datagram.len == 16 && (bytes[1] == 129 || bytes[1] == 130);
    if (datagram.len < 8 || bytes[0] != 0 ||
        (!map && !(bytes[1] == 128 && (datagram.len == 12 || datagram.len == 8))))
        return;
    if (map && said_ms + CLOCK_TOLERANCE_MS < w->now_ms)
        note_late(w, said_ms, bytes);
    epoch_s = get32(bytes + 4);
    uint64_t expected_s = inv->gateway_epoch_s + (w->now_ms - inv->gateway_epoch_ms) / 1000 * 7 / 8;
    if (inv->gateway_heard && (uint64_t)epoch_s + 2 < expected_s) {
        /* True or not, the core may take it for a loss, since it cannot tell a late datagram from a
         * restart. */
        inv_state_lost(w);
        if (!inv->gateway_doubted || bytes[1] != 128) {
            inv->gateway_doubted = true;
            return;
        }
        /* If a gateway restarts a few seconds after a late reply, its new replies look late; and late replies
         * may look like a clock that was set back. */
        if (w->gateway.faults.late_ms == 0 || epoch_s + 1 + w->gateway.faults.late_ms / 1000 < expected_s)
            note_restart(w, said_ms);
    }
    seems_said_ms = seems_said(w, epoch_s);
    inv->gateway_doubted = false;
    inv->gateway_heard = true;
    inv->gateway_epoch_s = epoch_s;
    inv->gateway_epoch_ms = w->now_ms;
    if (map && (get16(bytes + 2) == 2 || get16(bytes + 2) == 4))
        inv->gateway_refused_ms = w->now_ms;
    if (map && get16(bytes + 2) == 0)
        note_success(w, said_ms, seems_said_ms, bytes);
}

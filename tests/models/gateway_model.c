#include "gateway_model.h"

#include <assert.h>

#include "bytes.h"

enum {
    /* Clients tolerate so much (RFC 6886 section 3.6); replies that are later look like a clock that was set
       back. */
    CLOCK_TOLERANCE_MS = 2000,
    RESULT_SUCCESS = 0,
    RESULT_NOT_AUTHORIZED = 2,
    RESULT_NO_RESOURCES = 4,
    RESULT_UNSUPPORTED_OPCODE = 5,
    DYNAMIC_FIRST = 33000,
    DYNAMIC_COUNT = 32000,
    PROTON_LIFETIME_S = 60,
    PROTON_PORTS = 5,
    THINK_MAX_MS = 3,
};

void gateway_init(struct gateway_model *g, const struct gateway_options *options,
                  const struct gateway_callbacks *callbacks, uint64_t seed)
{
    memset(g, 0, offsetof(struct gateway_model, leases));
    g->options = *options;
    if (g->options.profile == GATEWAY_PROTON && g->options.ports_max == 0)
        g->options.ports_max = PROTON_PORTS;
    g->callbacks = *callbacks;
    g->prng = prng_seeded(seed);
    g->epoch_at_origin_s = options->epoch_s;
}

uint32_t gateway_epoch_s(const struct gateway_model *g, uint64_t now_ms)
{
    return g->epoch_at_origin_s + (uint32_t)((now_ms - g->epoch_origin_ms) / 1000);
}

static bool percent(struct gateway_model *g, unsigned chance)
{
    return chance > 0 && prng_below(&g->prng, 100) < chance;
}

/* Of a reply. */
static uint32_t reply_epoch_s(struct gateway_model *g, uint64_t now_ms)
{
    if (!g->faults.many_clocks)
        return gateway_epoch_s(g, now_ms);
    g->clock_changes++;
    return prng_below(&g->prng, 4000000000U);
}

/* ---- the table ---- */

static void lose(struct gateway_model *g, const struct gateway_lease *lease, uint64_t lost_ms, bool by_reboot)
{
    g->losses++;
    if (g->callbacks.lost)
        g->callbacks.lost(g->callbacks.context, lease, lost_ms, by_reboot);
}

void gateway_expire(struct gateway_model *g, uint64_t now_ms)
{
    for (unsigned i = 0; i < g->leases_end; i++) {
        if (g->leases[i].used && g->leases[i].ends_ms <= now_ms) {
            lose(g, &g->leases[i], g->leases[i].ends_ms, false);
            g->leases[i].used = false;
        }
    }
    while (g->leases_end > 0 && !g->leases[g->leases_end - 1].used)
        g->leases_end--;
}

static struct gateway_lease *find(struct gateway_model *g, bool tcp, uint16_t internal_port)
{
    for (unsigned i = 0; i < g->leases_end; i++) {
        struct gateway_lease *lease = &g->leases[i];

        if (lease->used && lease->tcp == tcp && lease->internal_port == internal_port)
            return lease;
    }
    return NULL;
}

/* Behind a symmetric gateway there is one for each protocol. */
static struct gateway_lease *find_any(struct gateway_model *g, bool tcp)
{
    for (unsigned i = 0; i < g->leases_end; i++) {
        if (g->leases[i].used && g->leases[i].tcp == tcp)
            return &g->leases[i];
    }
    return NULL;
}

static struct gateway_lease *find_external(struct gateway_model *g, bool tcp, uint16_t external_port)
{
    for (unsigned i = 0; i < g->leases_end; i++) {
        struct gateway_lease *lease = &g->leases[i];

        if (lease->used && lease->tcp == tcp && lease->external_port == external_port)
            return lease;
    }
    return NULL;
}

static bool port_in_use(struct gateway_model *g, uint16_t external_port)
{
    return find_external(g, false, external_port) || find_external(g, true, external_port);
}

static unsigned distinct_ports(struct gateway_model *g)
{
    unsigned count = 0;

    for (unsigned i = 0; i < g->leases_end; i++) {
        const struct gateway_lease *lease = &g->leases[i];
        const struct gateway_lease *udp =
            lease->used && lease->tcp ? find_external(g, false, lease->external_port) : NULL;

        count += lease->used && !udp;
    }
    return count;
}

static struct gateway_lease *add(struct gateway_model *g)
{
    unsigned i = 0;

    while (i < g->leases_end && g->leases[i].used)
        i++;
    if (i == GATEWAY_LEASES_MAX)
        return NULL;
    if (i == g->leases_end)
        g->leases_end++;
    g->leases[i] = (struct gateway_lease){.used = true};
    g->grants++;
    return &g->leases[i];
}

/* 0: there is none. */
static uint16_t random_port(struct gateway_model *g)
{
    uint16_t offered = g->options.offer_port;

    g->options.offer_port = 0;
    if (offered != 0 && !port_in_use(g, offered))
        return offered;
    for (unsigned i = 0; i < 1000; i++) {
        uint16_t port = (uint16_t)(DYNAMIC_FIRST + prng_below(&g->prng, DYNAMIC_COUNT));

        if (!port_in_use(g, port))
            return port;
    }
    return 0;
}

static uint16_t choose_port(struct gateway_model *g, bool tcp, uint16_t internal_port, uint16_t suggested)
{
    const struct gateway_lease *pair =
        g->options.symmetric ? find_any(g, !tcp) : find(g, !tcp, internal_port);

    if (g->options.symmetric)
        return pair ? pair->external_port : random_port(g);
    if (g->options.one_port)
        return DYNAMIC_FIRST + 4242;
    if ((g->options.profile == GATEWAY_PROTON || g->options.pairs) && pair &&
        !find_external(g, tcp, pair->external_port))
        return pair->external_port;
    if (g->options.ports_max > 0 && distinct_ports(g) >= g->options.ports_max)
        return 0;
    if (g->options.profile == GATEWAY_PROTON || g->options.ignore_suggestion)
        return random_port(g);
    if (suggested != 0 && !find_external(g, tcp, suggested))
        return suggested;
    /* Section 3.3: an available port of the gateway's choice. */
    return random_port(g);
}

static void maybe_rotate(struct gateway_model *g, uint64_t now_ms, struct gateway_lease *lease)
{
    uint16_t port = lease->next_port;

    lease->next_port = 0;
    if (port == 0 && percent(g, g->options.rotate_percent))
        port = random_port(g);
    if (port == 0)
        return;
    lose(g, lease, now_ms, false);
    lease->external_port = port;
}

static uint32_t granted_s(const struct gateway_model *g, uint32_t asked_s)
{
    if (g->options.profile == GATEWAY_PROTON)
        return PROTON_LIFETIME_S;
    if (g->options.lifetime_max_s != 0 && asked_s > g->options.lifetime_max_s)
        asked_s = g->options.lifetime_max_s;
    if (asked_s < g->options.lifetime_min_s)
        asked_s = g->options.lifetime_min_s;
    return asked_s;
}

/* ---- messages ---- */

/* Returns by how much it is late. */
static uint64_t send(struct gateway_model *g, const uint8_t *bytes, size_t len)
{
    uint64_t think_ms = prng_below(&g->prng, THINK_MAX_MS + 1);
    uint64_t late_ms = percent(g, g->faults.late_percent) ? g->faults.late_ms : 0;

    g->clock_changes += late_ms > CLOCK_TOLERANCE_MS;
    g->callbacks.send(g->callbacks.context, think_ms + late_ms, span_of(bytes, len));
    return late_ms;
}

/* Datagrams that a client must ignore before its answer: one that is too short, a request, another version,
 * an unsolicited answer, one for another port, and one of a length that does not exist. */
static void send_junk(struct gateway_model *g, uint64_t now_ms, struct span request)
{
    uint8_t junk[40] = {0};
    size_t len = 16;

    junk[1] = (uint8_t)(128 + (request.data[1] & 3));
    put32(junk + 4, gateway_epoch_s(g, now_ms));
    switch (prng_below(&g->prng, 7)) {
    case 0:
        len = prng_below(&g->prng, 8);
        break;
    case 1:
        junk[1] = request.data[1];
        break;
    case 2:
        junk[0] = 2;
        len = 24;
        break;
    case 3:
        junk[1] = (uint8_t)(131 + prng_below(&g->prng, 120));
        break;
    case 4:
        put16(junk + 8,
              1 + prng_below(&g->prng, 1023)); /* It would be an answer if the client had requested it. */
        put16(junk + 10, 1 + prng_below(&g->prng, 65535));
        put32(junk + 12, 3600);
        break;
    case 5:
        len = 9 + prng_below(&g->prng, 3);
        break;
    default:
        for (len = 0; len < sizeof(junk); len++)
            junk[len] = (uint8_t)prng_below(&g->prng, 256);
        junk[0] |= 4;
        break;
    }
    send(g, junk, len);
}

/* Arrives after the grant, which is late by late_ms. */
static void contradict(struct gateway_model *g, uint64_t late_ms, uint8_t reply[16])
{
    if (!g->faults.two_ports && !g->faults.takes_back)
        return;
    put16(reply + 10, g->faults.two_ports ? get16(reply + 10) ^ 1u : 0);
    if (g->faults.takes_back)
        put32(reply + 12, 0);
    g->callbacks.send(g->callbacks.context, late_ms + THINK_MAX_MS + 1, span_of(reply, 16));
}

static void reply_map(struct gateway_model *g, uint64_t now_ms, const uint8_t *request, uint16_t result,
                      uint16_t external_port, uint32_t lifetime_s)
{
    uint8_t reply[16] = {0};
    uint64_t late_ms;

    if (result == GATEWAY_NO_ANSWER)
        return;
    reply[1] = (uint8_t)(128 + request[1]);
    put16(reply + 2, result);
    put32(reply + 4, reply_epoch_s(g, now_ms));
    memcpy(reply + 8, request + 4, 2);
    if (get16(request + 4) == 0 && result == 0 && get16(request + 6) == 0 && !g->options.echoes_zero)
        put16(reply + 8, external_port);
    put16(reply + 10, external_port);
    put32(reply + 12, lifetime_s);
    late_ms = send(g, reply, result != 0 && g->faults.short_errors ? 8 : sizeof(reply));
    if (result == 0 && lifetime_s > 0)
        contradict(g, late_ms, reply);
}

size_t gateway_announcement(const struct gateway_model *g, uint64_t now_ms, uint8_t buffer[16])
{
    memset(buffer, 0, 16);
    buffer[1] = 128;
    put16(buffer + 2, g->faults.refuse_address);
    put32(buffer + 4, gateway_epoch_s(g, now_ms));
    if (g->faults.refuse_address == 0)
        put32(buffer + 8, g->options.external_address);
    return g->faults.refuse_address != 0 && g->faults.short_errors ? 8 : 12;
}

static void delete_all(struct gateway_model *g, bool tcp)
{
    for (unsigned i = 0; i < g->leases_end; i++) {
        if (g->leases[i].tcp == tcp)
            g->leases[i].used = false;
    }
}

static void take_delete(struct gateway_model *g, uint64_t now_ms, uint64_t sent_ms, const uint8_t *request)
{
    bool tcp = request[1] == 2;
    uint16_t internal_port = get16(request + 4);
    struct gateway_lease *lease = find(g, tcp, internal_port);

    if (g->faults.refuse_delete != 0) {
        reply_map(g, now_ms, request, g->faults.refuse_delete, 0, 0);
        return;
    }
    if (g->faults.grants_delete) {
        reply_map(g, now_ms, request, RESULT_SUCCESS, lease ? lease->external_port : internal_port,
                  PROTON_LIFETIME_S);
        return;
    }
    if (lease && sent_ms < lease->asked_ms)
        lose(g, lease, now_ms, false);
    if (lease)
        lease->used = false;
    if (internal_port == 0)
        delete_all(g, tcp);
    reply_map(g, now_ms, request, RESULT_SUCCESS, 0, 0);
}

/* It says success, and grants nothing. */
static void answer_wrongly(struct gateway_model *g, uint64_t now_ms, const uint8_t *request,
                           struct gateway_lease *lease)
{
    uint8_t other[12];
    uint16_t external_port = lease ? lease->external_port : get16(request + 6);
    uint32_t lifetime_s = granted_s(g, get32(request + 8));

    memcpy(other, request, sizeof(other));
    if (g->faults.wrong == GATEWAY_OTHER_INTERNAL)
        put16(other + 4, get16(request + 4) ^ 1u);
    if (g->faults.wrong == GATEWAY_OTHER_PROTOCOL)
        other[1] ^= 3;
    if (g->faults.wrong == GATEWAY_NO_PORT || g->faults.wrong == GATEWAY_NO_LIFETIME)
        external_port = 0;
    if (g->faults.wrong == GATEWAY_NO_LIFETIME) {
        lifetime_s = 0;
        if (lease)
            lose(g, lease, now_ms, false);
        if (lease)
            lease->used = false;
    }
    reply_map(g, now_ms, other, RESULT_SUCCESS, external_port, lifetime_s);
}

/* Some gateways grant only what they are asked for in their own way. */
static bool is_unwanted(const struct gateway_model *g, uint16_t internal_port, uint16_t suggested)
{
    return (g->options.wants_suggestion && suggested == 0) ||
           (g->options.wants_internal_port && suggested != internal_port);
}

static void take_map(struct gateway_model *g, uint64_t now_ms, uint64_t sent_ms, const uint8_t *request)
{
    bool tcp = request[1] == 2;
    uint16_t internal_port = get16(request + 4);
    uint32_t lifetime_s = granted_s(g, get32(request + 8));
    struct gateway_lease *lease =
        g->options.symmetric && internal_port == 0 ? find_any(g, tcp) : find(g, tcp, internal_port);

    if (internal_port == 0 ? !g->options.symmetric : g->options.symmetric && !lease) {
        reply_map(g, now_ms, request, RESULT_NOT_AUTHORIZED, 0, 0);
        return;
    }
    if (g->faults.in_turn && g->maps++ % 2 == 0) {
        ; /* this one is served */
    } else if (g->faults.refuse != 0) {
        reply_map(g, now_ms, request, g->faults.refuse, 0, 0);
        return;
    } else if (g->faults.wrong != GATEWAY_RIGHT) {
        answer_wrongly(g, now_ms, request, lease);
        return;
    }
    if (!lease && is_unwanted(g, internal_port, get16(request + 6))) {
        reply_map(g, now_ms, request,
                  g->options.unwanted_is_unanswered ? GATEWAY_NO_ANSWER : RESULT_NO_RESOURCES, 0, 0);
        return;
    }
    if (lease) {
        maybe_rotate(g, now_ms, lease);
    } else {
        uint16_t port = choose_port(g, tcp, internal_port, get16(request + 6));

        lease = port != 0 ? add(g) : NULL;
        if (!lease) {
            reply_map(g, now_ms, request, RESULT_NO_RESOURCES, 0, 0);
            return;
        }
        lease->tcp = tcp;
        lease->internal_port = internal_port;
        lease->external_port = port;
    }
    if (g->options.symmetric)
        lease->internal_port = lease->external_port;
    lease->asked_ms = sent_ms;
    lease->ends_ms = now_ms + (uint64_t)lifetime_s * 1000;
    reply_map(g, now_ms, request, RESULT_SUCCESS, lease->external_port, lifetime_s);
}

static void complain_about(struct gateway_model *g, struct span datagram)
{
    const uint8_t *bytes = datagram.data;
    const char *what = NULL;

    if (datagram.len < 2 || bytes[0] != 0 || bytes[1] > 2)
        what = "not a request of this version";
    else if (bytes[1] == 0 && datagram.len != 2)
        what = "an address request has 2 bytes";
    else if (bytes[1] != 0 && datagram.len != 12)
        what = "a map request has 12 bytes";
    else if (bytes[1] != 0 && get16(bytes + 2) != 0)
        what = "reserved bytes are sent as zero (3.3)";
    else if (bytes[1] != 0 && get16(bytes + 4) == 0 && (!g->options.symmetric || get32(bytes + 8) == 0))
        what = "internal port 0 would concern every client's mappings";
    else if (bytes[1] != 0 && get32(bytes + 8) == 0 && get16(bytes + 6) != 0)
        what = "a delete suggests no port (3.4)";
    if (what && g->callbacks.complain)
        g->callbacks.complain(g->callbacks.context, what, datagram);
}

/* Result 5: the whole request comes back (3.5). A short request has no room for an epoch. */
static void reply_unsupported_opcode(struct gateway_model *g, uint64_t now_ms, struct span datagram)
{
    uint8_t reply[2048] = {0};
    size_t len = datagram.len < sizeof(reply) ? datagram.len : sizeof(reply);

    memcpy(reply, datagram.data, len);
    reply[1] |= 128;
    put16(reply + 2, RESULT_UNSUPPORTED_OPCODE);
    if (len <= 4) {
        put32(reply + 4, gateway_epoch_s(g, now_ms));
        len = 8;
    }
    send(g, reply, len);
}

void gateway_receive(struct gateway_model *g, uint64_t now_ms, uint64_t sent_ms, struct span datagram)
{
    uint8_t reply[16] = {0};

    gateway_expire(g, now_ms);
    g->requests++;
    complain_about(g, datagram);
    if (g->faults.unreachable) {
        g->callbacks.unreachable(g->callbacks.context);
        return;
    }
    if (g->faults.silent || datagram.len < 2 || datagram.data[1] >= 128)
        return;
    if (percent(g, g->faults.junk_percent))
        send_junk(g, now_ms, datagram);
    if (datagram.data[0] != 0) {
        /* Erratum 3618: opcode 128, whatever the request was. */
        reply[1] = 128;
        reply[3] = 1;
        put32(reply + 4, gateway_epoch_s(g, now_ms));
        send(g, reply, 8);
    } else if (datagram.data[1] > 2) {
        reply_unsupported_opcode(g, now_ms, datagram);
    } else if (datagram.data[1] == 0) {
        size_t len;

        g->options.external_address += g->faults.many_clocks;
        len = gateway_announcement(g, now_ms, reply);
        put32(reply + 4, reply_epoch_s(g, now_ms));
        if (g->faults.refuse_address != GATEWAY_NO_ANSWER)
            send(g, reply, len);
        for (unsigned i = 0; i < 2 && g->faults.many_addresses; i++) {
            g->options.external_address++;
            send(g, reply, gateway_announcement(g, now_ms, reply));
        }
    } else if (datagram.len >= 12) {
        if (get32(datagram.data + 8) == 0)
            take_delete(g, now_ms, sent_ms, datagram.data);
        else
            take_map(g, now_ms, sent_ms, datagram.data);
    }
}

void gateway_reboot(struct gateway_model *g, uint64_t now_ms)
{
    gateway_expire(g, now_ms);
    for (unsigned i = 0; i < g->leases_end; i++) {
        if (g->leases[i].used)
            lose(g, &g->leases[i], now_ms, true);
        g->leases[i].used = false;
    }
    g->leases_end = 0;
    g->epoch_origin_ms = now_ms;
    g->epoch_at_origin_s = 0;
    g->reboots++;
}

/* An epoch is never negative. */
void gateway_set_clock(struct gateway_model *g, uint64_t now_ms, int32_t by_s)
{
    int64_t epoch_s = (int64_t)gateway_epoch_s(g, now_ms) + by_s;

    g->clock_changes++;
    g->epoch_origin_ms = now_ms;
    g->epoch_at_origin_s = epoch_s > 0 ? (uint32_t)epoch_s : 0;
}

void gateway_rotate(struct gateway_model *g, uint64_t now_ms)
{
    gateway_expire(g, now_ms);
    for (unsigned i = 0; i < g->leases_end; i++)
        g->leases[i].next_port = 0;
    for (unsigned i = 0; i < g->leases_end; i++) {
        struct gateway_lease *lease = &g->leases[i];
        const struct gateway_lease *pair = find(g, !lease->tcp, lease->internal_port);

        if (lease->used)
            lease->next_port = pair && pair->next_port != 0 ? pair->next_port : random_port(g);
    }
}

/* ---- inspection ---- */

const struct gateway_lease *gateway_find(const struct gateway_model *g, uint64_t now_ms, bool tcp,
                                         uint16_t internal_port)
{
    for (unsigned i = 0; i < g->leases_end; i++) {
        const struct gateway_lease *lease = &g->leases[i];

        if (lease->used && lease->tcp == tcp && lease->internal_port == internal_port &&
            lease->ends_ms > now_ms)
            return lease;
    }
    return NULL;
}

unsigned gateway_count(const struct gateway_model *g, uint64_t now_ms)
{
    unsigned count = 0;

    for (unsigned i = 0; i < g->leases_end; i++)
        count += g->leases[i].used && g->leases[i].ends_ms > now_ms;
    return count;
}

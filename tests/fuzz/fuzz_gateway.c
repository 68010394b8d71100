/* The daemon in a whole world, for hours of virtual time, against a gateway whose answers the input changes
 * on their way: other results, epochs, ports, lifetimes and lengths, late, lost, doubled, or an old one
 * again. The state is kept from one answer to the next. The book and the invariants of the world judge the
 * daemon all the time. When the input ends, the gateway is honest again, and a new request must be answered
 * at once. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "world.h"

enum {
    CLIENTS = 3,
    PORTS = 3,
    OPS_MAX = 300,
    KEPT_MAX = 4, /* answers that can come again */
    ANSWER_MAX = 16,
    CALM_MS = 200000, /* the longest lease, and all pauses of daemon and gateway */
    HEARS_MS = 3000,
    STOP_MS = 5500,
};

struct run {
    struct span input;
    struct world *world;
    bool honest;
    uint8_t kept[KEPT_MAX][ANSWER_MAX];
    size_t kept_len[KEPT_MAX];
    unsigned kept_next;
};

/* ---- the gateway's answers ---- */

static void keep(struct run *run, const uint8_t *bytes, size_t len)
{
    unsigned i = run->kept_next++ % KEPT_MAX;

    run->kept_len[i] = len < ANSWER_MAX ? len : ANSWER_MAX;
    memcpy(run->kept[i], bytes, run->kept_len[i]);
}

static void change_field(struct run *run, uint8_t *bytes, size_t len)
{
    static const uint32_t lifetimes[] = {0, 1, 2, 30, 60, 120, 7200, UINT32_MAX};
    uint8_t what = fuzz_take(&run->input);
    uint8_t value = fuzz_take(&run->input);

    if (len >= 8 && what % 4 == 0)
        put32(bytes + 4, get32(bytes + 4) + (uint32_t)(int8_t)value * (what & 0x80 ? 1000u : 1u));
    else if (len >= 4 && what % 4 == 1)
        put16(bytes + 2, value % 8);
    else if (len >= 12 && what % 4 == 2)
        put16(bytes + (what & 4 ? 8 : 10), what & 8 ? value : (get16(bytes + 10) ^ (value & 7u)));
    else if (len >= 16)
        put32(bytes + 12, lifetimes[value % 8]);
}

static unsigned tamper(void *context, uint8_t *bytes, size_t *len, uint64_t *delay_ms)
{
    struct run *run = context;
    uint8_t op = run->honest ? 0 : fuzz_take(&run->input);
    unsigned i;

    keep(run, bytes, *len);
    switch (op >> 4) {
    case 9:
        return 0;
    case 10:
        return 2;
    case 11:
        *delay_ms += (uint64_t)fuzz_take(&run->input) << (op & 7);
        return 1;
    case 12:
        *len = op % (*len + 1);
        return 1;
    case 13:
        if (*len > 0)
            bytes[op % *len] ^= (uint8_t)(1u << (fuzz_take(&run->input) & 7));
        return 1;
    case 14:
        i = op % KEPT_MAX;
        *len = run->kept_len[i];
        memcpy(bytes, run->kept[i], *len);
        return 1;
    case 15:
        change_field(run, bytes, *len);
        return 1;
    default:
        return 1; /* most answers are honest, so that leases live */
    }
}

/* ---- what else happens ---- */

static void client_asks(struct run *run)
{
    static const uint32_t lifetimes[] = {2, 30, 60, 7200};
    struct world *w = run->world;
    uint8_t what = fuzz_take(&run->input);
    struct lan_client *client = &w->lan.clients[what % CLIENTS];
    uint16_t port = (uint16_t)(6000 + (what >> 2) % PORTS);
    bool tcp = what >> 5 & 1;
    struct lan_mapping *mapping = lan_find(client, tcp, port);

    if (what >= 240)
        lan_ask_address(&w->lan, w->now_ms, client);
    else if (what >= 200 && mapping)
        lan_unmap(&w->lan, w->now_ms, client, mapping);
    else
        lan_map(&w->lan, w->now_ms, client, tcp, port, what & 1 ? port : 0, lifetimes[what >> 6]);
}

static void gateway_changes(struct run *run, uint8_t op)
{
    struct world *w = run->world;
    uint8_t datagram[16];
    unsigned i = op % KEPT_MAX;

    if (op & 8)
        world_gateway_clock(w, (int8_t)fuzz_take(&run->input));
    else if (op & 4)
        world_gateway_reboot(w);
    else if (run->kept_len[i] > 0) {
        memcpy(datagram, run->kept[i], run->kept_len[i]);
        world_gateway_says(w, span_of(datagram, run->kept_len[i]));
    }
}

static void next(struct run *run)
{
    uint8_t op = fuzz_take(&run->input);

    if (op < 96)
        client_asks(run);
    else if (op < 112)
        gateway_changes(run, op);
    else
        world_run_for(run->world, (uint64_t)fuzz_take(&run->input) << (op % 12));
}

/* The program must abort, so that the fuzzer keeps the input. */
static void report(void *context)
{
    (void)context;
    abort();
}

static struct world *make_world(struct run *run, uint8_t kind)
{
    struct world_options options = world_defaults(kind);
    struct world *w;

    options.gateway.lifetime_max_s = 120;
    options.gateway.profile = kind & 1 ? GATEWAY_PROTON : GATEWAY_STRICT;
    options.config.lease_hold = (enum lease_hold)((kind >> 1) % 3);
    options.check_every = 16;
    w = world_new(&options);
    w->report = report;
    w->tamper = tamper;
    w->tamper_context = run;
    world_start(w, kind);
    return w;
}

/* [G2] Whatever the gateway said before. */
static void check_hears(struct run *run)
{
    struct world *w = run->world;
    struct lan_client *client;
    struct lan_mapping *mapping;

    run->honest = true;
    for (unsigned i = 0; i < w->lan.count; i++)
        lan_vanish(&w->lan.clients[i]);
    world_run_for(w, CALM_MS);
    client = lan_add(&w->lan, 0xc0a85863, LAN_GOOD);
    mapping = lan_map(&w->lan, w->now_ms, client, true, 9000, 0, 60);
    world_run_for(w, HEARS_MS);
    /* With LEASE_HOLD the ports of a gateway that has five may all be kept for clients that come back. */
    if (mapping->state != LAN_HELD && w->options.gateway.profile != GATEWAY_PROTON)
        world_fail(w, "deaf: a new request is not answered (result %u)", mapping->result);
    world_stop(w);
    world_run_for(w, STOP_MS);
    if (w->proxy || w->invariants.rule_count > 0)
        world_fail(w, "SIGTERM did not end it well");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = {.input = span_of(data, size)};

    run.world = make_world(&run, fuzz_take(&run.input));
    for (unsigned i = 0; i < CLIENTS; i++)
        lan_add(&run.world->lan, 0xc0a8580a + i, i == 2 ? LAN_LATE : LAN_GOOD);
    for (unsigned i = 0; i < OPS_MAX && run.input.len > 0; i++)
        next(&run);
    check_hears(&run);
    world_free(run.world);
    return 0;
}

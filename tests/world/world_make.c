/* Makes a world and its links, and changes it from outside. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* ---- links ---- */

void world_link_send(struct world *w, const struct world_link *link, struct world_event event,
                     struct span bytes)
{
    unsigned copies = 1;

    if (link->loss_percent > 0 && prng_below(&w->prng, 100) < link->loss_percent)
        copies = 0;
    if (link->duplicate_percent > 0 && prng_below(&w->prng, 100) < link->duplicate_percent)
        copies *= 2;
    while (copies-- > 0) {
        uint32_t spread_ms = link->latency_max_ms - link->latency_min_ms;

        event.at_ms = w->now_ms + link->latency_min_ms + prng_below(&w->prng, spread_ms + 1);
        world_queue_push(&w->queue, event, bytes);
    }
}

static void lan_sends(void *context, struct lan_endpoint from, struct span datagram)
{
    struct world *w = context;

    world_link_send(w, &w->options.lan,
                    (struct world_event){.type = WORLD_LAN_IN,
                                         .from = {from.address, from.port},
                                         .to = {w->options.lan_address, 5351}},
                    datagram);
}

static void lan_fails(void *context, const char *what, uint32_t client, struct span datagram)
{
    struct world *w = context;
    char text[TRACE_LINE_MAX];

    world_fail(w, "client %s: %s: %s", address_text(client).text, what, trace_natpmp(datagram, text));
}

/* Replies from before the reset may arrive after those that were sent later. The daemon that served before
 * may still answer the requests that it has. */
static bool lan_reset_is_due(void *context, uint64_t last_heard_ms)
{
    struct world *w = context;

    return w->book.reset_ms + w->options.lan.latency_max_ms >= last_heard_ms ||
           (w->lan_process_ms != 0 &&
            w->lan_process_ms + BOOK_ANSWER_MS + w->options.lan.latency_max_ms >= last_heard_ms);
}

static void gateway_sends(void *context, uint64_t delay_ms, struct span datagram)
{
    struct world *w = context;
    struct world_event event = {.type = WORLD_GATEWAY_OUT, .generation = w->gateway_socket};
    struct world_link link = w->options.gateway_link;
    uint8_t bytes[WORLD_DATAGRAM_MAX];
    size_t len = datagram.len;
    unsigned copies = 1;

    world_packet_returns(w);
    assert(len <= sizeof(bytes));
    memcpy(bytes, datagram.data, len);
    if (w->tamper)
        copies = w->tamper(w->tamper_context, bytes, &len, &delay_ms);
    link.latency_min_ms += (uint32_t)delay_ms;
    link.latency_max_ms += (uint32_t)delay_ms;
    while (copies-- > 0)
        world_link_send(w, &link, event, span_of(bytes, len));
}

static void gateway_is_unreachable(void *context)
{
    struct world *w = context;
    struct world_event event = {
        .type = WORLD_GATEWAY_ERROR, .generation = w->gateway_socket, .value = GATEWAY_PORT_UNREACHABLE};

    world_link_send(w, &w->options.gateway_link, event, span_of(NULL, 0));
}

static void gateway_complains(void *context, const char *what, struct span datagram)
{
    struct world *w = context;
    char text[TRACE_LINE_MAX];

    world_fail(w, "request to the gateway: %s: %s", what, trace_natpmp(datagram, text));
}

/* ---- changes from outside ---- */

void world_hand_begin(struct world *w, const char *what)
{
    trace_line(&w->trace, w->now_ms, "by hand: %s", what);
    router_model_run(w->router, w->now_ms);
    inv_hand_begin(w);
}

void world_hand_end(struct world *w)
{
    inv_hand_end(w);
}

void world_gateway_reboot(struct world *w)
{
    trace_line(&w->trace, w->now_ms, "the gateway loses its table");
    if (gateway_epoch_s(&w->gateway, w->now_ms) <= 3) /* RFC 6886 section 3.6 tolerates 2 s */
        w->invariants.restart_unseen = true;
    gateway_reboot(&w->gateway, w->now_ms);
}

void world_gateway_clock(struct world *w, int32_t by_s)
{
    trace_line(&w->trace, w->now_ms, "the gateway's clock is set by %d s", (int)by_s);
    gateway_set_clock(&w->gateway, w->now_ms, by_s);
}

void world_gateway_says(struct world *w, struct span datagram)
{
    w->gateway_socket = w->socket;
    gateway_sends(w, 0, datagram);
}

void world_gateway_address(struct world *w, uint32_t address, bool announce)
{
    uint8_t datagram[16];

    trace_line(&w->trace, w->now_ms, "the gateway's address is %s now", address_text(address).text);
    w->gateway.options.external_address = address;
    if (announce)
        world_gateway_says(w, span_of(datagram, gateway_announcement(&w->gateway, w->now_ms, datagram)));
}

void world_lan_datagram(struct world *w, struct endpoint from, uint32_t to, struct span datagram)
{
    struct world_event event = {
        .at_ms = w->now_ms, .type = WORLD_LAN_IN, .from = from, .to = {.address = to, .port = 5351}};

    world_queue_push(&w->queue, event, datagram);
}

/* ---- making ---- */

struct world_options world_defaults(uint64_t seed)
{
    struct world_options options = {
        .seed = seed,
        .config = {.gateway = 0x0a020001, /* 10.2.0.1 */
                   .instance = "default",
                   .user = "natpmp",
                   .password = "pass-Word-9f8e7d",
                   .mappings_max = MAPPINGS_DEFAULT,
                   .client_mappings_max = CLIENT_MAPPINGS_DEFAULT,
                   .router_changes_per_s = ROUTER_CHANGES_DEFAULT,
                   .log_level = LOG_LEVEL_INFO},
        .lan_address = 0xc0a85801,    /* 192.168.88.1 */
        .router_address = 0xac110001, /* 172.17.0.1 */
        .lan = {.latency_min_ms = 1, .latency_max_ms = 1},
        .gateway_link = {.latency_min_ms = 20, .latency_max_ms = 20},
        .stream_min_ms = 1,
        .stream_max_ms = 1,
        .gateway = {.profile = GATEWAY_STRICT,
                    .external_address = 0xb9010203 /* 185.1.2.3 */,
                    .epoch_s = 100000},
        .router = router_model_defaults("7.18.2 (stable)"),
        .check_every = 1,
    };

    options.router.users[0] = (struct router_model_user){
        .name = "natpmp", .password = "pass-Word-9f8e7d", .policies = ROUTER_MODEL_ALL};
    options.router.latency_min_ms = 2;
    options.router.latency_max_ms = 2;
    return options;
}

static void init_lan(struct world *w)
{
    struct lan_callbacks callbacks = {
        .context = w, .send = lan_sends, .fail = lan_fails, .reset_is_due = lan_reset_is_due};

    lan_init(&w->lan, w->options.lan_address, &callbacks, prng_next(&w->prng));
}

static void init_gateway(struct world *w)
{
    struct gateway_callbacks callbacks = {.context = w,
                                          .send = gateway_sends,
                                          .unreachable = gateway_is_unreachable,
                                          .complain = gateway_complains};

    gateway_init(&w->gateway, &w->options.gateway, &callbacks, prng_next(&w->prng));
}

struct world *world_new(const struct world_options *options)
{
    struct world *w = calloc(1, sizeof(*w));

    assert(w);
    w->options = *options;
    w->prng = prng_seeded(options->seed);
    w->actions = calloc(1, sizeof(*w->actions));
    assert(w->actions);
    w->deadline_ms = UINT64_MAX;
    /* Not zero, so that no code takes it for "never". */
    w->now_ms = 1000;
    w->half_open_ms = 120000;
    trace_init(&w->trace);
    init_lan(w);
    init_gateway(w);
    world_router_init(w);
    inv_init(w);
    return w;
}

void world_free(struct world *w)
{
    free(w->proxy);
    free(w->other.proxy);
    free(w->actions);
    world_queue_free(&w->queue);
    router_model_free(w->router);
    inv_free(w);
    trace_free(&w->trace);
    free(w);
}

/* The datagrams' side of the invariants: all of them go to the book. The router's side and the state at rest
 * are in world_rules.c. */
#include "invariants.h"

#include "bytes.h"
#include "world.h"

enum { ROUTER_BACKOFF_MS = 30000 };

/* ---- the book ---- */

static void book_failed(void *context, const char *text)
{
    struct world *w = context;

    world_fail(w, "%s", text);
}

static bool is_excused(void *context, uint32_t address, bool tcp, uint16_t port)
{
    const struct world *w = context;

    return w->now_ms <= w->invariants.hand_known_ms || inv_rule_is_excused(w, address, tcp, port);
}

static bool is_forbidden(void *context, uint32_t address)
{
    const struct world *w = context;

    return address >> 24 == 127 || address == w->options.lan_address || address == w->gateway_local ||
           address == w->router_local || inv_is_routers(w, address);
}

static bool is_elsewhere(void *context, uint32_t rule)
{
    return inv_is_elsewhere(context, rule);
}

static bool is_hidden(void *context, const struct book_rule *rule)
{
    return inv_is_hidden(context, rule);
}

static bool is_barred(void *context, bool tcp)
{
    return inv_is_barred(context, tcp);
}

static enum book_keeps keeps(const struct world *w)
{
    switch (w->options.config.lease_hold) {
    case LEASE_HOLD_OFF:
        return BOOK_KEEPS_NONE;
    case LEASE_HOLD_ALWAYS:
        return BOOK_KEEPS_ALL;
    case LEASE_HOLD_AUTO:
        break;
    }
    return BOOK_KEEPS_LATE;
}

void inv_init(struct world *w)
{
    struct book_config config = {
        .symmetric = w->options.config.gateway_mode == GATEWAY_MODE_SYMMETRIC,
        .keeps = keeps(w),
        .mappings_max = w->options.config.mappings_max,
        .changes_per_s = w->options.config.router_changes_per_s,
        .client_mappings_max = w->options.config.client_mappings_max,
        .late_ms = w->options.deadline_late_max_ms,
        .router_ms = 2 * w->options.stream_max_ms + w->options.router.latency_max_ms +
                     w->options.router.listen_delay_max_ms,
        .context = w,
        .fail = book_failed,
        .excused = is_excused,
        .forbidden = is_forbidden,
        .elsewhere = is_elsewhere,
        .barred = is_barred,
        .hidden = is_hidden,
    };

    book_init(&w->book, &config);
    inv_rules_init(w);
}

void inv_free(struct world *w)
{
    book_free(&w->book);
}

/* ---- datagrams ---- */

/* Of the router's networks as world_router_init makes them: their own addresses, and those of a broadcast. */
static bool is_routers(uint32_t source)
{
    return source == 0x0a020002 || source == 0xc0a85800 || source == 0xc0a85801 || source == 0xc0a858ff;
}

static bool is_allowed(const struct world *w, uint32_t source)
{
    bool local = source >> 24 == 10 || source >> 20 == 0xac1 || source >> 16 == 0xc0a8 ||
                 source >> 16 == 0xa9fe || source >> 24 == 127;

    return local && !is_routers(source) && source != w->options.config.gateway &&
           source != w->options.router_address;
}

void inv_request(struct world *w, struct endpoint from, struct span datagram)
{
    budgets_request(w);
    if (is_allowed(w, from.address))
        book_request(&w->book, w->now_ms, from.address, from.port, datagram.data, datagram.len);
}

void inv_reply(struct world *w, struct endpoint to, struct span datagram)
{
    const uint8_t *bytes = datagram.data;
    const struct book_rule *rule = NULL;

    inv_check_secrets(w, "a reply", datagram);
    /* A request may be refused before the process has read the router's addresses. */
    if (w->adopting && is_routers(to.address) && datagram.len == 16 && get16(bytes + 2) != 0)
        return;
    if (datagram.len == 16 && bytes[1] >= 129 && get16(bytes + 2) == 0 && get32(bytes + 12) != 0)
        rule = inv_find_rule(w, to.address, bytes[1] == 130, get16(bytes + 8));
    if (rule && rule->enabled) {
        inv_check_reach(w, rule);
        inv_check_way(w, rule);
    }
    book_reply(&w->book, w->now_ms, to.address, to.port, datagram.data, datagram.len);
}

void inv_announce(struct world *w, struct span datagram)
{
    inv_check_secrets(w, "an announcement", datagram);
    book_announce(&w->book, w->now_ms, datagram.data, datagram.len);
}

void inv_to_gateway(struct world *w, struct span datagram)
{
    inv_check_secrets(w, "a datagram to the gateway", datagram);
    book_to_gateway(&w->book, w->now_ms, datagram.data, datagram.len);
}

void inv_from_gateway(struct world *w, struct span datagram)
{
    book_from_gateway(&w->book, w->now_ms, datagram.data, datagram.len);
}

void inv_noticed(struct world *w, const struct notice *notice)
{
    bool tcp = notice->protocol == NATPMP_TCP;
    const struct book_rule *rule = inv_find_rule(w, notice->client, tcp, notice->internal_port);

    if (w->process == 1 && w->is_stranger)
        return;
    if (rule && rule->enabled) {
        inv_check_reach(w, rule);
        inv_check_way(w, rule);
    }
    book_noticed(&w->book, notice->client, tcp, notice->internal_port, notice->external_port);
}

/* ---- the process and time ---- */

/* Another daemon serves from now on. */
void inv_process_changed(struct world *w)
{
    w->invariants.log_kinds = 0;
    inv_router_begins(w);
    w->book.config.keeps = keeps(w);
    w->book.strangers = w->is_stranger;
    book_started(&w->book, w->now_ms);
    budgets_started(w);
}

void inv_started(struct world *w)
{
    w->adopting = true;
    inv_process_changed(w);
}

void inv_dead(struct world *w)
{
    inv_hand_unnoticed(w);
    book_dead(&w->book);
}

/* A connection may be dead although nothing has reported it. */
static bool is_connected(const struct world *w)
{
    bool any = false;

    for (unsigned slot = 0; slot < ROUTER_SESSIONS_MAX; slot++) {
        if (w->streams[slot].state != WORLD_STREAM_OPEN)
            continue;
        if (!router_model_session_lives(w->router, w->streams[slot].session))
            return false;
        any = true;
    }
    return any;
}

/* A command that failed is repeated after pauses that grow up to ROUTER_BACKOFF_MS. */
void inv_before_step(struct world *w)
{
    const struct router_model_counters *counters = router_model_counters(w->router);
    uint64_t failed = counters->failed + counters->traps;

    if (!is_connected(w) || failed != w->invariants.failed_commands)
        inv_router_trouble(w);
    if (failed != w->invariants.failed_commands)
        book_router_trouble(&w->book, w->now_ms + ROUTER_BACKOFF_MS);
    w->invariants.failed_commands = failed;
}

void inv_after_step(struct world *w)
{
    inv_before_step(w);
    budgets_after_step(w);
    book_time(&w->book, w->now_ms);
}

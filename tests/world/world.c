#include "world.h"

#include "proxy_check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DEADLINES_AT_ONCE_MAX = 200,
    LAN_INTERFACE = 3,
    STOP_MS = 5000,
    STOP_SLACK_MS = 500,
};

_Noreturn void world_fail(struct world *w, const char *format, ...)
{
    va_list args;

    (void)fflush(stdout);
    trace_tail(&w->trace, stderr);
    fprintf(stderr, "FAILED at %" PRIu64 ".%03u: ", w->now_ms / 1000, (unsigned)(w->now_ms % 1000));
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    if (w->report)
        w->report(w->report_context);
    (void)fflush(stderr);
    _Exit(1);
}

/* ---- actions ---- */

static void do_gateway_send(struct world *w, struct span bytes)
{
    struct world_event event = {.type = WORLD_GATEWAY_IN, .generation = w->socket, .sent_ms = w->now_ms};
    char text[TRACE_LINE_MAX];

    trace_line(&w->trace, w->now_ms, "gateway > %s", trace_natpmp(bytes, text));
    inv_to_gateway(w, bytes);
    budgets_use(w, BUDGET_GATEWAY, 1);
    if (w->faults.tunnel_down) {
        event.type = WORLD_GATEWAY_ERROR;
        event.value = GATEWAY_NO_ROUTE;
        event.at_ms = w->now_ms;
        world_queue_push(&w->queue, event, span_of(NULL, 0));
        return;
    }
    if (world_packet_leaves(w))
        world_link_send(w, &w->options.gateway_link, event, bytes);
}

static void do_lan_send(struct world *w, const struct action *action)
{
    struct endpoint to = action->lan.to;
    char text[TRACE_LINE_MAX];

    trace_line(&w->trace, w->now_ms, "lan %s:%u < %s", address_text(to.address).text, to.port,
               trace_natpmp(action->lan.bytes, text));
    if (action->lan.interface != LAN_INTERFACE || action->lan.from != w->options.lan_address)
        world_fail(w, "a reply that does not leave the way the request came");
    inv_reply(w, to, action->lan.bytes);
    world_link_send(w, &w->options.lan,
                    (struct world_event){.type = WORLD_LAN_OUT, .from = {action->lan.from, 5351}, .to = to},
                    action->lan.bytes);
}

static void do_log(struct world *w, const struct action *action)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};

    trace_line(&w->trace, w->now_ms, "log %s %s: %.*s", levels[action->log.level], action->log.component,
               (int)action->log.text.len, (const char *)action->log.text.data);
    inv_log(w, action->log.level, action->log.text);
    if (span_starts(action->log.text, "another double-natpmp ")) {
        inv_process_changed(w);
        book_stands_by(&w->book);
    }
    if (span_starts(action->log.text, "the other double-natpmp ")) {
        inv_process_changed(w);
        w->adopting = true;
    }
    if (action->log.level <= LOG_LEVEL_INFO)
        budgets_use(w, BUDGET_LOG, 1);
    if (strcmp(action->log.component, "router") == 0 &&
        span_starts(action->log.text, "the router is ready ")) {
        if (w->adopting)
            book_adopted(&w->book, w->now_ms);
        w->adopting = false;
    }
}

static void forget_process(struct world *w)
{
    free(w->proxy);
    w->proxy = NULL;
    w->deadline_ms = UINT64_MAX;
    w->stalled_until_ms = 0;
    w->stop_ms = 0;
    inv_dead(w);
}

static void end_process(struct world *w)
{
    for (unsigned slot = 0; slot < ROUTER_SESSIONS_MAX; slot++) {
        if (w->streams[slot].state != WORLD_STREAM_CLOSED)
            world_router_close(w, slot);
    }
    forget_process(w);
}

static void carry_out(struct world *w, const struct action *action)
{
    char text[TRACE_LINE_MAX];

    switch (action->type) {
    case ACTION_LAN_SEND:
        do_lan_send(w, action);
        break;
    case ACTION_ANNOUNCE:
        trace_line(&w->trace, w->now_ms, "announce %s", trace_natpmp(action->announce, text));
        inv_announce(w, action->announce);
        budgets_use(w, BUDGET_ANNOUNCEMENTS, 1);
        if (w->process == 1 && w->is_stranger)
            break;
        world_link_send(w, &w->options.lan, (struct world_event){.type = WORLD_ANNOUNCEMENT},
                        action->announce);
        break;
    case ACTION_GATEWAY_SEND:
        do_gateway_send(w, action->gateway);
        break;
    case ACTION_ROUTER_OPEN:
        world_router_open(w, action->router.session);
        break;
    case ACTION_ROUTER_SEND:
        world_router_send(w, action->router.session, action->router.bytes);
        break;
    case ACTION_ROUTER_CLOSE:
        trace_line(&w->trace, w->now_ms, "router %u close", action->router.session);
        if (w->streams[action->router.session].state == WORLD_STREAM_CLOSED)
            world_fail(w, "a connection is closed that does not exist");
        inv_router_trouble(w);
        world_router_close(w, action->router.session);
        break;
    case ACTION_LOG:
        do_log(w, action);
        break;
    case ACTION_NOTICE:
        world_notice(w, &action->notice);
        break;
    case ACTION_EXIT:
        trace_line(&w->trace, w->now_ms, "exit");
        w->exited = true;
        w->exits++;
        book_exited(&w->book);
        break;
    }
}

static void carry_out_all(struct world *w)
{
    const struct actions *out = w->actions;

    if (out->count > ACTIONS_MAX || out->used > ACTION_BYTES_MAX)
        world_fail(w, "a step made %u actions of %u bytes", out->count, out->used);
    for (unsigned i = 0; i < out->count && w->proxy; i++) {
        if (w->exited)
            world_fail(w, "an action after the exit");
        carry_out(w, &out->at[i]);
        if (out->at[i].type == ACTION_NOTICE)
            continue; /* it leaves nothing behind, so a crash after it is like one before it */
        w->actions_done++;
        if (w->actions_done != w->kill_after_actions)
            continue;
        if (w->kill_is_power_loss)
            world_power_lost(w);
        else
            world_kill(w);
    }
    if (w->exited && w->proxy)
        end_process(w);
}

/* ---- the driver's part ---- */

static void keep_deadline(struct world *w)
{
    uint64_t deadline_ms = proxy_deadline_ms(w->proxy);

    if (deadline_ms < w->now_ms)
        world_fail(w, "the deadline %" PRIu64 " is in the past", deadline_ms);
    if (deadline_ms == w->deadline_seen_ms)
        return;
    w->deadline_seen_ms = deadline_ms;
    w->deadline_ms = deadline_ms;
    if (deadline_ms != UINT64_MAX)
        w->deadline_ms += prng_below(&w->prng, w->options.deadline_late_max_ms + 1);
}

/* A core that names the present as its deadline again and again is in an endless loop. */
static void count_deadlines(struct world *w, enum event_type type)
{
    if (type != EVENT_DEADLINE || w->step_ms != w->now_ms)
        w->deadlines_at_once = 0;
    w->step_ms = w->now_ms;
    if (type == EVENT_DEADLINE && ++w->deadlines_at_once > DEADLINES_AT_ONCE_MAX)
        world_fail(w, "%u deadlines and time does not advance", w->deadlines_at_once);
}

void world_give(struct world *w, struct event *event)
{
    event->now_ms = w->now_ms;
    event->gateway_local = w->gateway_local;
    w->steps++;
    count_deadlines(w, event->type);
    inv_before_step(w);
    if (event->type == EVENT_DEADLINE)
        w->deadline_seen_ms = 0;
    proxy_step(w->proxy, event, w->actions);
    carry_out_all(w);
    if (!w->proxy)
        return;
    keep_deadline(w);
    if (w->steps % w->options.check_every == 0) {
        proxy_check(w->proxy);
        world_notices_check(w);
    }
    inv_after_step(w);
    if (w->stop_ms != 0 && w->now_ms > w->stop_ms + STOP_MS + STOP_SLACK_MS)
        world_fail(w, "still running 5 s after SIGTERM");
}

static bool is_for_proxy(enum world_event_type type)
{
    return type == WORLD_LAN_IN || type == WORLD_GATEWAY_OUT || type == WORLD_GATEWAY_ERROR ||
           type == WORLD_ROUTER_OPENED || type == WORLD_ROUTER_OUT || type == WORLD_ROUTER_CLOSED;
}

static void give_lan(struct world *w, const struct world_event *event)
{
    struct span bytes = span_of(event->bytes, event->len);
    char text[TRACE_LINE_MAX];

    trace_line(&w->trace, w->now_ms, "lan %s:%u > %s", address_text(event->from.address).text,
               event->from.port, trace_natpmp(bytes, text));
    if (w->book.own.serves)
        inv_request(w, event->from, bytes);
    world_give(
        w,
        &(struct event){
            .type = EVENT_LAN,
            .lan = {.from = event->from, .to = event->to.address, .interface = LAN_INTERFACE, .bytes = bytes},
        });
}

static void give_gateway(struct world *w, const struct world_event *event)
{
    struct span bytes = span_of(event->bytes, event->len);
    char text[TRACE_LINE_MAX];

    if (event->generation != w->socket)
        return; /* the socket of a process that has ended */
    trace_line(&w->trace, w->now_ms, "gateway < %s", trace_natpmp(bytes, text));
    inv_from_gateway(w, bytes);
    world_give(w, &(struct event){.type = EVENT_GATEWAY, .gateway = bytes});
}

static void give_gateway_error(struct world *w, const struct world_event *event)
{
    static const char *const names[] = {
        [GATEWAY_PORT_UNREACHABLE] = "port unreachable", [GATEWAY_NO_ROUTE] = "no route"};

    if (event->generation != w->socket)
        return;
    trace_line(&w->trace, w->now_ms, "gateway ! %s", names[event->value]);
    book_gateway_error(&w->book, w->now_ms);
    world_give(
        w, &(struct event){.type = EVENT_GATEWAY_ERROR, .gateway_error = (enum gateway_trouble)event->value});
}

/* The process to which the event belongs. */
static unsigned process_of(const struct world *w, const struct world_event *event)
{
    switch (event->type) {
    case WORLD_LAN_IN:
        return w->lan_process;
    case WORLD_GATEWAY_OUT:
    case WORLD_GATEWAY_ERROR:
        return event->generation == w->other.socket ? !w->process : w->process;
    case WORLD_ROUTER_SYN:
    case WORLD_ROUTER_OPENED:
    case WORLD_ROUTER_IN:
    case WORLD_ROUTER_OUT:
    case WORLD_ROUTER_CLOSE_IN:
    case WORLD_ROUTER_CLOSED:
        return event->slot / ROUTER_SESSIONS_MAX;
    case WORLD_LAN_OUT:
    case WORLD_ANNOUNCEMENT:
    case WORLD_GATEWAY_IN:
    case WORLD_CALL:
        return 0;
    }
    return 0;
}

static void dispatch(struct world *w, struct world_event *event)
{
    struct span bytes = span_of(event->bytes, event->len);

    switch (event->type) {
    case WORLD_LAN_IN:
        give_lan(w, event);
        break;
    case WORLD_LAN_OUT:
        lan_receive(&w->lan, w->now_ms, (struct lan_endpoint){event->to.address, event->to.port},
                    event->from.address, bytes);
        break;
    case WORLD_ANNOUNCEMENT:
        lan_announced(&w->lan, w->now_ms, bytes);
        break;
    case WORLD_GATEWAY_IN:
        w->gateway_socket = event->generation;
        gateway_receive(&w->gateway, w->now_ms, event->sent_ms, bytes);
        break;
    case WORLD_GATEWAY_OUT:
        give_gateway(w, event);
        break;
    case WORLD_GATEWAY_ERROR:
        give_gateway_error(w, event);
        break;
    case WORLD_ROUTER_SYN:
    case WORLD_ROUTER_OPENED:
    case WORLD_ROUTER_IN:
    case WORLD_ROUTER_OUT:
    case WORLD_ROUTER_CLOSE_IN:
    case WORLD_ROUTER_CLOSED:
        world_router_event(w, event);
        break;
    case WORLD_CALL:
        event->call(w, event->value);
        break;
    }
}

static void take_from_queue(struct world *w)
{
    struct world_event event = world_queue_pop(&w->queue);

    world_turn(w, process_of(w, &event));
    if (is_for_proxy(event.type) && w->now_ms < w->stalled_until_ms) {
        world_queue_postpone(&w->queue, event, w->stalled_until_ms);
        event.bytes = NULL;
    } else if (!is_for_proxy(event.type) || w->proxy) {
        dispatch(w, &event);
    }
    world_turn(w, 0);
    free(event.bytes);
}

static void give_deadline(struct world *w, bool to_other)
{
    world_turn(w, to_other);
    world_give(w, &(struct event){.type = EVENT_DEADLINE});
    world_turn(w, 0);
}

bool world_step(struct world *w, uint64_t limit_ms)
{
    uint64_t queue_ms = world_queue_next_ms(&w->queue);
    uint64_t router_ms = router_model_next_ms(w->router);
    uint64_t lan_ms = lan_next_ms(&w->lan);
    uint64_t deadline_ms = w->proxy ? w->deadline_ms : UINT64_MAX;
    uint64_t other_ms = w->other.proxy ? w->other.deadline_ms : UINT64_MAX;
    uint64_t at_ms;

    if (deadline_ms < w->stalled_until_ms)
        deadline_ms = w->stalled_until_ms;
    at_ms = queue_ms < router_ms ? queue_ms : router_ms;
    at_ms = at_ms < lan_ms ? at_ms : lan_ms;
    at_ms = at_ms < deadline_ms ? at_ms : deadline_ms;
    at_ms = at_ms < other_ms ? at_ms : other_ms;
    if (at_ms > limit_ms) {
        w->now_ms = limit_ms;
        return false;
    }
    if (at_ms > w->now_ms)
        w->now_ms = at_ms;
    if (queue_ms <= at_ms)
        take_from_queue(w);
    else if (router_ms <= at_ms)
        router_model_run(w->router, w->now_ms);
    else if (lan_ms <= at_ms)
        lan_run(&w->lan, w->now_ms);
    else
        give_deadline(w, other_ms <= at_ms);
    return true;
}

void world_run_until(struct world *w, uint64_t until_ms)
{
    while (world_step(w, until_ms))
        ;
}

void world_run_for(struct world *w, uint64_t for_ms)
{
    world_run_until(w, w->now_ms + for_ms);
}

void world_at(struct world *w, uint64_t at_ms, void (*call)(struct world *, unsigned value), unsigned value)
{
    world_queue_push(&w->queue,
                     (struct world_event){.at_ms = at_ms, .type = WORLD_CALL, .call = call, .value = value},
                     span_of(NULL, 0));
}

/* ---- the process ---- */

void world_start(struct world *w, uint64_t seed)
{
    assert(!w->proxy);
    w->proxy = calloc(1, proxy_size());
    assert(w->proxy);
    w->proxy_seed = seed;
    w->socket = ++w->generation;
    w->proxy_started_ms = w->now_ms;
    w->exited = false;
    w->deadline_seen_ms = 0;
    w->deadline_ms = UINT64_MAX;
    trace_line(&w->trace, w->now_ms, "start");
    inv_started(w);
    world_notices_begin(w);
    for (unsigned i = 0; i < w->options.config.static_mappings; i++) {
        const struct static_mapping *one = &w->options.config.static_mapping[i];

        book_static(&w->book, one->address, one->protocol == NATPMP_TCP, one->internal_port);
    }
    proxy_init(w->proxy, &w->options.config, seed);
    world_give(w, &(struct event){.type = EVENT_START});
}

void world_kill(struct world *w)
{
    if (!w->proxy)
        return;
    trace_line(&w->trace, w->now_ms, "killed");
    end_process(w);
}

void world_power_lost(struct world *w)
{
    static const enum world_event_type ours[] = {WORLD_LAN_OUT, WORLD_ANNOUNCEMENT, WORLD_GATEWAY_IN,
                                                 WORLD_ROUTER_SYN, WORLD_ROUTER_IN};

    if (!w->proxy)
        return;
    trace_line(&w->trace, w->now_ms, "power lost");
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        world_queue_drop(&w->queue, ours[i], w->process * ROUTER_SESSIONS_MAX, ROUTER_SESSIONS_MAX);
    for (unsigned slot = 0; slot < ROUTER_SESSIONS_MAX; slot++)
        world_router_forget(w, slot);
    forget_process(w);
}

void world_stop(struct world *w)
{
    if (!w->proxy || w->stop_ms != 0)
        return;
    trace_line(&w->trace, w->now_ms, "SIGTERM");
    w->stalled_until_ms = 0;
    w->stop_ms = w->now_ms;
    book_stopping(&w->book);
    world_give(w, &(struct event){.type = EVENT_STOP});
}

void world_ask(struct world *w)
{
    if (!w->proxy || w->now_ms < w->stalled_until_ms)
        return;
    trace_line(&w->trace, w->now_ms, "asked");
    world_give(w, &(struct event){.type = EVENT_ASKED});
}

void world_stall(struct world *w, uint64_t for_ms)
{
    if (!w->proxy || w->stop_ms != 0)
        return;
    trace_line(&w->trace, w->now_ms, "stopped for %" PRIu64 " ms", for_ms);
    w->stalled_until_ms = w->now_ms + for_ms;
    w->invariants.stalled_until_ms = w->stalled_until_ms;
    book_stalled(&w->book, w->stalled_until_ms);
    /* Its connections time out meanwhile. */
    if (w->invariants.router_trouble_ms < w->stalled_until_ms)
        w->invariants.router_trouble_ms = w->stalled_until_ms;
    inv_router_trouble(w);
}

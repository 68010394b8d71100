/* The connections between the core and the router model: streams with latency, in order, in pieces. */
#include "world.h"

#include <assert.h>

/* The kinds of an end of a connection, in more detail than the daemon learns. */
enum close {
    CLOSE_RESOLVE,
    CLOSE_REFUSED,
    CLOSE_UNREACHABLE,
    CLOSE_RESET,
    CLOSE_EOF,
};

struct line_context {
    struct world *world;
    unsigned slot;
    char direction;
};

static void trace_sentence(void *context, const char *text)
{
    struct line_context *c = context;

    trace_line(&c->world->trace, c->world->now_ms, "router %u %c %s", c->slot, c->direction, text);
}

/* When bytes that leave now arrive, which is never before those that left earlier. */
static uint64_t arrival_ms(struct world *w, uint64_t *free_ms)
{
    uint64_t at_ms = w->now_ms + w->options.stream_min_ms +
                     prng_below(&w->prng, w->options.stream_max_ms - w->options.stream_min_ms + 1);

    if (at_ms < w->faults.router_cut_until_ms)
        at_ms = w->faults.router_cut_until_ms;
    if (at_ms < *free_ms)
        at_ms = *free_ms;
    *free_ms = at_ms;
    return at_ms;
}

static void push_bytes(struct world *w, struct world_event event, uint64_t *free_ms, struct span bytes)
{
    while (bytes.len > 0) {
        size_t len = bytes.len;

        if (w->options.stream_chunk_max > 0 && len > 1) {
            size_t piece = 1 + prng_below(&w->prng, w->options.stream_chunk_max);

            len = piece < len ? piece : len;
        }
        event.at_ms = arrival_ms(w, free_ms);
        world_queue_push(&w->queue, event, span_of(bytes.data, len));
        bytes = span_skip(bytes, len);
    }
}

/* The connection of the present process, or of the other one. NULL: the daemon has closed it. *ret_slot is
 * the slot in events. */
static struct world_stream *find_stream(struct world *w, int session, unsigned *ret_slot)
{
    for (unsigned i = 0; i < 2 * ROUTER_SESSIONS_MAX; i++) {
        unsigned slot = i % ROUTER_SESSIONS_MAX;
        bool other = i >= ROUTER_SESSIONS_MAX;
        struct world_stream *stream = other ? &w->other.streams[slot] : &w->streams[slot];

        *ret_slot = slot + ((w->process == 1) != other ? ROUTER_SESSIONS_MAX : 0);
        if (stream->state != WORLD_STREAM_CLOSED && stream->session == session)
            return stream;
    }
    return NULL;
}

/* ---- from the router model ---- */

static void router_sends(void *context, int session, struct span bytes)
{
    struct world *w = context;
    unsigned slot;
    struct world_stream *stream = find_stream(w, session, &slot);

    if (!stream)
        return; /* the daemon has closed; packets on the way are lost */
    push_bytes(w,
               (struct world_event){.type = WORLD_ROUTER_OUT, .slot = slot, .generation = stream->generation},
               &stream->out_free_ms, bytes);
}

static void router_closes(void *context, int session, bool reset)
{
    struct world *w = context;
    unsigned slot;
    struct world_stream *stream = find_stream(w, session, &slot);

    if (!stream)
        return;
    world_queue_push(&w->queue,
                     (struct world_event){.at_ms = arrival_ms(w, &stream->out_free_ms),
                                          .type = WORLD_ROUTER_CLOSED,
                                          .slot = slot,
                                          .generation = stream->generation,
                                          .value = reset ? CLOSE_RESET : CLOSE_EOF},
                     span_of(NULL, 0));
}

static void router_changed(void *context)
{
    struct world *w = context;

    inv_nat_changed(w);
    if (w->nat_changed)
        w->nat_changed(w->nat_changed_context);
}

/* ---- to the router model ---- */

static void push(struct world *w, unsigned slot, enum world_event_type type, uint64_t at_ms, unsigned value)
{
    world_queue_push(&w->queue,
                     (struct world_event){.at_ms = at_ms,
                                          .type = type,
                                          .slot = slot + w->process * ROUTER_SESSIONS_MAX,
                                          .generation = w->streams[slot].generation,
                                          .value = value},
                     span_of(NULL, 0));
}

void world_router_open(struct world *w, unsigned slot)
{
    struct world_stream *stream = &w->streams[slot];

    assert(slot < ROUTER_SESSIONS_MAX);
    trace_line(&w->trace, w->now_ms, "router %u open", slot);
    if (stream->state != WORLD_STREAM_CLOSED)
        world_fail(w, "connection %u is opened twice", slot);
    stream->state = WORLD_STREAM_OPENING;
    stream->generation = ++w->generation;
    stream->session = 0;
    stream->in_trace.len = 0;
    stream->in_trace.lost = false;
    stream->out_trace.len = 0;
    stream->out_trace.lost = false;
    if (w->faults.router_unresolved)
        push(w, slot, WORLD_ROUTER_CLOSED, w->now_ms + 50, CLOSE_RESOLVE);
    else if (w->faults.router_unreachable)
        push(w, slot, WORLD_ROUTER_CLOSED, w->now_ms, CLOSE_UNREACHABLE);
    else
        push(w, slot, WORLD_ROUTER_SYN, arrival_ms(w, &stream->in_free_ms), 0);
}

void world_router_send(struct world *w, unsigned slot, struct span bytes)
{
    struct world_stream *stream = &w->streams[slot];
    struct line_context context = {w, slot, '>'};

    if (stream->state != WORLD_STREAM_OPEN)
        world_fail(w, "bytes for connection %u, which is not open", slot);
    trace_sentences(&stream->in_trace, bytes, &context, trace_sentence);
    push_bytes(w,
               (struct world_event){.type = WORLD_ROUTER_IN,
                                    .slot = slot + w->process * ROUTER_SESSIONS_MAX,
                                    .generation = stream->generation,
                                    .value = (unsigned)stream->session},
               &stream->in_free_ms, bytes);
}

static void forget(struct world *w, unsigned slot, uint64_t closed_ms)
{
    struct world_stream *stream = &w->streams[slot];

    if (stream->session > 0)
        push(w, slot, WORLD_ROUTER_CLOSE_IN, closed_ms, (unsigned)stream->session);
    stream->state = WORLD_STREAM_CLOSED;
    stream->generation = ++w->generation;
    stream->session = 0;
}

void world_router_close(struct world *w, unsigned slot)
{
    forget(w, slot, arrival_ms(w, &w->streams[slot].in_free_ms));
}

void world_router_forget(struct world *w, unsigned slot)
{
    forget(w, slot, w->now_ms + w->half_open_ms);
}

/* ---- arrivals ---- */

static void syn_arrives(struct world *w, const struct world_event *event)
{
    struct world_stream *stream = &w->streams[event->slot];
    int session = w->faults.router_refused ? -1 : router_model_connect(w->router, w->now_ms);

    if (session < 0) {
        push(w, event->slot, WORLD_ROUTER_CLOSED, arrival_ms(w, &stream->out_free_ms), CLOSE_REFUSED);
        return;
    }
    stream->session = session;
    if (w->process == 1 && !w->options.one_address)
        router_model_peer(w->router, session, "192.168.88.3");
    push(w, event->slot, WORLD_ROUTER_OPENED, arrival_ms(w, &stream->out_free_ms), 0);
}

static void opened(struct world *w, const struct world_event *event)
{
    w->streams[event->slot].state = WORLD_STREAM_OPEN;
    trace_line(&w->trace, w->now_ms, "router %u opened", event->slot);
    inv_router_trouble(w);
    if (event->slot == 0)
        w->invariants.refusals_before = router_model_counters(w->router)->connection_refusals;
    world_give(w, &(struct event){
                      .type = EVENT_ROUTER_OPEN,
                      .router = {.session = event->slot,
                                 .peer = w->options.router_address,
                                 .local = w->process == 1 ? w->second_router_local : w->router_local},
                  });
}

static void bytes_arrive(struct world *w, const struct world_event *event)
{
    struct span bytes = span_of(event->bytes, event->len);
    struct line_context context = {w, event->slot, '<'};

    trace_sentences(&w->streams[event->slot].out_trace, bytes, &context, trace_sentence);
    world_give(
        w, &(struct event){.type = EVENT_ROUTER_DATA, .router = {.session = event->slot, .bytes = bytes}});
}

static void closed(struct world *w, const struct world_event *event)
{
    static const struct {
        const char *name;
        enum failure failure;
    } closes[] = {
        [CLOSE_RESOLVE] = {"resolve", FAILURE_RESOLVE},
        [CLOSE_REFUSED] = {"refused", FAILURE_REFUSED},
        [CLOSE_UNREACHABLE] = {"unreachable", FAILURE_UNREACHABLE},
        [CLOSE_RESET] = {"reset", FAILURE_LOST},
        [CLOSE_EOF] = {"eof", FAILURE_LOST},
    };

    w->streams[event->slot].state = WORLD_STREAM_CLOSED;
    w->streams[event->slot].session = 0;
    w->streams[event->slot].generation = ++w->generation;
    trace_line(&w->trace, w->now_ms, "router %u closed: %s", event->slot, closes[event->value].name);
    inv_router_trouble(w);
    world_give(w, &(struct event){
                      .type = EVENT_ROUTER_CLOSED,
                      .router = {.session = event->slot, .failure = closes[event->value].failure},
                  });
}

/* The slot is one of the present process. */
static void route_event(struct world *w, const struct world_event *event)
{
    bool current = event->generation == w->streams[event->slot].generation;

    if (event->type == WORLD_ROUTER_CLOSE_IN) {
        router_model_disconnect(w->router, (int)event->value);
    } else if (event->type == WORLD_ROUTER_IN) {
        /* Bytes on the way are delivered even if the daemon has closed meanwhile, and before the close. */
        router_model_input(w->router, (int)event->value, w->now_ms, span_of(event->bytes, event->len));
    } else if (current && event->type == WORLD_ROUTER_SYN) {
        syn_arrives(w, event);
    } else if (current && event->type == WORLD_ROUTER_OPENED) {
        opened(w, event);
    } else if (current && event->type == WORLD_ROUTER_OUT) {
        bytes_arrive(w, event);
    } else if (current && event->type == WORLD_ROUTER_CLOSED) {
        closed(w, event);
    }
}

void world_router_event(struct world *w, const struct world_event *event)
{
    struct world_event local = *event;

    local.slot %= ROUTER_SESSIONS_MAX;
    route_event(w, &local);
}

void world_router_init(struct world *w)
{
    struct router_model_callbacks callbacks = {
        .ctx = w,
        .send = router_sends,
        .closed = router_closes,
        .nat_changed = router_changed,
        .connection_removed = world_connection_removed,
    };
    struct router_model_route tunnel = {
        .destination = "10.2.0.1/32", .gateway = "wg0", .interface = "wg0", .distance = 1};
    struct router_model_route internet = {
        .destination = "0.0.0.0/0", .gateway = "203.0.113.1", .interface = "ether1", .distance = 1};

    w->router = router_model_new(&w->options.router, &callbacks, prng_next(&w->prng));
    assert(w->router);
    router_model_interface_add(w->router, "ether1", "ether");
    router_model_interface_add(w->router, "bridge", "bridge");
    router_model_interface_add(w->router, "wg0", "wg");
    router_model_address_add(w->router, "192.168.88.1/24", "bridge");
    router_model_address_add(w->router, "203.0.113.7/24", "ether1");
    router_model_address_add(w->router, "10.2.0.2/32", "wg0");
    router_model_route_add(w->router, &internet);
    router_model_route_add(w->router, &tunnel);
}

/* The inquiry of the check against the router model and a small gateway, in virtual time. */
#pragma once

#include <stdlib.h>

#include "check/check.h"
#include "ros_unit.h"
#include "router_model.h"

enum {
    STEPS_MAX = 2000,
    PIECES_MAX = 64,
    LATENCY_MS = 5,
};

static struct router_model *router;
static struct check *subject;
static struct check_config config;
static struct actions *out;
static uint64_t now_ms;
static int session; /* of the model; 0: none */
static bool ended;
static bool gateway_answers;
static uint16_t gateway_address_result;
enum { WRONG_NOTHING, WRONG_LIFETIME, WRONG_PORT, WRONG_INTERNAL };
static unsigned gateway_wrong;
static uint32_t gateway_lifetime_s; /* 0: as requested */
static unsigned gateway_mappings;
static struct {
    size_t len;
    uint8_t bytes[65536];
} from_router[PIECES_MAX]; /* len 0: the connection has ended */
static unsigned pieces;
static struct {
    size_t len;
    uint8_t bytes[NATPMP_REPLY_MAX];
} from_gateway[PIECES_MAX];
static unsigned replies;
static bool opening;

static inline void router_sends(void *context, int number, struct span bytes)
{
    (void)context;
    assert_true(pieces < PIECES_MAX && bytes.len <= sizeof(from_router[0].bytes));
    if (number != session)
        return;
    memcpy(from_router[pieces].bytes, bytes.data, bytes.len);
    from_router[pieces++].len = bytes.len;
}

static inline void router_closes(void *context, int number, bool reset)
{
    (void)context;
    (void)reset;
    if (number != session)
        return;
    assert_true(pieces < PIECES_MAX);
    from_router[pieces++].len = 0;
}

static inline void gateway_takes(struct span bytes)
{
    uint8_t reply[NATPMP_REPLY_MAX];
    struct natpmp_request request = natpmp_decode_request(bytes);
    size_t len = 0;
    uint32_t epoch_s = (uint32_t)(now_ms / 1000);
    if (!gateway_answers)
        return;
    if (request.type == NATPMP_REQUEST_ADDRESS) {
        len = natpmp_encode_address_reply(reply, gateway_address_result, epoch_s, 0x0b16212c);
    } else {
        gateway_mappings = request.lifetime_s > 0;
        bool deletes = request.lifetime_s == 0;
        uint32_t lifetime_s = gateway_lifetime_s != 0 && !deletes ? gateway_lifetime_s : request.lifetime_s;
        uint16_t port = request.internal_port;
        len =
            natpmp_encode_map_reply(reply, request.protocol, NATPMP_SUCCESS, epoch_s,
                                    gateway_wrong == WRONG_INTERNAL && !deletes ? (uint16_t)(port ^ 1) : port,
                                    deletes || gateway_wrong == WRONG_PORT ? 0 : 45001,
                                    gateway_wrong == WRONG_LIFETIME ? 0 : lifetime_s);
    }
    assert_true(replies < PIECES_MAX);
    memcpy(from_gateway[replies].bytes, reply, len);
    from_gateway[replies++].len = len;
}

static inline void perform(const struct action *action)
{
    switch (action->type) {
    case ACTION_GATEWAY_SEND:
        gateway_takes(action->gateway);
        break;
    case ACTION_ROUTER_OPEN:
        opening = true;
        break;
    case ACTION_ROUTER_SEND:
        if (session > 0)
            router_model_input(router, session, now_ms, action->router.bytes);
        break;
    case ACTION_ROUTER_CLOSE:
        if (session > 0)
            router_model_disconnect(router, session);
        session = 0;
        opening = false;
        pieces = 0;
        break;
    case ACTION_EXIT:
        ended = true;
        break;
    case ACTION_LAN_SEND:
    case ACTION_ANNOUNCE:
    case ACTION_LOG:
    case ACTION_NOTICE:
        fail_msg("an action of the daemon");
    }
}

static inline void step(struct event event)
{
    event.now_ms = now_ms;
    check_step(subject, &event, out);
    for (unsigned i = 0; i < out->count; i++)
        perform(&out->at[i]);
    assert_true(ended || check_deadline_ms(subject) > now_ms);
}

static inline void deliver_router(void)
{
    struct event event = {.type = EVENT_ROUTER_DATA, .router = {.failure = FAILURE_LOST}};
    static uint8_t bytes[sizeof(from_router[0].bytes)];
    size_t len = from_router[0].len;
    memcpy(bytes, from_router[0].bytes, len);
    pieces--;
    memmove(&from_router[0], &from_router[1], pieces * sizeof(from_router[0]));
    event.router.bytes = span_of(bytes, len);
    if (len == 0) {
        event.type = EVENT_ROUTER_CLOSED;
        session = 0;
    }
    step(event);
}

static inline void deliver_gateway(void)
{
    uint8_t bytes[NATPMP_REPLY_MAX];
    size_t len = from_gateway[0].len;
    memcpy(bytes, from_gateway[0].bytes, len);
    replies--;
    memmove(&from_gateway[0], &from_gateway[1], replies * sizeof(from_gateway[0]));
    step((struct event){.type = EVENT_GATEWAY, .gateway = span_of(bytes, len)});
}

static inline void open_connection(void)
{
    struct event event = {.type = EVENT_ROUTER_OPEN, .router = {.failure = FAILURE_REFUSED}};
    opening = false;
    session = router_model_connect(router, now_ms);
    if (session < 0) {
        session = 0;
        event.type = EVENT_ROUTER_CLOSED;
    }
    step(event);
}

/* Runs the next event. */
static inline void advance(void)
{
    if (opening) {
        open_connection();
    } else if (pieces > 0) {
        deliver_router();
    } else if (replies > 0) {
        deliver_gateway();
    } else {
        uint64_t model_ms = router_model_next_ms(router);
        uint64_t own_ms = check_deadline_ms(subject);
        uint64_t next_ms = model_ms < own_ms ? model_ms : own_ms;
        now_ms = next_ms > now_ms ? next_ms : now_ms;
        router_model_run(router, now_ms);
        if (own_ms <= now_ms)
            step((struct event){.type = EVENT_DEADLINE});
    }
}

/* Runs to the end, or interrupts the inquiry before its nth step, if it has so many. Returns the number of
 * steps. */
static inline unsigned run(unsigned interrupt_at)
{
    unsigned steps = 0;
    step((struct event){.type = EVENT_START});
    for (; !ended; steps++) {
        assert_true(steps < STEPS_MAX);
        if (steps == interrupt_at)
            step((struct event){.type = EVENT_STOP});
        if (!ended)
            advance();
    }
    assert_true(check_deadline_ms(subject) == UINT64_MAX);
    return steps;
}

/* Prepares an inquiry of the router, which has rules and everything else that the caller gives it. */
static inline void start_inquiry(const struct router_model_options *options, const struct check_config *about,
                                 bool tables_only)
{
    static const struct router_model_callbacks callbacks = {.send = router_sends, .closed = router_closes};
    router = router_model_new(options, &callbacks, 1);
    config = *about;
    subject = calloc(1, sizeof(*subject));
    out = calloc(1, sizeof(*out));
    assert_true(subject != NULL && out != NULL);
    check_init(subject, &config, tables_only, 7);
    now_ms = 1000000;
    session = 0;
    pieces = replies = 0;
    ended = opening = false;
    gateway_answers = true;
    gateway_address_result = NATPMP_SUCCESS;
    gateway_wrong = WRONG_NOTHING;
    gateway_lifetime_s = 0;
    gateway_mappings = 0;
}

static inline void tear_down(void)
{
    router_model_free(router);
    free(subject);
    free(out);
}

/* Drives one struct upstream with the replies of a gateway. */
#pragma once

#include "base/cursor.h"
#include "core/upstream.h"
#include "unit.h"

enum { START_MS = 100000, PORT = 6881, OWNER = 7 };

static struct upstream upstream;
static struct actions out;

/* A step at that time, whose actions go to `out`. */
static inline const struct step *at(uint64_t now_ms)
{
    static struct step step;
    step = (struct step){.now_ms = now_ms, .out = &out};
    return &step;
}
static struct upstream_outcome outcome;

static inline int start(void **state)
{
    (void)state;
    memset(&upstream, 0, sizeof(upstream));
    upstream_init(&upstream);
    actions_clear(&out, LOG_LEVEL_DEBUG);
    return 0;
}

static inline unsigned sends(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out.count; i++)
        count += out.at[i].type == ACTION_GATEWAY_SEND;
    return count;
}

static inline unsigned lines(enum log_level level)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out.count; i++)
        count += out.at[i].type == ACTION_LOG && out.at[i].log.level == level;
    return count;
}

static inline void ask(enum natpmp_protocol protocol, uint16_t port, uint32_t lifetime_s, uint64_t now_ms)
{
    upstream_ask(&upstream, (uint16_t)(OWNER + port - PORT), protocol, port, 41000, lifetime_s, at(now_ms));
}

static inline bool next(uint64_t now_ms)
{
    return upstream_next(&upstream, now_ms, &outcome);
}

static inline void expect_no_loss(uint64_t now_ms)
{
    while (next(now_ms))
        assert_int_not_equal(outcome.type, UPSTREAM_STATE_LOST);
}

static inline void receive(struct span datagram, uint64_t now_ms)
{
    actions_clear(&out, LOG_LEVEL_DEBUG);
    upstream_receive(&upstream, datagram, at(now_ms));
}

struct reply {
    uint8_t opcode;
    uint16_t result;
    uint32_t epoch_s;
    uint16_t internal_port;
    uint16_t external_port;
    uint32_t lifetime_s;
};

static inline void receive_map(struct reply r, uint64_t now_ms)
{
    uint8_t bytes[16];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_u8(&w, 0);
    write_u8(&w, (uint8_t)(128 + r.opcode));
    write_u16(&w, r.result);
    write_u32(&w, r.epoch_s);
    write_u16(&w, r.internal_port);
    write_u16(&w, r.external_port);
    write_u32(&w, r.lifetime_s);
    receive(writer_span(&w), now_ms);
}

static inline void receive_address(uint16_t result, uint32_t epoch_s, uint32_t address, uint64_t now_ms)
{
    uint8_t bytes[12];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_u16(&w, 128);
    write_u16(&w, result);
    write_u32(&w, epoch_s);
    write_u32(&w, address);
    receive(writer_span(&w), now_ms);
}

/* The next send is due at that time and not before. */
static inline void check_send_at(uint64_t at_ms)
{
    assert_true(upstream_deadline_ms(&upstream) == at_ms);
    actions_clear(&out, LOG_LEVEL_ERROR);
    upstream_tick(&upstream, at(at_ms - 1));
    assert_false(next(at_ms - 1));
    assert_int_equal(out.count, 0);
    upstream_tick(&upstream, at(at_ms));
    assert_int_equal(sends(), 1);
    assert_false(next(at_ms));
}

static const uint32_t schedule_ms[] = {250, 750, 1750, 3750, 7750, 15750, 31750, 63750};

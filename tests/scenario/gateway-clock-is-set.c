/* [G2] The gateway's clock is set back or forward, and its epoch with it (RFC 6886 section 3.6).
 * Whoever asks for a mapping is answered within 2 s whatever the clock does, and what was mapped keeps its
 * port. A packet that answers nothing moves no clock. [C-26] [C-29] */
#include "scenario.h"

enum { DEAF_MAX_MS = 2000 };

static uint16_t next_port = 7100;

static void answered(struct world *w, struct lan_client *from)
{
    struct lan_mapping *mapping = map(w, from, TCP, next_port, next_port, 3600);

    next_port++;
    world_run_for(w, DEAF_MAX_MS);
    expect(w, mapping->state == LAN_HELD);
}

static void clock_is_set(struct world *w, struct lan_client *from, int32_t by_s, unsigned after_s)
{
    world_gateway_clock(w, by_s);
    skip_s(w, after_s);
    answered(w, from);
    skip_s(w, 130);
}

static void says_epoch(struct world *w, int32_t ahead_s)
{
    uint32_t epoch_s = gateway_epoch_s(&w->gateway, w->now_ms) + (uint32_t)ahead_s;
    uint8_t datagram[12] = {0,
                            128,
                            0,
                            0,
                            (uint8_t)(epoch_s >> 24),
                            (uint8_t)(epoch_s >> 16),
                            (uint8_t)(epoch_s >> 8),
                            (uint8_t)epoch_s,
                            0xb9,
                            1,
                            2,
                            3};

    world_gateway_says(w, span_of(datagram, sizeof(datagram)));
    world_run_for(w, 1000);
}

static void tell(struct world *w)
{
    static const int32_t back_s[] = {-3, -10, -60, -64, -65};
    struct lan_client *a = client(w, 10);
    struct lan_mapping *kept;
    uint32_t epoch_s;
    uint64_t requests;

    settle(w);
    kept = map(w, a, UDP, 7000, 7000, 3600);
    skip_s(w, 60);
    epoch_s = proxy_status(w->proxy, w->now_ms).epoch_s;
    for (unsigned i = 0; i < ARRAY_LEN(back_s); i++)
        clock_is_set(w, a, back_s[i], i % 2);
    note(w, "forward, and back again");
    clock_is_set(w, a, 60, 0);
    clock_is_set(w, a, -60, 1);
    note(w, "nobody asked for these: they move no clock, and they cause one question in all");
    requests = w->gateway.requests;
    for (int32_t i = 0; i < 5; i++)
        says_epoch(w, i % 2 == 0 ? 60 : 1000);
    expect(w, w->gateway.requests <= requests + 1);
    answered(w, a);
    expect(w, kept->state == LAN_HELD && kept->result == 0);
    note(w, "our own clients have lost nothing");
    expect(w, proxy_status(w->proxy, w->now_ms).epoch_s > epoch_s);
    skip_s(w, 130);
    expect_rest(w);
}

const struct story story_gateway_clock_is_set = {.tell = tell};

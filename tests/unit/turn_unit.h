/* A proxy of which only the tables, the gateway's side and the foreign rules on the router are used. */
#pragma once

#include "core/proxy_state.h"
#include "parts_unit.h"

static struct proxy *p;
static struct actions out;
static const struct step step = {.now_ms = NOW, .out = &out};

static inline int stop_proxy(void **state)
{
    (void)state;
    free(p);
    p = NULL;
    t = NULL;
    return 0;
}

static inline int start_proxy(void **state)
{
    (void)state;
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        return 1;
    t = &p->tables;
    p->strategy = &strategy_normal;
    p->prng = prng_seeded(1);
    p->recover_ms = UINT64_MAX;
    p->recover_until_ms = UINT64_MAX;
    p->router.ready = true;
    upstream_init(&p->upstream);
    actions_clear(&out, LOG_LEVEL_DEBUG);
    return 0;
}

/* A fresh proxy with the mappings of a row. */
static inline void give_proxy(const struct strategy *strategy, const struct given *given, size_t count)
{
    stop_proxy(NULL);
    assert_int_equal(start_proxy(NULL), 0);
    p->strategy = strategy;
    give_each(given, count);
}

static inline const struct mapping *at(uint16_t m)
{
    return mapping_at(t, m);
}

#define PROXY_TEST(name) cmocka_unit_test_setup_teardown(name, start_proxy, stop_proxy)

#include "base/log_rate.h"

#include <string.h>

enum {
    INTERVAL_MS = LOG_INTERVAL_S * 1000,
};

struct log_kind *log_rates_kind(struct log_rates *r, const char *name)
{
    for (unsigned i = 0; i < r->kinds; i++)
        if (r->kind[i].name == name || strcmp(r->kind[i].name, name) == 0)
            return &r->kind[i];
    if (r->kinds == LOG_KINDS_MAX)
        return &r->kind[LOG_KINDS_MAX - 1];
    struct log_kind *kind = &r->kind[r->kinds++];
    kind->name = name;
    kind->rested_ms = 0;
    kind->held = 0;
    return kind;
}

/* When the kind may be written again. */
static uint64_t turn_ms(const struct log_kind *kind)
{
    uint64_t burst_ms = (uint64_t)(LOG_BURST - 1) * INTERVAL_MS;
    return kind->rested_ms > burst_ms ? kind->rested_ms - burst_ms : 0;
}

static void release(struct log_rates *r, struct log_kind *kind)
{
    if (kind->held > 0)
        r->holding--;
    kind->held = 0;
}

bool log_kind_admits(struct log_rates *r, struct log_kind *kind, uint64_t now_ms, uint32_t *ret_left_out)
{
    if (turn_ms(kind) > now_ms)
        return false;
    kind->rested_ms = (kind->rested_ms > now_ms ? kind->rested_ms : now_ms) + INTERVAL_MS;
    *ret_left_out = kind->held;
    release(r, kind);
    return true;
}

void log_kind_hold(struct log_rates *r, struct log_kind *kind, unsigned level, const char *component, int len)
{
    if (kind->held == 0)
        r->holding++;
    if (kind->held < UINT32_MAX)
        kind->held++;
    kind->level = (uint8_t)level;
    kind->component = component;
    kind->len = (uint16_t)(len < LOG_HELD_MAX ? len : LOG_HELD_MAX - 1);
}

const struct log_kind *log_rates_take(struct log_rates *r, uint64_t now_ms, uint32_t *ret_left_out)
{
    for (unsigned i = 0; i < r->kinds && r->holding > 0; i++) {
        struct log_kind *kind = &r->kind[i];
        if (kind->held == 0 || !log_kind_admits(r, kind, now_ms, ret_left_out))
            continue;
        *ret_left_out -= 1; /* this one is written now */
        return kind;
    }
    return NULL;
}

uint64_t log_rates_due_ms(const struct log_rates *r)
{
    uint64_t due_ms = UINT64_MAX;
    for (unsigned i = 0; i < r->kinds && r->holding > 0; i++)
        if (r->kind[i].held > 0 && turn_ms(&r->kind[i]) < due_ms)
            due_ms = turn_ms(&r->kind[i]);
    return due_ms;
}

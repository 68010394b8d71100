#include "core/arrivals.h"

#include "core/mapping.h"
#include "core/nat_rule.h"
#include "core/step.h"

/* The router may show any number. */
static uint64_t sum(uint64_t a, uint64_t b, uint64_t max)
{
    return b > max - a ? max : a + b;
}

static uint64_t rise(bool goes_on, uint64_t before, uint64_t now)
{
    return goes_on && now >= before ? now - before : now;
}

void arrivals_on_counted(struct mapping_tables *t, uint16_t m, const struct nat_counters *counters,
                         uint64_t last_reading_ms)
{
    struct arrivals *a = &mapping_at(t, m)->arrivals;
    const struct rule *rule = &mapping_at(t, m)->rule;
    bool found = a->rule_id == 0 && rule->added_ms == 0; /* it was there before this process */
    bool goes_on = a->rule_id == rule->id && counters->packets >= a->rule_packets;
    uint64_t more = rise(goes_on, a->rule_packets, counters->packets);
    a->connections = (uint32_t)sum(a->connections, more, UINT32_MAX);
    a->bytes = sum(a->bytes, rise(goes_on, a->rule_bytes, counters->bytes), UINT64_MAX);
    if (more > 0)
        a->not_before_s = found ? 0 : (uint32_t)(later_ms(last_reading_ms, rule->added_ms) / 1000);
    a->rule_id = rule->id;
    a->rule_packets = counters->packets;
    a->rule_bytes = counters->bytes;
}

bool arrivals_are_known(const struct mapping *mapping)
{
    return mapping->arrivals.rule_id != 0;
}

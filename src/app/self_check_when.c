#include "app/self_check_when.h"

void self_check_note(struct self_check_when *w, enum proxy_condition condition, uint64_t now_ms)
{
    bool troubled = condition == PROXY_TROUBLED;
    if (troubled && !w->troubled)
        w->since_ms = now_ms;
    w->troubled = troubled;
    w->worked = w->worked || condition == PROXY_WORKS;
}

void self_check_begins(struct self_check_when *w, uint64_t now_ms)
{
    w->checked = true;
    w->begun_ms = now_ms;
}

uint64_t self_check_due_ms(const struct self_check_when *w)
{
    if (!w->troubled)
        return UINT64_MAX;
    uint64_t due_ms = w->since_ms + (w->worked ? SELF_CHECK_AFTER_MS : SELF_CHECK_AT_START_MS);
    uint64_t again_ms = w->begun_ms + SELF_CHECK_PERIOD_MS;
    return w->checked && again_ms > due_ms ? again_ms : due_ms;
}

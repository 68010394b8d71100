#include "budgets.h"

#include <string.h>

#include "base/limits.h"
#include "world.h"

enum { MINUTE_MS = 60000 };

const char *budgets_name(enum budget budget)
{
    static const char *const names[BUDGETS] = {
        [BUDGET_GATEWAY] = "datagrams to the gateway",
        [BUDGET_ROUTER] = "changes on the router",
        [BUDGET_ANNOUNCEMENTS] = "announcements",
        [BUDGET_LOG] = "log lines",
    };

    return names[budget];
}

static unsigned bound(const struct world *w, enum budget budget)
{
    const struct budgets *budgets = &w->budgets;
    unsigned rules = budgets->rules > budgets->rules_before ? budgets->rules : budgets->rules_before;
    unsigned requests = budgets->requests + budgets->requests_before;
    unsigned a_second = w->options.config.router_changes_per_s;

    switch (budget) {
    case BUDGET_GATEWAY:
        return MINUTE_GATEWAY + MINUTE_GATEWAY_PER_MAPPING * rules + MINUTE_GATEWAY_PER_REQUEST * requests;
    case BUDGET_ROUTER:
        if (a_second == 0)
            return UINT32_MAX;
        return ROUTER_CHANGES_BURST + 60 * a_second + MINUTE_ROUTER_PER_MAPPING * rules;
    case BUDGET_ANNOUNCEMENTS:
        return MINUTE_ANNOUNCEMENTS;
    case BUDGET_LOG:
        return MINUTE_LOG_PER_KIND * LOG_KINDS_MAX;
    case BUDGETS:
        break;
    }
    return 0;
}

static void next_minute(struct world *w)
{
    struct budgets *budgets = &w->budgets;
    bool adjacent = w->now_ms < budgets->since_ms + UINT64_C(2) * MINUTE_MS;

    budgets->since_ms = w->now_ms - w->now_ms % MINUTE_MS;
    budgets->requests_before = adjacent ? budgets->requests : 0;
    budgets->rules_before = adjacent ? budgets->rules : w->invariants.rule_count;
    budgets->requests = 0;
    budgets->rules = w->invariants.rule_count;
    memset(budgets->used, 0, sizeof(budgets->used));
}

void budgets_use(struct world *w, enum budget budget, unsigned count)
{
    struct budgets *budgets = &w->budgets;

    if (w->now_ms >= budgets->since_ms + MINUTE_MS)
        next_minute(w);
    if (w->invariants.rule_count > budgets->rules)
        budgets->rules = w->invariants.rule_count;
    budgets->used[budget] += count;
    if (budgets->used[budget] > budgets->most[budget])
        budgets->most[budget] = budgets->used[budget];
    if (budgets->used[budget] > bound(w, budget))
        world_fail(w, "%u %s in a minute, with %u rules and %u requests", budgets->used[budget],
                   budgets_name(budget), budgets->rules, budgets->requests);
}

void budgets_request(struct world *w)
{
    budgets_use(w, BUDGET_GATEWAY, 0);
    w->budgets.requests++;
}

void budgets_started(struct world *w)
{
    memset(w->budgets.used, 0, sizeof(w->budgets.used));
}

void budgets_after_step(struct world *w)
{
    const struct router_model_counters *counters = router_model_counters(w->router);
    uint64_t changes = counters->adds + counters->sets + counters->removes;

    if (changes > w->budgets.router_changes)
        budgets_use(w, BUDGET_ROUTER, (unsigned)(changes - w->budgets.router_changes));
    w->budgets.router_changes = changes;
}

/* A static mapping keeps its rule when its lease has ended, because the gateway refuses to renew it or does
 * not answer. So does one that is kept alive for a client. The rule's comment says `pending` then, which is
 * what the script on the router reads, those who watch learn that the mapping has ended, and the status shows
 * no external port. When the gateway grants it again, all of them learn that. */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->config.static_mapping[0] =
        (struct static_mapping){.address = lan_address(20), .protocol = NATPMP_TCP, .internal_port = 32400};
    options->config.static_mappings = 1;
    options->config.lease_hold = LEASE_HOLD_ALWAYS;
    memcpy(options->config.change_script, "port-changed", sizeof("port-changed"));
    like_proton(options);
}

static bool says_pending(struct world *w, unsigned last_byte, uint16_t port)
{
    const char *comment = router_model_rule_text(
        router_model_rule_find(w->router, rule_of(w, last_byte, TCP, port)), "comment");

    return strstr(comment, " external pending ") != NULL;
}

/* Of all mappings. */
static bool shows_ports(struct world *w)
{
    struct mapping_status row;
    bool some = false;

    for (uint16_t m = 0; (m = mapping_status_from(w->proxy, m, w->now_ms, &row)) != 0; m++)
        some = some || row.external_port != 0;
    return some;
}

static void ends_and_comes_back(struct world *w, void (*fault)(struct world *w, bool on))
{
    unsigned runs = router_model_script_runs(w->router, "port-changed");
    uint64_t writes = router_writes(w);

    fault(w, true);
    world_run_for(w, 90000);
    expect(w, our_rules(w) == 2 && says_pending(w, 20, 32400) && says_pending(w, 10, 7000));
    expect(w, !shows_ports(w) && router_model_script_runs(w->router, "port-changed") > runs);
    show(w, false);
    runs = router_model_script_runs(w->router, "port-changed");
    world_run_for(w, 300000);
    expect(w, router_writes(w) == writes + 2 && router_model_script_runs(w->router, "port-changed") == runs);
    show(w, true);
    fault(w, false);
    world_run_for(w, 60000);
    expect(w, our_rules(w) == 2 && !says_pending(w, 20, 32400) && !says_pending(w, 10, 7000));
    expect(w, shows_ports(w) && router_model_script_runs(w->router, "port-changed") > runs);
    expect(w, router_writes(w) == writes + 4);
}

static void silence(struct world *w, bool on)
{
    w->gateway.faults.silent = on;
}

static void tell(struct world *w)
{
    router_model_row_add(w->router, "script", "name=port-changed policy=read");
    settle(w);
    show(w, false);
    asks_map(w, 10, 40000, TCP, 7000, 7000, 7200);
    world_run_for(w, 10000);
    w->notices[0].shown = true;
    show(w, true);
    note(w, "the gateway does not answer for minutes");
    ends_and_comes_back(w, silence);
    note(w, "the gateway refuses to renew; the client's mapping ends");
    w->gateway.faults.refuse = NATPMP_NOT_AUTHORIZED;
    world_run_for(w, 90000);
    expect(w, our_rules(w) == 1 && says_pending(w, 20, 32400));
    w->gateway.faults.refuse = 0;
    world_run_for(w, 35000);
    expect(w, our_rules(w) == 1 && !says_pending(w, 20, 32400));
}

const struct story story_lease_ended_rule_stays = {.options = options, .tell = tell};

/* Somebody reads the status: what has arrived at a mapping comes from the counters of its rule, which are
 * read every ten seconds at most. The sum goes on when the rule is replaced, when somebody resets the
 * counters, and when the router restarts. What the router does not show is not known, rather than none. */
#include "scenario.h"

#include <inttypes.h>

static struct mapping_status status_of(struct world *w, unsigned last_byte, uint16_t port)
{
    struct mapping_status status;
    for (uint16_t m = 0; (m = mapping_status_from(w->proxy, m, w->now_ms, &status)) != 0; m++)
        if (status.client == lan_address(last_byte) && status.internal_port == port)
            return status;
    return (struct mapping_status){0};
}

static void say(struct world *w, const char *text)
{
    show(w, true);
    note(w, text);
    show(w, false);
}

static void arrive(struct world *w, uint64_t packets)
{
    router_model_rule_traffic(w->router, rule_of(w, 10, TCP, 7000), 60 * packets, packets);
}

/* The status after it was asked for. */
static struct mapping_status ask(struct world *w)
{
    world_run_for(w, 10000);
    show(w, true);
    world_ask(w);
    world_run_for(w, 20);
    struct mapping_status status = status_of(w, 10, 7000);
    char line[128] = "nothing is known";
    if (status.counted)
        (void)snprintf(line, sizeof(line),
                       "%" PRIu32 " connections, %" PRIu64 " bytes, the last one no longer ago than %" PRId32,
                       status.connections, status.first_bytes,
                       status.arrival_age_s == AGE_UNKNOWN_S ? -1 : (int32_t)status.arrival_age_s);
    note(w, line);
    show(w, false);
    return status;
}

static void ten_seconds(struct world *w)
{
    say(w, "who asks again within ten seconds gets what is known");
    arrive(w, 2);
    world_ask(w);
    world_run_for(w, 20);
    expect(w, status_of(w, 10, 7000).connections == 1);
    struct mapping_status status = ask(w);
    expect(w, status.connections == 3 && status.first_bytes == 180 && status.arrival_age_s <= 11);
}

static void begins_again(struct world *w)
{
    say(w, "somebody resets the counters, and one arrives");
    router_model_reset_counters(w->router);
    arrive(w, 1);
    expect(w, ask(w).connections == 4);
    say(w, "the rule is replaced");
    world_hand_begin(w, "rule");
    router_model_rule_set(w->router, rule_of(w, 10, TCP, 7000), "to-ports=1");
    world_hand_end(w);
    world_run_for(w, 5000);
    arrive(w, 2);
    expect(w, ask(w).connections == 6);
    say(w, "the router restarts and numbers its rules anew");
    router_model_options(w->router)->renumber_on_reboot = true;
    world_hand_begin(w, "restart");
    router_model_reboot(w->router, 3000, true);
    world_hand_end(w);
    inv_router_trouble(w);
    world_run_for(w, 20000);
    arrive(w, 1);
    expect(w, ask(w).connections == 7);
    say(w, "the snapshots of ten minutes show three more, and nobody asks");
    arrive(w, 3);
    world_run_for(w, 610000);
    expect(w, status_of(w, 10, 7000).connections == 10);
    expect(w, status_of(w, 10, 7000).arrival_age_s >= 600);
}

static void versions(struct world *w)
{
    say(w, "a version that does not know stats");
    router_model_options(w->router)->stats = ROUTER_MODEL_STATS_REFUSED;
    arrive(w, 1);
    expect(w, ask(w).connections == 11);
    arrive(w, 1);
    expect(w, ask(w).connections == 12);
    say(w, "the daemon is killed, and the next one finds the rule: what came before it counts");
    world_kill(w);
    world_start(w, 2);
    world_run_for(w, 5000);
    struct mapping_status status = ask(w);
    expect(w, status.counted && status.connections > 0 && status.arrival_age_s == AGE_UNKNOWN_S);
    say(w, "a version that shows counters only with stats");
    router_model_options(w->router)->stats = ROUTER_MODEL_STATS_ASKED;
    world_kill(w);
    world_start(w, 3);
    world_run_for(w, 5000);
    expect(w, !status_of(w, 10, 7000).counted);
    expect(w, ask(w).counted);
    say(w, "and one that shows none");
    router_model_options(w->router)->stats = ROUTER_MODEL_STATS_ABSENT;
    world_kill(w);
    world_start(w, 4);
    world_run_for(w, 5000);
    expect(w, !ask(w).counted);
    say(w, "the router answers nothing: the status has what is known");
    router_model_options(w->router)->stats = ROUTER_MODEL_STATS_SHOWN;
    expect(w, ask(w).counted);
    router_model_slow(w->router, "/ip/firewall/nat/print", ROUTER_MODEL_HANGS);
    arrive(w, 1);
    (void)ask(w);
    expect(w, proxy_status(w->proxy, w->now_ms).counters_reading);
    world_run_for(w, 65000);
    expect(w, !proxy_status(w->proxy, w->now_ms).counters_reading);
    router_model_slow(w->router, "/ip/firewall/nat/print", 0);
    status = ask(w);
    expect(w, status.counted && status.arrival_age_s < 300);
}

static void tell(struct world *w)
{
    settle(w);
    (void)map(w, client(w, 10), TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    say(w, "nothing has arrived");
    struct mapping_status status = ask(w);
    expect(w, status.counted && status.connections == 0 && status.arrival_age_s == AGE_UNKNOWN_S);
    say(w, "one connection");
    arrive(w, 1);
    status = ask(w);
    expect(w, status.connections == 1 && status.first_bytes == 60 && status.arrival_age_s <= 11);
    ten_seconds(w);
    begins_again(w);
    versions(w);
}

const struct story story_counters = {.tell = tell};

/* Whatever happens a thousand times, the log says it ten times, and then once in ten seconds with the number
 * of lines that were left out: rules with the mark that lead nowhere, such rules that somebody adds one after
 * the other while the daemon runs, and requests of many hosts. What the operator must know is not among what
 * was left out: a router that comes and goes is in the log as it is now, ten seconds later at the most. [R5]
 */
#include "scenario.h"

enum { MANY = 1000 };

static void many(struct world_options *options)
{
    options->config.log_level = LOG_LEVEL_INFO;
}

static void add_rule(struct world *w, unsigned i)
{
    char text[256];

    (void)snprintf(
        text, sizeof(text),
        "chain=dstnat action=dst-nat in-interface=wg0 protocol=udp dst-port=%u to-addresses=127.0.0.1 "
        "to-ports=%u comment=\"double-natpmp/default external %u lease 600 s\"",
        20000 + i, 10000 + i, 30000 + i);
    router_model_rule_add(w->router, text, false);
}

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    world_hand_begin(w, "a thousand rules with the mark");
    for (unsigned i = 0; i < MANY; i++)
        add_rule(w, i);
    world_hand_end(w);
    note(w, "a thousand rules with the mark lead to loopback");
    world_start(w, 1);
    world_run_for(w, 30000);
    expect(w, our_rules(w) == 0);
    skip_s(w, 200);

    note(w, "somebody adds a thousand more, one after the other");
    for (unsigned i = 0; i < MANY; i++) {
        world_hand_begin(w, "one more");
        add_rule(w, i);
        world_hand_end(w);
        world_run_for(w, 25);
    }
    world_run_for(w, 30000);
    expect(w, our_rules(w) == 0);
    skip_s(w, 200);

    note(w, "a thousand hosts request a mapping each");
    for (unsigned i = 0; i < MANY; i++) {
        lan_send_map(&w->lan, 0xc0a86000 + 2 * i + 2, 40000, UDP, 7000, 0, 120);
        world_run_for(w, 10);
    }
    world_run_for(w, 30000);
    skip_s(w, 400);

    note(w, "the router comes and goes");
    for (unsigned i = 0; i < 40; i++) {
        w->faults.router_refused = i % 2 == 0;
        if (w->faults.router_refused)
            router_model_drop_session(w->router, 0, false);
        world_run_for(w, 2000);
    }
    world_run_for(w, 40000);
    expect(w, proxy_status(w->proxy, w->now_ms).router_failure == FAILURE_NONE);
}

const struct story story_log_flood = {.options = many, .tell = tell};

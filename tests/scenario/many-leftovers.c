/* A slow router has a thousand rules of an earlier run. The daemon answers clients from the first moment, and
 * ends in time when SIGTERM arrives while it reads the table. */
/* Predecessor fault 34: Many leftover rules make the program deaf at its start, and SIGTERM then kills it. */
#include "scenario.h"

enum { LEFTOVERS = 1000 };

static void slow(struct world_options *options)
{
    options->router.rows_per_ms = 1;
    options->router.latency_min_ms = 5;
    options->router.latency_max_ms = 5;
}

static void tell(struct world *w)
{
    static const uint8_t pcp[24] = {2, 0};
    char text[256];

    world_hand_begin(w, "a thousand rules of an earlier run");
    for (unsigned i = 0; i < LEFTOVERS; i++) {
        (void)snprintf(text, sizeof(text),
                       "chain=dstnat action=dst-nat in-interface=wg0 protocol=udp dst-port=%u "
                       "to-addresses=192.168.88.%u to-ports=%u comment=\"double-natpmp/default external %u "
                       "lease 600 s\"",
                       20000 + i, 10 + i % 200, 20000 + i, 30000 + i);
        router_model_rule_add(w->router, text, false);
        book_asked_before(&w->book, lan_address(10 + i % 200), UDP, (uint16_t)(20000 + i));
    }
    world_hand_end(w);
    note(w, "a request while the daemon reads the table (not shown)");
    show(w, false);
    world_start(w, 1);
    world_run_for(w, 100);
    show(w, true);
    lan_send_raw(&w->lan, lan_address(10), 40000, span_of(pcp, sizeof(pcp)));
    world_run_for(w, 5);
    show(w, false);
    world_run_for(w, 40000); /* each rule is replaced by one for the tunnel's address */
    expect(w, our_rules(w) == LEFTOVERS);
    expect(w, proxy_status(w->proxy, w->now_ms).mappings == LEFTOVERS);
    show(w, true);
    note(w, "the daemon is killed; SIGTERM arrives while the next run reads the table");
    show(w, false);
    world_kill(w);
    world_start(w, 2);
    world_run_for(w, 100);
    world_stop(w);
    world_run_for(w, 5200);
    expect(w, w->exited && !w->proxy);
    show(w, true);
    note(w, "the run after that removes the remaining rules when their leases are over");
    show(w, false);
    world_start(w, 3);
    world_run_for(w, 620000);
    expect(w, our_rules(w) == 0);
}

const struct story story_many_leftovers = {.options = slow, .tell = tell};

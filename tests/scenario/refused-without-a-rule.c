/* The gateway has five ports, and all of them belong to clients that renew. Another host requests ports all
 * the time. The gateway is asked first now, so what it refuses costs no change on the router. When a port is
 * free again, the host gets it. [L2] */
#include "scenario.h"

static unsigned changes;

static void count(void *context)
{
    (void)context;
    changes++;
}

static void options(struct world_options *options)
{
    options->gateway.ports_max = 5;
}

static void tell(struct world *w)
{
    struct lan_client *a[5];
    struct lan_mapping *first;
    struct lan_client *late = client(w, 20);

    settle(w);
    for (unsigned i = 0; i < 5; i++) {
        a[i] = client(w, 10 + i);
        first = map(w, a[i], TCP, 6000, (uint16_t)(6000 + i), 3600);
    }
    world_run_for(w, 2000);
    note(w, "the first one that is refused costs an addition and a removal");
    show(w, false);
    w->nat_changed = count;
    changes = 0;
    asks_map(w, 21, 50000, TCP, 7000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, changes == 2);
    show(w, true);
    note(w, "the others cost nothing");
    for (uint16_t i = 1; i < 5; i++) {
        asks_map(w, 21, 50000, TCP, (uint16_t)(7000 + i), 0, 3600);
        world_run_for(w, 1000);
    }
    expect(w, changes == 2 && our_rules(w) == 5);
    note(w, "one of the five deletes its mapping, and a host gets the port");
    lan_unmap(&w->lan, w->now_ms, a[4], first);
    world_run_for(w, 1000);
    first = map(w, late, TCP, 6000, 0, 3600);
    world_run_for(w, 1000);
    expect(w, first->state == LAN_HELD && our_rules(w) == 5);
    expect(w, changes == 4);
    skip_s(w, 100);
    expect_rest(w);
}

const struct story story_refused_without_a_rule = {.options = options, .tell = tell};

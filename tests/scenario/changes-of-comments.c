/* One host maps and deletes many ports at random, and waits for no answer. While its budget of changes is
 * spent, its rules stay, and the gateway grants another external port each time, which the comment of the
 * rule contains. The comment costs the budget, too. [L1] */
#include "base/limits.h"
#include "base/prng.h"
#include "scenario.h"

enum { PORTS = 64, SECONDS = 30 };

static unsigned changes;

static void count(void *context)
{
    (void)context;
    changes++;
}

static void tell(struct world *w)
{
    struct prng prng = prng_seeded(1);
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);

    settle(w);
    w->nat_changed = count;
    changes = 0;
    note(w, "one host maps and deletes at random (not shown)");
    show(w, false);
    for (unsigned i = 0; i < SECONDS * 1000; i++) {
        uint16_t port = (uint16_t)(9000 + prng_below(&prng, PORTS));

        asks_map(w, 10, 50000, TCP, port, 0, prng_below(&prng, 2) * 3600);
        world_run_for(w, 1);
    }
    show(w, true);
    expect(w, changes > CLIENT_MAPPINGS_DEFAULT);
    expect(w, changes <= CLIENT_MAPPINGS_DEFAULT + SECONDS + 1);
    note(w, "another host is served at once");
    map(w, b, TCP, 7001, 7001, 3600);
    world_run_for(w, 200);
    expect(w, lan_find(b, TCP, 7001)->state == LAN_HELD);
    lan_vanish(a);
}

static void other_ports(struct world_options *options)
{
    options->gateway.ignore_suggestion = true;
}

const struct story story_changes_of_comments = {.options = other_ports, .tell = tell};

/* One host maps a port and deletes it, in turn and as fast as it gets answers. The router's flash memory pays
 * for each change, so after a burst the host gets one change a second. Another host does not notice, and
 * renewals, ends of leases and rules that are put back do not wait. [L1] */
#include "base/limits.h"
#include "scenario.h"

static unsigned changes;

static void count(void *context)
{
    (void)context;
    changes++;
}

/* Returns the number of answers. */
static unsigned maps_and_deletes(struct world *w, struct lan_client *host, uint16_t port, uint64_t for_ms)
{
    unsigned answers = 0;
    uint64_t until_ms = w->now_ms + for_ms;

    while (w->now_ms < until_ms) {
        struct lan_mapping *mapping = lan_map(&w->lan, w->now_ms, host, TCP, port, port, 3600);

        while (w->now_ms < until_ms && mapping->state == LAN_ASKING)
            world_run_for(w, 1);
        expect(w, w->now_ms >= until_ms || mapping->state == LAN_HELD);
        answers++;
        lan_unmap(&w->lan, w->now_ms, host, mapping);
        while (w->now_ms < until_ms && mapping->state == LAN_DELETING)
            world_run_for(w, 1);
        answers++;
    }
    return answers;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *mine;
    unsigned answers;

    settle(w);
    mine = map(w, b, TCP, 7000, 7000, 120);
    world_run_for(w, 1000);
    w->nat_changed = count;
    changes = 0;
    note(w, "one host maps and deletes for five minutes (not shown)");
    show(w, false);
    answers = maps_and_deletes(w, a, 6000, 300000);
    show(w, true);
    expect(w, changes <= CLIENT_MAPPINGS_DEFAULT + 300);
    expect(w, answers > 300);
    expect(w, mine->state == LAN_HELD && mine->result == 0);
    note(w, "another host is served at once, and a rule that somebody removes is put back at once");
    map(w, b, TCP, 7001, 7001, 3600);
    world_run_for(w, 200);
    expect(w, lan_find(b, TCP, 7001)->state == LAN_HELD);
    world_hand_begin(w, "somebody removes the rule of .11");
    router_model_rule_remove(w->router, rule_of(w, 11, TCP, 7001));
    world_hand_end(w);
    world_run_for(w, 200);
    expect(w, rule_of(w, 11, TCP, 7001) != 0);
    note(w, "the host maps twenty ports at once: what waits for longer than 12 s is refused");
    for (uint16_t i = 0; i < 20; i++)
        asks_map(w, 10, 50000, TCP, (uint16_t)(8000 + i), 0, 3600);
    world_run_for(w, 30000);
    expect(w, our_rules(w) > 10 && our_rules(w) < 18);
    lan_vanish(a);
    lan_vanish(b);
    world_run_for(w, 120000);
    expect_rest(w);
}

const struct story story_maps_and_deletes = {.tell = tell};

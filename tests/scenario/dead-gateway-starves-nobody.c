/* The gateway does not answer, and hosts request the address and one mapping again and again. Requests that
 * need no gateway are still answered at once, and pending replies take no more than their share of the
 * table. */
/* Predecessor fault 31: A dead gateway starves requests that do not need it. */
#include "scenario.h"

enum { ROUNDS = 100 };

static void tell(struct world *w)
{
    static const uint8_t pcp[24] = {2, 0};
    struct lan_client *a = client(w, 10);
    uint64_t answers;

    w->gateway.faults.silent = true;
    world_start(w, 1);
    skip_s(w, 5);
    note(w, "fifty address requests in each second of twelve (not shown)");
    show(w, false);
    for (unsigned i = 0; i < 12 * 50; i++) {
        lan_send_raw(&w->lan, lan_address(20 + i % 200), (uint16_t)(1024 + i), span_of("\0\0", 2));
        world_run_for(w, 20);
    }
    lan_send_map(&w->lan, lan_address(11), 40000, TCP, 7000, 7000, 60);
    for (unsigned i = 0; i < ROUNDS; i++)
        lan_send_map(&w->lan, lan_address(11), 40000, TCP, 7000, 7000, 60);
    world_run_for(w, 1);
    show(w, true);
    note(w, "a client sends another version, and a deletion of a mapping that does not exist");
    answers = w->book.deletions;
    lan_send_raw(&w->lan, lan_address(250), 40000, span_of(pcp, sizeof(pcp)));
    lan_send_map(&w->lan, lan_address(250), 40001, TCP, 9000, 0, 0);
    world_run_for(w, 5);
    expect(w, w->book.deletions == answers + 1);
    note(w, "the gateway answers again, and a client maps a port");
    show(w, false);
    w->gateway.faults.silent = false;
    map(w, a, UDP, 6000, 6000, 3600);
    world_run_for(w, 20000);
    expect(w, a->mappings[0].state == LAN_HELD);
}

const struct story story_dead_gateway_starves_nobody = {.tell = tell};

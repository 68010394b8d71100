/* Mono.Nat (MonoTorrent, older Jellyfin) sends every request twice, the second time after 250 ms, even when
 * the first one has been answered. Both get the same answer, and the daemon makes nothing twice. Its
 * deletions suggest no port. */
#include "scenario.h"

enum { SOCKET = 40001 };

static void twice(struct world *w, bool tcp, uint32_t lifetime_s)
{
    asks_map(w, 10, SOCKET, tcp, 52138, lifetime_s ? 52138 : 0, lifetime_s);
    world_run_for(w, 250);
    asks_map(w, 10, SOCKET, tcp, 52138, lifetime_s ? 52138 : 0, lifetime_s);
    world_run_for(w, 500);
}

static void tell(struct world *w)
{
    settle(w);
    asks_address(w, 10, SOCKET);
    world_run_for(w, 250);
    asks_address(w, 10, SOCKET);
    world_run_for(w, 250);
    twice(w, TCP, 7200);
    twice(w, UDP, 7200);
    expect(w, our_rules(w) == 2 && gateway_count(&w->gateway, w->now_ms) == 2);
    twice(w, TCP, 0);
    twice(w, UDP, 0);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_mono_nat = {.options = like_proton, .tell = tell};

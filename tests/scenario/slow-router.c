/* A slow board: one command takes seconds while the router answers others, or each command does, or the
 * login. The daemon gets ready, slowly, and the connection is not given up. When it is ready, one addition
 * takes long, and its client gets its answer all the same. */
/* [R1] */
#include "scenario.h"

static void restart(struct world *w, const char *what)
{
    world_stop(w);
    world_run_for(w, 30000);
    note(w, what);
    world_start(w, 2);
}

static void maps(struct world *w, struct lan_client *from, uint16_t port)
{
    struct lan_mapping *mapping = map(w, from, UDP, port, port, 3600);

    world_run_for(w, 11900);
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

static void tell(struct world *w)
{
    static const char *const commands[] = {"/ip/firewall/nat/print", "/interface/list/member/print",
                                           "/ip/address/print", "/ip/route/check"};
    struct lan_client *a = client(w, 10);
    uint64_t connections;

    show(w, false);
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
        router_model_slow(w->router, commands[i], 7000);
        connections = router_model_counters(w->router)->connections;
        world_start(w, 2);
        world_run_for(w, 20000);
        expect(w, router_model_counters(w->router)->connections == connections + 1);
        maps(w, a, (uint16_t)(6000 + i));
        router_model_slow(w->router, commands[i], 0);
        world_stop(w);
        world_run_for(w, 30000);
    }
    world_start(w, 2);
    world_run_for(w, 200000);
    show(w, true);
    note(w, "an addition takes 6 s");
    router_model_slow(w->router, "/ip/firewall/nat/add", 6000);
    maps(w, a, 6010);
    router_model_slow(w->router, "/ip/firewall/nat/add", 0);

    router_model_slow(w->router, "/login", 6500);
    restart(w, "the login takes 6.5 s");
    world_run_for(w, 60000);
    maps(w, a, 6020);
    router_model_slow(w->router, "/login", 0);

    router_model_slow(w->router, "", 4500);
    restart(w, "each command takes 4.5 s");
    connections = router_model_counters(w->router)->connections;
    world_run_for(w, 60000);
    maps(w, a, 6030);
    skip_s(w, 3600);
    expect(w, router_model_counters(w->router)->connections <= connections + 2);
}

const struct story story_slow_router = {.tell = tell};

/* The router does not tell who is logged in: to the user of the first daemon, of the second, or of both, it
 * shows no session at all, or only the own one, or refuses to print them. The later daemon serves all the
 * same, and the earlier one names its address, which the claim carries. Once in ten minutes the earlier one
 * tries to serve again, unless it sees the end of the other one's session; it does serve when the other one
 * has gone, even if that one died while its claim was on the router. [R3] */
#include "scenario.h"

enum { TRY_S = 10 * 60, TRIES = 3 };

static const struct {
    enum router_model_active first;
    enum router_model_active second;
} seen[] = {
    {ROUTER_MODEL_ACTIVE_OWN, ROUTER_MODEL_ACTIVE_OWN},
    {ROUTER_MODEL_ACTIVE_NONE, ROUTER_MODEL_ACTIVE_NONE},
    {ROUTER_MODEL_ACTIVE_REFUSED, ROUTER_MODEL_ACTIVE_REFUSED},
    {ROUTER_MODEL_ACTIVE_REFUSED, ROUTER_MODEL_ACTIVE_ALL},
    {ROUTER_MODEL_ACTIVE_NONE, ROUTER_MODEL_ACTIVE_ALL},
    {ROUTER_MODEL_ACTIVE_ALL, ROUTER_MODEL_ACTIVE_REFUSED},
};

static bool first_stands_by(struct world *w)
{
    struct proxy_status status = proxy_status(w->proxy, w->now_ms);

    return status.standing_by && status.other_address == lan_address(3);
}

static void round_of(struct world *w, unsigned round)
{
    struct router_model_options *router = router_model_options(w->router);
    uint64_t before;

    router->users[0].active = seen[round].first;
    router->users[1].active = seen[round].second;
    note(w, "the first daemon starts again, and 5 s later a second one");
    world_kill(w);
    before = router_writes(w);
    world_start(w, 100 + round);
    world_run_for(w, 5000);
    expect(w, !proxy_status(w->proxy, w->now_ms).standing_by);
    w->lan_process = 1;
    start_second_as_admin(w, 200 + round);
    world_run_for(w, 10000);
    expect(w, first_stands_by(w) && !second_stands_by(w));
    expect(w, our_rules(w) == 1 && router_writes(w) <= before + 12);
    before = router_writes(w);
    skip_s(w, (uint64_t)TRIES * TRY_S);
    expect(w, first_stands_by(w) && !second_stands_by(w));
    expect(w, our_rules(w) == 1 && w->invariants.claims == 0 &&
                  router_writes(w) <= before + UINT64_C(6) * TRIES);
    note(w, "the second daemon dies");
    world_kill_second(w);
    w->lan_process = 0;
    world_run_for(w, UINT64_C(1000) * (TRY_S + 15));
    expect(w, !proxy_status(w->proxy, w->now_ms).standing_by);
    expect(w, our_rules(w) == 1 && w->invariants.claims == 0);
    expect_rest(w);
    note(w, "it starts again, and dies before it has removed its claim");
    start_second_as_admin(w, 300 + round);
    world_run_for(w, 500);
    expect(w, w->invariants.claims == 1 && first_stands_by(w));
    world_kill_second(w);
    skip_s(w, TRY_S + 15);
    for (unsigned minute = 0; minute < 15; minute++) {
        expect(w, !proxy_status(w->proxy, w->now_ms).standing_by);
        expect(w, our_rules(w) == 1 && w->invariants.claims == 0);
        skip_s(w, 60);
    }
}

static void tell(struct world *w)
{
    w->trace.only_logs = true;
    w->second_router_local = lan_address(3);
    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 7200);
    skip_s(w, 10);
    for (unsigned round = 0; round < ARRAY_LEN(seen); round++)
        round_of(w, round);
}

const struct story story_two_daemons_unseen = {.options = with_admin, .tell = tell};

/* Two daemons with the same INSTANCE, each with a user of the router of its own, beside another program that
 * is logged in to the API all the time. The later daemon serves, and the earlier one stands by; it serves
 * again when the other one has gone, although the other program is still there, and also after both have
 * crashed. The other program alone makes nobody stand by. [R3] */
#include "scenario.h"

static void two_users(struct world_options *options)
{
    with_admin(options);
    options->router.users[2] = (struct router_model_user){
        .name = "monitor", .password = "", .policies = ROUTER_MODEL_READ | ROUTER_MODEL_API};
}

static struct proxy_status first(struct world *w)
{
    return proxy_status(w->proxy, w->now_ms);
}

static void other_program_logs_in(struct world *w)
{
    static const uint8_t login[] = "\x06/login\x0d=name=monitor\x0a=password=";
    int session;

    note(w, "another program logs in to the API, and stays");
    router_now(w);
    session = router_model_connect(w->router, w->now_ms);
    router_model_peer(w->router, session, "192.168.88.77");
    router_model_input(w->router, session, w->now_ms, span_of(login, sizeof(login)));
}

static void tell(struct world *w)
{
    uint64_t before;

    w->trace.only_logs = true;
    w->second_router_local = lan_address(3);
    settle(w);
    map(w, client(w, 10), TCP, 7000, 7000, 7200);
    skip_s(w, 10);
    for (unsigned round = 0; round < 2; round++) {
        note(w, "a second daemon starts, as another user");
        before = router_writes(w);
        w->lan_process = 1;
        start_second_as_admin(w, 2 + round);
        world_run_for(w, 5);
        if (round == 1)
            other_program_logs_in(
                w); /* its session is the newest one when the second daemon looks for its own */
        world_run_for(w, 10000);
        expect(w, first(w).standing_by && first(w).other_address == lan_address(3) && !second_stands_by(w));
        expect(w, our_rules(w) == 1 && router_writes(w) <= before + 12);
        skip_s(w, 60);
        expect(w, router_writes(w) <= before + 12);
        note(w, "the second daemon dies");
        before = router_writes(w);
        world_kill_second(w);
        w->lan_process = 0;
        world_run_for(w, 15000);
        expect(w, !first(w).standing_by && our_rules(w) == 1 && w->invariants.claims == 0);
        expect(w, router_writes(w) <= before + 12);
        expect_rest(w);
    }
    note(w, "the first one dies, too, and starts again beside the other program");
    world_kill(w);
    skip_s(w, 5);
    before = router_writes(w);
    world_start(w, 9);
    world_run_for(w, 60000);
    expect(w, !first(w).standing_by && our_rules(w) == 1 && w->invariants.claims == 0);
    expect(w, router_writes(w) <= before + 2);
}

const struct story story_two_daemons_two_users = {.options = two_users, .tell = tell};

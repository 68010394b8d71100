/* ON_CHANGE_SCRIPT: the router runs a script when a mapping begins, has another port or ends, and when the
 * external address changes; not when a mapping is renewed. Changes that follow each other closely are one
 * run, the runs are five seconds apart, and the last one comes at the stop. What goes wrong is logged once,
 * until it works again. */
#include "scenario.h"

static unsigned runs(const struct world *w)
{
    return router_model_script_runs(w->router, "port-changed");
}

static void options(struct world_options *options)
{
    memcpy(options->config.change_script, "port-changed", sizeof("port-changed"));
    like_proton(options);
}

static void fails_and_works(struct world *w)
{
    unsigned before;

    note(w, "the script is gone");
    router_model_script_remove(w->router, "port-changed");
    asks_delete(w, 11, 42000, TCP, 7000, 0);
    world_run_for(w, 8000);
    asks_map(w, 11, 42000, TCP, 7000, 0, 3600);
    world_run_for(w, 8000);
    note(w, "it is back, but needs a policy that the user does not have");
    router_model_set_policies(w->router, "natpmp", ROUTER_MODEL_ALL & ~(unsigned)ROUTER_MODEL_MORE);
    router_model_row_add(w->router, "script", "name=port-changed policy=read,policy");
    asks_delete(w, 11, 42000, TCP, 7000, 0);
    world_run_for(w, 8000);
    note(w, "and works");
    router_model_script_remove(w->router, "port-changed");
    router_model_row_add(w->router, "script",
                         "name=port-changed policy=read,policy dont-require-permissions=yes");
    asks_map(w, 12, 42000, TCP, 7000, 0, 3600);
    world_run_for(w, 8000);
    expect(w, runs(w) == 1);
    note(w, "the script runs for more than a minute");
    router_model_slow(w->router, "/system/script/run", ROUTER_MODEL_HANGS);
    asks_delete(w, 12, 42000, TCP, 7000, 0);
    world_run_for(w, 5000);
    skip_s(w, 55);
    asks_map(w, 10, 42000, TCP, 6881, 0, 3600);
    world_run_for(w, 10000);
    router_model_slow(w->router, "/system/script/run", 0);
    note(w, "the connection ends while it runs: it runs once more");
    before = runs(w);
    router_model_slow(w->router, "/system/script/run", 3000);
    asks_delete(w, 10, 42000, TCP, 6881, 0);
    world_run_for(w, 2500);
    router_model_drop_session(w->router, 0, false);
    inv_router_trouble(w);
    router_model_slow(w->router, "/system/script/run", 0);
    world_run_for(w, 10000);
    expect(w, runs(w) == before + 1);
    note(w, "the daemon stops");
    asks_map(w, 13, 42000, TCP, 7000, 0, 3600);
    world_run_for(w, 3000);
    before = runs(w);
    world_stop(w);
    world_run_for(w, 3000);
    expect(w, runs(w) == before + 1 && our_rules(w) == 0);
}

static void tell(struct world *w)
{
    unsigned before;

    router_model_row_add(w->router, "script", "name=port-changed policy=read,write,test");
    settle(w);
    skip_s(w, 10);
    before = runs(w);
    expect(w, before == 1); /* the external address is known */
    note(w, "TCP and UDP of one port");
    asks_map(w, 10, 42000, TCP, 6881, 0, 3600);
    asks_map(w, 10, 42000, UDP, 6881, 0, 3600);
    world_run_for(w, 3000);
    expect(w, runs(w) == before + 1);
    note(w, "another client, within the five seconds");
    asks_map(w, 11, 42000, TCP, 7000, 0, 3600);
    world_run_for(w, 1500);
    expect(w, runs(w) == before + 1);
    world_run_for(w, 3000);
    expect(w, runs(w) == before + 2);
    note(w, "a renewal");
    skip_s(w, 20);
    asks_map(w, 11, 42000, TCP, 7000, 0, 3600);
    world_run_for(w, 10000);
    expect(w, runs(w) == before + 2);
    note(w, "the renewal is granted another port");
    skip_s(w, 20);
    gateway_next_port(w, 11, TCP, 7000, 40123);
    asks_map(w, 11, 42000, TCP, 7000, 0, 3600);
    world_run_for(w, 5000);
    expect(w, runs(w) == before + 3);
    fails_and_works(w);
}

const struct story story_change_script = {.options = options, .tell = tell};

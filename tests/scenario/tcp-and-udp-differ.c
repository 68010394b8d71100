/* The gateway grants TCP and UDP of one port different external ports. A program that announces one number
 * for both cannot know that, so the daemon logs it once. It does not log the difference of a port that has
 * just changed, because the other protocol may follow at its renewal. */
#include "scenario.h"

static void own_way(struct world_options *options)
{
    options->gateway.lifetime_max_s = 60;
    options->gateway.ignore_suggestion = true;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_mapping *tcp;
    struct lan_mapping *udp;

    settle(w);
    tcp = map(w, a, TCP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    udp = map(w, a, UDP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    expect(w, tcp->external_port != udp->external_port);
    note(w, "the client renews both: there is nothing more to log");
    world_run_for(w, 35000);
    expect(w, tcp->answers == 2 && udp->answers == 2);
    expect_rest(w);
}

const struct story story_tcp_and_udp_differ = {.options = own_way, .tell = tell};

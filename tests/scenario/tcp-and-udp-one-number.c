/* Many programs announce one port number for both protocols. The rules of both use one router port, so that a
 * gateway like ProtonVPN's grants both the same external port, whatever was suggested. */
#include "scenario.h"

static void proton(struct world_options *options)
{
    like_proton(options);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *tcp;
    struct lan_mapping *udp;

    settle(w);
    tcp = map(w, a, TCP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    udp = map(w, a, UDP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    expect(w, tcp->state == LAN_HELD && udp->state == LAN_HELD && tcp->external_port == udp->external_port);
    note(w, "another client with the same port gets a pair of its own");
    tcp = map(w, b, TCP, 6881, 6881, 7200);
    udp = map(w, b, UDP, 6881, 6881, 7200);
    world_run_for(w, 1000);
    expect(w, tcp->state == LAN_HELD && udp->state == LAN_HELD && tcp->external_port == udp->external_port);
    expect(w, router_port_of(w, 11, TCP, 6881) == router_port_of(w, 11, UDP, 6881));
    expect_rest(w);
}

const struct story story_tcp_and_udp_one_number = {.options = proton, .tell = tell};

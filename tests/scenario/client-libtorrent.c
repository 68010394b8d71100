/* libtorrent 1.2 to 2.0 (qBittorrent, Deluge) tries PCP first. Then it requests the TCP mapping and the
 * address back to back from one socket. Any packet stops its only retransmission timer, so it would never
 * repeat the request for the mapping if the address came first. The daemon answers the retransmissions, which
 * come 250 ms and again 500 ms later, once. libtorrent then requests UDP, renews at three quarters of the
 * lease with the port that it has as the suggestion, and deletes both mappings without waiting for an
 * answer. */
#include "scenario.h"

enum { SOCKET = 40001 };

static void asks(struct world *w)
{
    asks_map(w, 10, SOCKET, TCP, 6881, 6881, 3600);
    asks_address(w, 10, SOCKET);
}

static void tell(struct world *w)
{
    uint16_t external_port;

    settle(w);
    note(w, "the daemon refuses the PCP version at once");
    asks_pcp(w, 10, SOCKET, false);
    world_run_for(w, 10);
    note(w, "a slow gateway: two retransmissions come before its answer");
    gateway_late(w, 900);
    asks(w);
    world_run_for(w, 250);
    asks(w);
    world_run_for(w, 500);
    asks(w);
    world_run_for(w, 250);
    gateway_late(w, 0);
    note(w, "TCP is answered, so the client requests UDP");
    asks_map(w, 10, SOCKET, UDP, 6881, 6881, 3600);
    world_run_for(w, 1000);
    external_port = external_port_of(w, 10, TCP, 6881);
    expect(w, external_port != 0 && external_port == external_port_of(w, 10, UDP, 6881));
    skip_s(w, 43);
    note(w, "45 s: the client renews both");
    asks_map(w, 10, SOCKET, TCP, 6881, external_port, 3600);
    world_run_for(w, 100);
    asks_map(w, 10, SOCKET, UDP, 6881, external_port, 3600);
    world_run_for(w, 1000);
    skip_s(w, 30);
    expect(w, external_port_of(w, 10, TCP, 6881) == external_port);
    note(w, "the user closes the program");
    asks_delete(w, 10, SOCKET, TCP, 6881, external_port);
    asks_delete(w, 10, SOCKET, UDP, 6881, external_port);
    world_run_for(w, 2000);
    expect(w, our_rules(w) == 0 && gateway_count(&w->gateway, w->now_ms) == 0);
    expect_rest(w);
}

const struct story story_client_libtorrent = {.options = like_proton, .tell = tell};

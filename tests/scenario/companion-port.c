/* RFC 6886 section 3.3: while a client has a port for one protocol, only that client gets the same port of
 * the other protocol. [M-09] [M-10] */
/* Predecessor fault 17: The companion port goes to another client. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *tcp;
    struct lan_mapping *other;
    struct lan_mapping *udp;

    settle(w);
    note(w, "a client maps TCP 8080");
    tcp = map(w, a, TCP, 8080, 8080, 3600);
    world_run_for(w, 2000);
    expect(w, tcp->external_port == 8080);
    note(w, "another client suggests UDP 8080 and gets another port");
    other = map(w, b, UDP, 8080, 8080, 3600);
    world_run_for(w, 2000);
    expect(w, other->state == LAN_HELD && other->external_port != 8080);
    note(w, "the first client maps UDP 8080, too, without a suggestion, and gets the same number");
    udp = map(w, a, UDP, 8080, 0, 3600);
    world_run_for(w, 2000);
    expect(w, udp->state == LAN_HELD && router_port_of(w, 10, UDP, 8080) == 8080);
    note(w, "[M-04] without a suggestion and without a companion the port is one of the dynamic range");
    other = map(w, b, TCP, 9000, 0, 3600);
    world_run_for(w, 2000);
    expect(w, other->state == LAN_HELD && router_port_of(w, 11, TCP, 9000) >= 49152);
    expect_rest(w);
}

const struct story story_companion_port = {.tell = tell};

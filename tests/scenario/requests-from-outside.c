/* RFC 6886 sections 3.3 and 5: the daemon serves requests from the LAN only. It does not answer a public
 * source, the gateway, or the router itself. [M-15] */
/* Predecessor fault 24: Requests from outside are served. */
#include "scenario.h"

static void from(struct world *w, uint32_t address)
{
    static const uint8_t request[12] = {0, 1, 0, 0, 0x17, 0x70, 0x17, 0x70, 0, 0, 0x0e, 0x10};

    world_lan_datagram(w, (struct endpoint){address, 40000}, w->options.lan_address, span_of(request, 12));
    world_lan_datagram(w, (struct endpoint){address, 40000}, w->options.lan_address, span_of("\0\0", 2));
    world_run_for(w, 1000);
}

static void tell(struct world *w)
{
    uint64_t requests;

    settle(w);
    requests = w->gateway.requests;
    note(w, "a public address, the gateway, the router, 0.0.0.0, broadcast, multicast");
    from(w, 0xcb007142);
    from(w, w->options.config.gateway);
    from(w, w->options.router_address);
    from(w, 0);
    from(w, 0xffffffff);
    from(w, 0xe0000001);
    expect(w, our_rules(w) == 0 && w->gateway.requests == requests);
    note(w, "a link-local address is on the LAN");
    from(w, 0xa9fe0102);
    expect(w, our_rules(w) == 1);
}

const struct story story_requests_from_outside = {.tell = tell};

/* [G4] [G10] A gateway that is known to be silent, or to have no address that a host can
 * have, has no external address for clients (RFC 6886 section 3.5): result 3 with 0.0.0.0, at the latest 15 s
 * after the first request that it left unanswered. "Known" is what the health command says. With the first
 * answer the address is back. [N-02] [C-13] */
#include "scenario.h"

enum { KNOWN_MS = 15000, ADDRESS = 0xb9010203 };

static void told(struct world *w, struct lan_client *from, uint32_t address)
{
    unsigned answers = from->address_answers;

    lan_ask_address(&w->lan, w->now_ms, from);
    world_run_for(w, 100);
    expect(w, from->address_answers == answers + 1);
    expect(w, from->external_address == address && from->address_result == (address != 0 ? 0 : 3));
    enum gateway_trouble trouble = proxy_status(w->proxy, w->now_ms).gateway_trouble;
    expect(w, (trouble == GATEWAY_FINE) == (address != 0));
}

/* A client that asks every two seconds must not hide the silence. */
static void silence(struct world *w, struct lan_client *from, bool often)
{
    w->gateway.faults.silent = true;
    skip_s(w, 62);
    lan_ask_address(&w->lan, w->now_ms, from);
    for (unsigned ms = 0; ms < KNOWN_MS; ms += 1900) {
        if (often)
            lan_ask_address(&w->lan, w->now_ms, from);
        world_run_for(w, 1900);
    }
    told(w, from, 0);
}

static void tell(struct world *w)
{
    static const uint32_t unusable[] = {0, 0xe0000001, 0xf0000001, 0xffffffff, 0x7f000001, 0x00000001};
    struct lan_client *a = client(w, 10);
    struct lan_mapping *mapping;

    settle(w);
    told(w, a, ADDRESS);
    note(w, "silent");
    silence(w, a, false);
    note(w, "the first answer is to a mapping");
    w->gateway.faults.silent = false;
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 1000);
    expect(w, mapping->state == LAN_HELD);
    told(w, a, ADDRESS);
    note(w, "silent again, and the client asks often");
    skip_s(w, 130);
    silence(w, a, true);
    w->gateway.faults.silent = false;
    world_run_for(w, 2000);
    told(w, a, ADDRESS);
    note(w, "addresses that no host can have");
    for (unsigned i = 0; i < ARRAY_LEN(unusable); i++) {
        skip_s(w, 130);
        world_gateway_address(w, unusable[i], true);
        world_run_for(w, 1000);
        told(w, a, 0);
        world_gateway_address(w, ADDRESS, false);
        skip_s(w, 70);
        told(w, a, ADDRESS);
    }
    expect(w, mapping->state == LAN_HELD);
    expect_rest(w);
}

const struct story story_address_while_silent = {.tell = tell};

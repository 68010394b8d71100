/* [G9] Behind the tunnel is another server now, which has its own clock, its own address and no
 * mappings of ours. At the first sign of it the external address is requested, whatever its clock says. */
#include "scenario.h"

static void another(struct world *w, struct lan_client *asker, int32_t ahead_s, uint32_t address)
{
    static uint16_t port = 7000;
    struct lan_mapping *mapping;
    int32_t epoch_s;

    skip_s(w, 130);
    note(w, "another server");
    epoch_s = (int32_t)gateway_epoch_s(&w->gateway, w->now_ms);
    world_gateway_reboot(w);
    world_gateway_clock(w, epoch_s + ahead_s);
    w->gateway.options.external_address = address;
    mapping = map(w, asker, UDP, port, port, 3600);
    port++;
    world_run_for(w, 2000);
    expect(w, mapping->state == LAN_HELD);
    lan_ask_address(&w->lan, w->now_ms, asker);
    world_run_for(w, 100);
    expect(w, asker->external_address == address);
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    settle(w);
    another(w, a, -20, 0xb9010204);
    another(w, a, 15, 0xb9010205);
    another(w, a, 30, 0xb9010206);
    another(w, a, 60, 0xb9010207);
    another(w, a, -1000, 0xb9010208);
    another(w, a, 100000, 0xb9010209);
    skip_s(w, 130);
    expect_rest(w);
}

const struct story story_another_server = {.tell = tell};

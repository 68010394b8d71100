/* A gateway refuses each request that suggests no external port, and so does RouterOS's own NAT-PMP by
 * report. Such a request is sent once more with the rule's port as the suggestion. That works, and from then
 * on it is suggested at once, until the gateway restarts. Another gateway does not answer such requests at
 * all. A third one grants only what has the internal port as the external one. A moment without ports makes
 * no difference for longer than a minute, however often clients ask meanwhile. [G5] */
#include "scenario.h"

static void options(struct world_options *options)
{
    options->gateway.wants_suggestion = true;
}

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);
    struct lan_client *b = client(w, 11);
    struct lan_mapping *mapping;
    uint64_t requests;

    settle(w);
    note(w, "a request without a suggestion");
    mapping = map(w, a, TCP, 6000, 0, 3600);
    world_run_for(w, 200);
    expect(w, mapping->state == LAN_HELD && mapping->answers == 1);
    note(w, "the next one costs one request only");
    requests = w->gateway.requests;
    mapping = map(w, b, TCP, 6000, 0, 3600);
    world_run_for(w, 200);
    expect(w, mapping->state == LAN_HELD && w->gateway.requests == requests + 1);
    note(w, "the gateway restarts as one that does not answer such requests");
    show(w, false);
    w->gateway.options.unwanted_is_unanswered = true;
    world_gateway_reboot(w);
    skip_s(w, 120);
    show(w, true);
    requests = w->gateway.requests;
    mapping = map(w, b, TCP, 6001, 0, 3600);
    world_run_for(w, 2500);
    expect(w, w->gateway.requests == requests + 4);
    expect(w, mapping->state == LAN_HELD);
    note(w, "the gateway restarts as one that grants internal ports only");
    show(w, false);
    w->gateway.options.unwanted_is_unanswered = false;
    w->gateway.options.wants_internal_port = true;
    world_gateway_reboot(w);
    skip_s(w, 120);
    show(w, true);
    world_hand_begin(w, "the owner forwards port 7000 to another host");
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=tcp dst-port=7000 in-interface=wg0 "
                          "to-addresses=192.168.88.5 comment=FOREIGN",
                          false);
    world_hand_end(w);
    world_run_for(w, 1000);
    mapping = map(w, a, TCP, 7000, 7000, 3600);
    world_run_for(w, 500);
    expect(w, mapping->state == LAN_HELD && mapping->external_port == router_port_of(w, 10, TCP, 7000));
    note(w, "it restarts as the first one, and refuses everything for a moment; clients go on asking");
    show(w, false);
    w->gateway.options.wants_internal_port = false;
    world_gateway_reboot(w);
    skip_s(w, 120);
    w->gateway.faults.refuse = 4;
    asks_map(w, 12, 40000, TCP, 8000, 0, 3600);
    world_run_for(w, 1000);
    w->gateway.faults.refuse = 0;
    for (uint16_t i = 1; i < 4; i++) {
        skip_s(w, 30);
        asks_map(w, 12, 40000, TCP, 8000 + i, 0, 3600);
        world_run_for(w, 1000);
    }
    expect(w, rule_of(w, 12, TCP, 8003) != 0);
    show(w, true);
    skip_s(w, 3700);
    expect_rest(w);
}

const struct story story_gateway_wants_a_suggestion = {.options = options, .tell = tell};

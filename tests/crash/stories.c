/* The stories. Each is run many times, so they are short. Lifetimes are at most LEASE_MAX_S. */
#include "crash.h"

enum {
    UDP = false,
    TCP = true,
    LONG_S = 120,
    SHORT_S = 20,
    REST_MS = 20000,
};

/* The owner's rules, which the daemon must not change. */
static void foreign_rules(struct world *w)
{
    world_hand_begin(w, "the owner's rules");
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=tcp in-interface=wg0 dst-port=443,8443 "
                          "to-addresses=192.168.88.5 comment=\"FOREIGN web server\"",
                          false);
    router_model_rule_add(w->router,
                          "chain=dstnat action=dst-nat protocol=udp in-interface=wg0 dst-port=6002 "
                          "to-addresses=192.168.88.5 to-ports=6002 comment=\"FOREIGN double-natpmp game\"",
                          false);
    world_hand_end(w);
}

/* Starts the daemon and runs until nothing is in work. */
static void settle(struct crash *c)
{
    struct world *w = crash_world(c);

    foreign_rules(w);
    world_start(w, 1);
    world_run_for(w, 5000);
}

/* Two clients send their requests at the same moment. */
static void tell_create(struct crash *c)
{
    settle(c);
    crash_begin(c);
    crash_map(c, crash_client(c, 10), UDP, 6000, 6000, LONG_S);
    crash_map(c, crash_client(c, 11), TCP, 6001, 0, LONG_S);
    crash_serve_for(c, REST_MS);
}

/* Both protocols of one port, and another client that suggests the same number. */
static void tell_pair(struct crash *c)
{
    struct lan_client *a = crash_client(c, 10);
    struct lan_client *b = crash_client(c, 11);

    settle(c);
    crash_begin(c);
    crash_map(c, a, TCP, 6881, 6881, LONG_S);
    crash_run_for(c, 100);
    crash_map(c, a, UDP, 6881, 6881, LONG_S);
    crash_map(c, b, UDP, 6881, 6881, LONG_S);
    crash_serve_for(c, REST_MS);
}

/* A renewal at half of the lifetime, and one for longer, which changes the rule's comment. */
static void tell_renew(struct crash *c)
{
    struct lan_client *a = crash_client(c, 10);

    settle(c);
    crash_map(c, a, UDP, 6000, 6000, SHORT_S);
    crash_run_for(c, 2000);
    crash_begin(c);
    crash_run_for(c, 16000);
    crash_map(c, a, UDP, 6000, 6000, LONG_S);
    crash_serve_for(c, REST_MS);
}

static void tell_delete(struct crash *c)
{
    struct lan_client *a = crash_client(c, 10);
    struct lan_client *b = crash_client(c, 11);
    struct lan_mapping *one;

    settle(c);
    one = crash_map(c, a, UDP, 6000, 6000, LONG_S);
    crash_map(c, a, TCP, 6001, 6001, LONG_S);
    crash_map(c, a, TCP, 6003, 6003, LONG_S);
    crash_map(c, b, TCP, 6004, 6004, LONG_S);
    crash_run_for(c, 2000);
    crash_begin(c);
    lan_unmap(&crash_world(c)->lan, crash_world(c)->now_ms, a, one);
    crash_run_for(c, 1000);
    lan_unmap_all(&crash_world(c)->lan, a, TCP);
    crash_serve_for(c, REST_MS);
    if (one->state != LAN_UNUSED)
        world_fail(crash_world(c), "the deletion was not answered");
}

/* One client renews, the other one is switched off. */
static void tell_expiry(struct crash *c)
{
    struct lan_client *a = crash_client(c, 10);
    struct lan_client *b = crash_client(c, 11);

    settle(c);
    crash_map(c, a, UDP, 6000, 6000, LONG_S);
    crash_map(c, b, TCP, 6001, 6001, SHORT_S);
    crash_run_for(c, 2000);
    lan_vanish(b);
    crash_run_for(c, 16000);
    crash_begin(c);
    crash_serve_for(c, REST_MS);
}

/* The router takes an addition, and its connection ends before the answer. Then the router restarts and
 * numbers its rules anew. */
static void reconnect_options(struct world_options *options)
{
    options->router.renumber_on_reboot = true;
}

static void tell_reconnect(struct crash *c)
{
    static const struct router_model_drop_fault fault = {
        .drop = ROUTER_MODEL_DROP_AFTER, .command = "/ip/firewall/nat/add", .reset = true};
    struct world *w = crash_world(c);
    struct lan_client *a = crash_client(c, 10);

    settle(c);
    crash_map(c, a, TCP, 6000, 6000, LONG_S);
    crash_run_for(c, 2000);
    crash_begin(c);
    router_model_drop_at(w->router, &fault);
    crash_map(c, a, UDP, 6001, 6001, LONG_S);
    crash_run_for(c, 5000);
    router_model_run(w->router, w->now_ms);
    router_model_reboot(w->router, 3000, true);
    crash_run_for(c, 1000);
    crash_map(c, a, UDP, 6003, 6003, LONG_S);
    crash_serve_for(c, UINT64_C(2) * REST_MS);
}

/* The gateway loses its table, and the daemon requests all mappings again. */
static void tell_recover(struct crash *c)
{
    struct lan_client *a = crash_client(c, 10);

    settle(c);
    crash_map(c, a, TCP, 6000, 6000, LONG_S);
    crash_map(c, a, UDP, 6001, 0, LONG_S);
    crash_run_for(c, 2000);
    crash_begin(c);
    crash_gateway_reboot(c);
    crash_serve_for(c, UINT64_C(4) * REST_MS);
}

/* SIGTERM with mappings and with a request in work. */
static void tell_shutdown(struct crash *c)
{
    struct lan_client *a = crash_client(c, 10);
    struct lan_client *b = crash_client(c, 11);

    settle(c);
    crash_map(c, a, TCP, 6000, 6000, LONG_S);
    crash_map(c, a, UDP, 6001, 6001, LONG_S);
    crash_run_for(c, 2000);
    crash_map(c, b, UDP, 6003, 6003, LONG_S);
    crash_run_for(c, 10);
    crash_begin(c);
    crash_stop(c);
    crash_run_for(c, REST_MS);
}

/* A process starts after another one has died. It adopts the rules of the dead one, among them one that
 * forwards no single port. */
static void tell_start(struct crash *c)
{
    struct world *w = crash_world(c);
    struct lan_client *a = crash_client(c, 10);
    struct lan_client *b = crash_client(c, 11);

    settle(c);
    crash_map(c, a, TCP, 6000, 6000, LONG_S);
    crash_map(c, a, UDP, 6000, 6000, LONG_S);
    crash_map(c, b, UDP, 6001, 0, LONG_S);
    crash_run_for(c, 2000);
    world_kill(w);
    world_hand_begin(w, "a rule of ours that makes no sense");
    router_model_rule_add(
        w->router,
        "chain=dstnat action=dst-nat protocol=tcp in-interface=wg0 dst-port=7000-7001 "
        "to-addresses=192.168.88.10 comment=\"double-natpmp/default external 7000 lease 60 s\"",
        false);
    world_hand_end(w);
    world_run_for(w, 1000);
    world_start(w, 2);
    crash_begin(c);
    crash_serve_for(c, REST_MS);
}

/* Two static mappings from the first moment on. One client requests its own, and the gateway loses its table.
 */
static void static_options(struct world_options *options)
{
    struct proxy_config *config = &options->config;

    config->static_mapping[0] = (struct static_mapping){
        .address = 0xc0a8580a, .protocol = NATPMP_TCP, .internal_port = 6000, .external_port = 6000};
    config->static_mapping[1] =
        (struct static_mapping){.address = 0xc0a8580b, .protocol = NATPMP_UDP, .internal_port = 6001};
    config->static_mappings = 2;
}

static void tell_static(struct crash *c)
{
    struct lan_client *a = crash_client(c, 10);

    foreign_rules(crash_world(c));
    world_start(crash_world(c), 1);
    crash_begin(c);
    crash_run_for(c, 5000);
    crash_map(c, a, TCP, 6000, 0, LONG_S);
    crash_map(c, a, UDP, 6003, 0, SHORT_S);
    crash_run_for(c, 5000);
    crash_gateway_reboot(c);
    crash_serve_for(c, UINT64_C(4) * REST_MS);
}

const struct crash_story crash_stories[] = {
    {"create", NULL, tell_create},   {"pair", NULL, tell_pair},
    {"renew", NULL, tell_renew},     {"delete", NULL, tell_delete},
    {"expiry", NULL, tell_expiry},   {"reconnect", reconnect_options, tell_reconnect},
    {"recover", NULL, tell_recover}, {"shutdown", NULL, tell_shutdown},
    {"start", NULL, tell_start},     {"static", static_options, tell_static},
};
const unsigned crash_stories_count = ARRAY_LEN(crash_stories);

#include <stdio.h>

#include "bytes.h"
#include "sim.h"

enum {
    PORTS_WANTED = 12, /* few, so that several clients use one port */
    FIRST_PORT = 6000,
    FLOOD = 300,
    GIVEN_UP_MS = 125000, /* a command that hangs: the daemon waits so long for a snapshot */
    LONGEST_MS = 600000,  /* of a fault, and more */
};

static uint32_t below(struct sim *sim, uint32_t bound)
{
    return prng_below(&sim->prng, bound);
}

static struct lan_client *any_client(struct sim *sim)
{
    return &sim->world->lan.clients[below(sim, sim->world->lan.count)];
}

static struct lan_mapping *any_mapping(struct sim *sim, struct lan_client **ret_client)
{
    struct lan_client *client = any_client(sim);
    struct lan_mapping *mapping = &client->mappings[below(sim, LAN_MAPPINGS_MAX)];

    *ret_client = client;
    return client->gone || mapping->state == LAN_UNUSED ? NULL : mapping;
}

static uint16_t any_port(struct sim *sim)
{
    return (uint16_t)(FIRST_PORT + below(sim, PORTS_WANTED));
}

static uint32_t any_lifetime(struct sim *sim)
{
    static const uint32_t lifetimes[] = {1, 5, 30, 60, 120, 600, 3600, 7200, 3600000};

    return lifetimes[below(sim, ARRAY_LEN(lifetimes))];
}

/* ---- the clock ---- */

static void time_passes(struct sim *sim)
{
    unsigned chance = below(sim, 1000);
    uint32_t for_ms;

    if (chance < 600)
        for_ms = below(sim, 100);
    else if (chance < 900)
        for_ms = below(sim, 3000);
    else if (chance < 990)
        for_ms = below(sim, 60000);
    else
        for_ms = below(sim, 600000);
    world_run_for(sim->world, for_ms);
}

/* ---- the LAN ---- */

static void new_client(struct sim *sim)
{
    unsigned kind = below(sim, 10);
    enum lan_behaviour behaviour = kind < 7 ? LAN_GOOD : kind < 9 ? LAN_LATE : LAN_LIAR;

    if (sim->world->lan.count == LAN_CLIENTS_MAX)
        return;
    lan_add(&sim->world->lan, 0xc0a85800 + 10 + sim->next_address++, behaviour);
}

static void client_maps(struct sim *sim)
{
    struct lan_client *client = any_client(sim);
    uint16_t port = any_port(sim);
    uint16_t suggested = below(sim, 3) == 0 ? 0 : below(sim, 3) == 0 ? any_port(sim) : port;
    bool tcp = below(sim, 2);

    if (client->gone)
        return;
    if (client->behaviour == LAN_LIAR)
        lan_send_map(&sim->world->lan, client->address, (uint16_t)(50000 + below(sim, 4)), tcp, port,
                     suggested, any_lifetime(sim));
    else
        lan_map(&sim->world->lan, sim->world->now_ms, client, tcp, port, suggested, any_lifetime(sim));
}

static void client_unmaps(struct sim *sim)
{
    struct lan_client *client;
    struct lan_mapping *mapping = any_mapping(sim, &client);

    if (mapping)
        lan_unmap(&sim->world->lan, sim->world->now_ms, client, mapping);
}

static void client_repeats(struct sim *sim)
{
    struct lan_client *client;
    struct lan_mapping *mapping = any_mapping(sim, &client);

    if (mapping && mapping->state == LAN_ASKING)
        lan_send_map(&sim->world->lan, client->address, (uint16_t)(45000 + below(sim, 3)), mapping->tcp,
                     mapping->internal_port, mapping->suggested, mapping->lifetime_s);
}

static void clients_race(struct sim *sim)
{
    uint16_t port = any_port(sim);
    bool tcp = below(sim, 2);

    for (unsigned i = 0; i < sim->world->lan.count; i++) {
        struct lan_client *client = &sim->world->lan.clients[i];

        if (!client->gone && client->behaviour != LAN_LIAR && below(sim, 2))
            lan_map(&sim->world->lan, sim->world->now_ms, client, below(sim, 8) ? tcp : !tcp, port, port,
                    600);
    }
}

static void client_floods(struct sim *sim)
{
    struct lan_client *client = any_client(sim);
    unsigned count = 1 + below(sim, FLOOD);

    if (client->behaviour != LAN_LIAR)
        return;
    while (count-- > 0) {
        if (below(sim, 4) == 0)
            lan_send_garbage(&sim->world->lan, client);
        else
            lan_send_map(&sim->world->lan, client->address, (uint16_t)(50000 + below(sim, 8)), below(sim, 2),
                         (uint16_t)(1 + below(sim, 2000)), 0, 60);
    }
}

static void outsider_asks(struct sim *sim)
{
    static const uint32_t sources[] = {0xcb007142, 0x08080808, 0x0a020001, 0,          0xffffffff, 0xe0000001,
                                       0x64400001, 0xc0a858ff, 0xc0a85801, 0xcb007107, 0x0a020002};
    static const uint8_t request[12] = {0, 2, 0, 0, 0x17, 0x70, 0x17, 0x70, 0, 0, 0, 60};

    uint32_t source = sources[below(sim, ARRAY_LEN(sources))];

    if (source == sim->world->options.lan_address)
        return; /* a program on this machine: it is answered, with an error */
    world_lan_datagram(sim->world, (struct endpoint){source, 40000}, sim->world->options.lan_address,
                       span_of(request, below(sim, 2) ? 12 : 2));
}

static void lan_happens(struct sim *sim, enum sim_event event)
{
    struct lan_client *client = any_client(sim);

    if (event == SIM_MAP) {
        client_maps(sim);
    } else if (event == SIM_UNMAP) {
        client_unmaps(sim);
    } else if (event == SIM_UNMAP_ALL && !client->gone) {
        lan_unmap_all(&sim->world->lan, client, below(sim, 2));
    } else if (event == SIM_ADDRESS && !client->gone) {
        lan_ask_address(&sim->world->lan, sim->world->now_ms, client);
    } else if (event == SIM_RACE) {
        clients_race(sim);
    } else if (event == SIM_REPEAT) {
        client_repeats(sim);
    } else if (event == SIM_NEW_CLIENT) {
        new_client(sim);
    } else if (event == SIM_VANISH && below(sim, 4) == 0) {
        lan_vanish(client);
        new_client(sim);
    } else if (event == SIM_GARBAGE && client->behaviour == LAN_LIAR) {
        lan_send_garbage(&sim->world->lan, client);
    } else if (event == SIM_FLOOD) {
        client_floods(sim);
    } else if (event == SIM_OUTSIDE) {
        outsider_asks(sim);
    }
}

/* ---- the gateway ---- */

static const char *const slow_commands[] = {"",
                                            "/login",
                                            "/ip/firewall/nat/add",
                                            "/ip/firewall/nat/remove",
                                            "/ip/firewall/nat/print",
                                            "/interface/list/member/print",
                                            "/ip/route/check"};

static void router_is_quick(struct world *w)
{
    for (unsigned i = 0; i < ARRAY_LEN(slow_commands); i++)
        router_model_slow(w->router, slow_commands[i], 0);
    w->invariants.slow_until_ms = w->now_ms + GIVEN_UP_MS; /* what the router executes already stays slow */
    inv_router_trouble_over(w);
}

static const char *first_tunnel(const struct world *w)
{
    const char *name;

    for (unsigned i = 0; (name = router_model_interface(w->router, i)); i++) {
        if (strcmp(name, "wg1") == 0)
            return "wg1";
    }
    return "wg0";
}

static void way_is_back(struct world *w)
{
    inv_way_is_back(w);
    world_way_moves(w, "the host route leads through the first tunnel", true);
    world_host_route(w, first_tunnel(w));
}

static void fault_ends(struct world *w, unsigned event)
{
    struct gateway_faults *faults = &w->gateway.faults;

    trace_line(&w->trace, w->now_ms, "# %s is over", sim_event_name((enum sim_event)event));
    if (event == SIM_GATEWAY_SILENT) {
        faults->silent = false;
    } else if (event == SIM_GATEWAY_UNREACHABLE) {
        faults->unreachable = false;
    } else if (event == SIM_GATEWAY_REFUSES) {
        faults->refuse = 0;
        faults->short_errors = false;
    } else if (event == SIM_GATEWAY_NO_ADDRESS) {
        faults->refuse_address = 0;
    } else if (event == SIM_GATEWAY_LATE) {
        faults->late_percent = 0;
    } else if (event == SIM_GATEWAY_JUNK) {
        faults->junk_percent = 0;
    } else if (event == SIM_TUNNEL_DOWN) {
        w->faults.tunnel_down = false;
        inv_way_moves(w, true); /* no packet showed what moved meanwhile */
    } else if (event == SIM_LOSS) {
        w->options.gateway_link.loss_percent = 0;
    } else if (event == SIM_ROUTER_REFUSED) {
        w->faults.router_refused = false;
        w->faults.router_unreachable = false;
        w->faults.router_unresolved = false;
    } else if (event == SIM_ROUTER_PERMISSION) {
        router_model_set_policies(w->router, "natpmp", ROUTER_MODEL_ALL);
        inv_router_trouble_over(w);
    } else if (event == SIM_ROUTER_PASSWORD) {
        router_model_set_password(w->router, "natpmp", w->options.config.password);
    } else if (event == SIM_ROUTER_ACCESS) {
        router_model_set_access(w->router, ROUTER_MODEL_OPEN);
    } else if (event == SIM_ROUTER_SLOW) {
        router_is_quick(w);
    } else if (event == SIM_ROUTER_WAY) {
        way_is_back(w);
    } else if (event == SIM_GATEWAY_WRONG) {
        faults->wrong = GATEWAY_RIGHT;
        faults->in_turn = false;
        faults->refuse = 0;
    }
}

static void ends_later(struct sim *sim, enum sim_event event)
{
    static const uint32_t durations_ms[] = {300, 3000, 15000, 70000, 300000};

    world_at(sim->world,
             sim->world->now_ms + 1 + below(sim, durations_ms[below(sim, ARRAY_LEN(durations_ms))]),
             fault_ends, event);
}

/* Forward or back, by what looks like a late packet, a restart or another server, or by nothing that shows.
 */
static int32_t any_step_s(struct sim *sim)
{
    static const int32_t steps_s[] = {2, 3, 10, 60, 64, 65, 1000, 1000000};
    int32_t step_s = steps_s[below(sim, ARRAY_LEN(steps_s))];

    return below(sim, 2) ? step_s : -step_s;
}

/* Unasked, with an epoch that is not the gateway's. */
static void gateway_says(struct sim *sim)
{
    struct world *w = sim->world;
    uint8_t datagram[16];
    size_t len = gateway_announcement(&w->gateway, w->now_ms, datagram);

    put32(datagram + 4, gateway_epoch_s(&w->gateway, w->now_ms) + (uint32_t)any_step_s(sim));
    world_gateway_says(w, span_of(datagram, len));
}

/* [G6] An answer that grants nothing, to each request for a mapping or to each second one; or each second one
 * is refused. */
static void gateway_is_wrong(struct sim *sim)
{
    struct gateway_faults *faults = &sim->world->gateway.faults;

    faults->wrong = (enum gateway_wrong)below(sim, GATEWAY_WRONGS);
    faults->in_turn = faults->wrong == GATEWAY_RIGHT || below(sim, 2);
    if (faults->wrong == GATEWAY_RIGHT)
        faults->refuse = (uint16_t)(2 + below(sim, 3));
    ends_later(sim, SIM_GATEWAY_WRONG);
}

void sim_gateway_lies(struct sim *sim, enum sim_event event)
{
    if (event == SIM_GATEWAY_CLOCK)
        world_gateway_clock(sim->world, any_step_s(sim));
    else if (event == SIM_GATEWAY_SAYS)
        gateway_says(sim);
    else if (event == SIM_GATEWAY_WRONG)
        gateway_is_wrong(sim);
}

static void gateway_happens(struct sim *sim, enum sim_event event)
{
    static const uint16_t results[] = {1, 2, 2, 3, 4, 4, 5, 77};
    static const uint32_t addresses[] = {0xb9010203, 0xb9010204, 0, 0x0a000001, 0xe0000001};
    struct world *w = sim->world;
    struct gateway_faults *faults = &w->gateway.faults;

    if (event == SIM_GATEWAY_SILENT) {
        faults->silent = true;
    } else if (event == SIM_GATEWAY_UNREACHABLE) {
        faults->unreachable = true;
    } else if (event == SIM_GATEWAY_REFUSES) {
        faults->refuse = results[below(sim, ARRAY_LEN(results))];
        faults->short_errors = below(sim, 4) == 0;
    } else if (event == SIM_GATEWAY_REBOOT) {
        world_gateway_reboot(w);
        return;
    } else if (event == SIM_GATEWAY_ADDRESS) {
        world_gateway_address(w, addresses[below(sim, ARRAY_LEN(addresses))], below(sim, 2));
        return;
    } else if (event == SIM_GATEWAY_NO_ADDRESS) {
        faults->refuse_address = results[below(sim, ARRAY_LEN(results))];
    } else if (event == SIM_GATEWAY_LATE) {
        faults->late_percent = 1 + below(sim, 100);
        faults->late_ms = below(sim, 20000);
    } else if (event == SIM_GATEWAY_JUNK) {
        faults->junk_percent = 1 + below(sim, 100);
    } else if (event == SIM_TUNNEL_DOWN) {
        w->faults.tunnel_down = true;
    } else if (event == SIM_LOSS) {
        w->options.gateway_link.loss_percent = 1 + below(sim, 60);
    }
    ends_later(sim, event);
}

/* ---- the router ---- */

static void drop_at(struct sim *sim)
{
    static const char *const commands[] = {"/ip/firewall/nat/add",   "/ip/firewall/nat/remove",
                                           "/ip/firewall/nat/print", "/ip/firewall/nat/listen",
                                           "/ip/firewall/nat/set",   ""};
    struct router_model_drop_fault fault = {.drop = (enum router_model_drop)below(sim, 4),
                                            .skip = below(sim, 3),
                                            .reset = below(sim, 2),
                                            .silent = below(sim, 4) == 0};

    snprintf(fault.command, sizeof(fault.command), "%s", commands[below(sim, ARRAY_LEN(commands))]);
    router_model_drop_at(sim->world->router, &fault);
}

/* The core's connections do not work until then. */
static void fail_next(struct sim *sim)
{
    static const char *const commands[] = {"/ip/firewall/nat/add", "/ip/firewall/nat/remove",
                                           "/ip/firewall/nat/print", "/ip/firewall/nat/set",
                                           "/ip/route/check"};
    /* Not "no such item": no daemon can cope with a router that says so of a rule that exists. */
    static const char *const messages[] = {"failure: something went wrong", "not enough permissions (9)",
                                           "interrupted", "input does not match any value of in-interface"};

    const char *command = commands[below(sim, ARRAY_LEN(commands))];

    if (below(sim, 3) == 0)
        router_model_fail_behind(sim->world->router, command, messages[0]);
    else
        router_model_fail_next(sim->world->router, command, messages[below(sim, ARRAY_LEN(messages))]);
}

/* Sessions that exist are not affected, unless they are ended at the same time. */
static void logins_fail(struct sim *sim, enum sim_event event)
{
    struct world *w = sim->world;

    if (event == SIM_ROUTER_PASSWORD)
        router_model_set_password(w->router, "natpmp", "another one");
    else
        router_model_set_access(w->router,
                                (enum router_model_access)(1 + below(sim, ROUTER_MODEL_ACCEPT_CLOSE)));
    if (below(sim, 2))
        router_model_drop_session(w->router, 0, below(sim, 2));
    ends_later(sim, event);
}

static void command_is_slow(struct sim *sim)
{
    router_model_slow(sim->world->router, slow_commands[below(sim, ARRAY_LEN(slow_commands))],
                      below(sim, 8) == 0 ? ROUTER_MODEL_HANGS : 1 + below(sim, 10000));
}

static void router_happens(struct sim *sim, enum sim_event event)
{
    static const uint32_t durations_ms[] = {200, 2000, 20000, 120000};
    struct world *w = sim->world;
    uint32_t for_ms = 1 + below(sim, durations_ms[below(sim, ARRAY_LEN(durations_ms))]);

    router_model_run(w->router, w->now_ms);
    if (event == SIM_ROUTER_DROP_AT) {
        drop_at(sim);
    } else if (event == SIM_ROUTER_DROP) {
        router_model_drop_session(w->router, 0, below(sim, 2));
    } else if (event == SIM_ROUTER_MUTE) {
        router_model_mute(w->router, w->now_ms + for_ms, below(sim, 2));
        inv_router_fault(w, w->now_ms + for_ms);
    } else if (event == SIM_ROUTER_REBOOT) {
        world_hand_begin(w, "the router restarts");
        router_model_reboot(w->router, for_ms, below(sim, 2));
        inv_router_restarted(w);
        world_hand_end(w);
        inv_router_fault(w, w->now_ms + for_ms);
    } else if (event == SIM_ROUTER_REFUSED) {
        unsigned kind = below(sim, 3);

        w->faults.router_refused = kind == 0;
        w->faults.router_unreachable = kind == 1;
        w->faults.router_unresolved = kind == 2;
        ends_later(sim, event);
    } else if (event == SIM_ROUTER_CUT) {
        w->faults.router_cut_until_ms = w->now_ms + for_ms;
        inv_router_fault(w, w->now_ms + for_ms);
    } else if (event == SIM_ROUTER_TRAP) {
        fail_next(sim);
    } else if (event == SIM_ROUTER_PERMISSION) {
        w->invariants.listen_refused = true;
        router_model_set_policies(w->router, "natpmp", below(sim, ROUTER_MODEL_ALL + 1));
        inv_router_trouble_until(w, w->now_ms + LONGEST_MS);
        ends_later(sim, event);
    } else if (event == SIM_ROUTER_PASSWORD || event == SIM_ROUTER_ACCESS) {
        logins_fail(sim, event);
    } else if (event == SIM_ROUTER_SLOW) {
        command_is_slow(sim);
        w->invariants.slow_until_ms = w->now_ms + LONGEST_MS;
        inv_router_trouble_until(w, w->invariants.slow_until_ms);
        ends_later(sim, event);
    } else if (event == SIM_ROUTER_RENAME) {
        world_hand_begin(w, "the tunnel's interface has another name");
        if (!router_model_interface_rename(w->router, "wg0", "wg1"))
            router_model_interface_rename(w->router, "wg1", "wg0");
        world_hand_end(w);
    }
}

/* ---- the way to the gateway ---- */

/* A second tunnel, which may have the address of the first one. */
static void second_tunnel(struct sim *sim)
{
    static const char *const addresses[] = {"10.2.0.3/32", "10.2.0.4/32", "10.2.0.2/32"};
    struct router_model *router = sim->world->router;

    router_model_interface_add(router, "wg2", "wg");
    while (router_model_address_remove(router, addresses[0]) ||
           router_model_address_remove(router, addresses[1]))
        ;
    if (sim->second_shares)
        return;
    sim->second_shares = below(sim, 6) == 0;
    if (sim->second_shares)
        router_model_routing_rules_clear(router);
    router_model_address_add(router, addresses[sim->second_shares ? 2 : below(sim, 2)], "wg2");
}

static void lead_by_rule(struct sim *sim)
{
    struct router_model_route through = {
        .destination = "0.0.0.0/0", .gateway = "wg2", .routing_table = "vpn", .distance = 1};

    router_model_routing_rules_clear(sim->world->router);
    router_model_route_remove(sim->world->router, "0.0.0.0/0", "vpn");
    if (below(sim, 2))
        return;
    router_model_route_add(sim->world->router, &through);
    router_model_row_add(sim->world->router, "routing-rule", "src-address=172.17.0.2/32 table=vpn");
}

/* Two tunnels with one address are told apart by the routes, so no rule may lead elsewhere then. */
static void way_moves(struct sim *sim)
{
    struct world *w = sim->world;
    unsigned kind = below(sim, 4);

    router_model_run(w->router, w->now_ms);
    second_tunnel(sim);
    if (kind == 0 && !sim->second_shares) {
        world_way_moves(w, "a routing rule comes or goes", false);
        lead_by_rule(sim);
    } else if (kind == 1) {
        world_way_moves(w, "no route to the gateway", true);
        inv_way_is_lost(w, w->now_ms + LONGEST_MS);
        world_host_route(w, NULL);
        ends_later(sim, SIM_ROUTER_WAY);
    } else {
        const char *tunnel = below(sim, 2) ? "wg2" : first_tunnel(w);

        router_model_routing_rules_clear(w->router);
        world_way_moves(w, "the host route leads through this or the other tunnel", true);
        world_host_route(w, tunnel);
        if (below(sim, 2))
            world_gateway_reboot(w);
    }
}

/* ---- a person at WinBox ---- */

static uint32_t any_rule(struct sim *sim, bool ours)
{
    const struct router_model_rule *rule = NULL;
    uint32_t found = 0;
    uint32_t seen = 0;

    if (ours)
        return sim->world->invariants.rule_count > 0
                   ? sim->world->invariants.rules[below(sim, sim->world->invariants.rule_count)].id
                   : 0;
    while ((rule = router_model_rule_next(sim->world->router, rule))) {
        struct span comment;

        if (router_model_rule_get(rule, "comment", &comment) && span_starts(comment, FOREIGN_COMMENT) &&
            below(sim, ++seen) == 0)
            found = router_model_rule_id(rule);
    }
    return found;
}

static void foreign_rule(struct sim *sim)
{
    static const char *const matchers[] = {"protocol=udp dst-port=%u",
                                           "protocol=tcp dst-port=%u in-interface=wg0",
                                           "protocol=udp dst-port=80,%u in-interface=!ether1",
                                           "protocol=tcp dst-port=%u-6003",
                                           "protocol=tcp dst-port=%u in-interface=ether1",
                                           "protocol=udp dst-port=%u in-interface-list=all",
                                           "protocol=udp dst-port=%u disabled=yes"};
    char match[128];
    char text[256];
    uint32_t id = any_rule(sim, false);

    if (below(sim, 2) && id != 0) {
        router_model_rule_remove(sim->world->router, id);
        return;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(match, sizeof(match), matchers[below(sim, ARRAY_LEN(matchers))],
             (unsigned)FIRST_PORT + below(sim, 3));
#pragma GCC diagnostic pop
    snprintf(text, sizeof(text), "chain=dstnat action=dst-nat %s to-addresses=192.168.88.5 comment=\"%s %u\"",
             match, FOREIGN_COMMENT, below(sim, 1000));
    router_model_rule_add(sim->world->router, text, below(sim, 5) == 0);
}

static void hand_happens(struct sim *sim, enum sim_event event)
{
    static const char *const changes[] = {
        "to-addresses=192.168.88.250", "dst-port=6003", "to-ports=1", "protocol=udp",
        "in-interface=ether1",         "comment=mine"};
    struct world *w = sim->world;
    uint32_t id = any_rule(sim, true);

    world_hand_begin(w, sim_event_name(event));
    trace_line(&w->trace, w->now_ms, "by hand: rule *%X", (unsigned)id);
    if (event == SIM_HAND_REMOVE && id != 0)
        router_model_rule_remove(w->router, id);
    else if (event == SIM_HAND_DISABLE && id != 0)
        router_model_rule_set(w->router, id, "disabled=yes");
    else if (event == SIM_HAND_CHANGE && id != 0)
        router_model_rule_set(w->router, id, changes[below(sim, ARRAY_LEN(changes))]);
    else if (event == SIM_HAND_FOREIGN)
        foreign_rule(sim);
    world_hand_end(w);
}

/* ---- the daemon's process ---- */

static void process_happens(struct sim *sim, enum sim_event event)
{
    struct world *w = sim->world;

    if (event == SIM_STALL) {
        world_stall(w, 1 + below(sim, 40000));
        return;
    }
    if (event == SIM_KILL && below(sim, 2))
        world_power_lost(w);
    else if (event == SIM_KILL)
        world_kill(w);
    else if (w->proxy)
        world_stop(w);
    world_run_for(w, below(sim, 2) ? 6000 + below(sim, 60000) : 6000);
    if (w->proxy)
        world_fail(w, "SIGTERM did not end it");
    world_start(w, prng_next(&sim->prng));
}

/* The requests of the LAN go to the daemon that started last. */
static void twin_happens(struct sim *sim)
{
    struct world *w = sim->world;

    w->lan_process_ms = w->now_ms;
    if (!w->other.proxy) {
        w->lan_process = 1;
        world_start_second(w, prng_next(&sim->prng));
        return;
    }
    world_turn(w, 1);
    if (below(sim, 2))
        world_power_lost(w);
    else
        world_kill(w);
    world_turn(w, 0);
    w->lan_process = 0;
}

void sim_happens(struct sim *sim, enum sim_event event)
{
    if (event != SIM_TIME)
        trace_line(&sim->world->trace, sim->world->now_ms, "# %s", sim_event_name(event));
    if (event == SIM_TIME)
        time_passes(sim);
    else if (event < SIM_GATEWAY_SILENT)
        lan_happens(sim, event);
    else if (event < SIM_ROUTER_DROP_AT)
        gateway_happens(sim, event);
    else if (event < SIM_HAND_REMOVE)
        router_happens(sim, event);
    else if (event < SIM_KILL)
        hand_happens(sim, event);
    else if (event < SIM_GATEWAY_CLOCK)
        process_happens(sim, event);
    else if (event == SIM_ROUTER_WAY)
        way_moves(sim);
    else if (event < SIM_TWIN)
        sim_gateway_lies(sim, event);
    else if (event == SIM_TWIN)
        twin_happens(sim);
    else
        sim_deletions_happen(sim, event);
}

void sim_faults_off(struct sim *sim)
{
    static const struct router_model_drop_fault no_drop = {.command = "/none"};
    struct world *w = sim->world;

    trace_line(&w->trace, w->now_ms, "# faults off");
    if (w->other.proxy)
        twin_happens(sim);
    for (unsigned event = SIM_GATEWAY_SILENT; event < SIM_HAND_REMOVE; event++)
        fault_ends(w, event);
    fault_ends(w, SIM_GATEWAY_WRONG);
    sim_deletions_off(w);
    if (sim->options.weight[SIM_ROUTER_WAY] != 0) {
        router_model_routing_rules_clear(w->router);
        fault_ends(w, SIM_ROUTER_WAY);
    }
    /* Packets that overtake each other or arrive twice are faults as well: a late retransmission of a
     * deletion ends a lease. */
    w->options.lan.loss_percent = 0;
    w->options.gateway_link.duplicate_percent = 0;
    w->options.gateway_link.latency_max_ms = w->options.gateway_link.latency_min_ms;
    w->gateway.options.rotate_percent = 0;
    if (w->gateway.options.external_address == 0 || w->gateway.options.external_address == 0xe0000001)
        world_gateway_address(w, 0xb9010203, false);
    router_model_drop_at(w->router, &no_drop);
    router_model_fail_next(w->router, no_drop.command, "");
    router_model_options(w->router)->idle = ROUTER_MODEL_IDLE_KEEP;
    for (unsigned i = 0; i < w->lan.count; i++) {
        if (w->lan.clients[i].behaviour == LAN_LIAR)
            lan_vanish(&w->lan.clients[i]);
    }
}

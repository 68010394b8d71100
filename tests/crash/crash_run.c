/* One run of a story, with its crashes, and what is asserted. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "crash.h"

enum {
    /* A lifetime of whole seconds ends up to one second after the lease, and the client counts from the
     * arrival of the reply. */
    LIFE_SLACK_MS = 1100,
    GONE_SLACK_MS = 5000, /* round trips */
    /* A lease begins with the datagram that reached the gateway. The daemon counts from the first datagram,
     * and the request times out so much later (section 3.1). */
    COPIES_MS = 64000,
    LEASE_MAX_S = 120, /* of the longest story */
    /* A client's nine datagrams and its pause, three times, because the network may lose the answers, too. */
    SERVED_MS = 500000,
    STOP_MS = 5500,
    STORY_CLIENTS_MAX = 8,
};

/* What a client was advertised. 0: nothing. */
struct promise {
    uint16_t router_port;
    uint16_t external_port;
};

struct crash {
    const struct crash_story *story;
    struct crash_plan plan;
    struct world *world;
    struct crash_result result;
    uint64_t begun;      /* actions before the story begins */
    uint64_t begun_life; /* before the present process began */
    uint64_t restart_ms; /* UINT64_MAX: a process is running */
    bool stopped;
    bool ports_lost; /* the gateway lost its table and may grant other ports */
    struct promise promises[STORY_CLIENTS_MAX][LAN_MAPPINGS_MAX];
};

struct world *crash_world(struct crash *c)
{
    return c->world;
}

/* ---- what clients rely on ---- */

static bool relies(const struct crash *c, const struct lan_mapping *mapping)
{
    bool wanted = mapping->state != LAN_UNUSED && mapping->state != LAN_DELETING;
    uint64_t ends_ms = mapping->granted_ms + (uint64_t)mapping->granted_s * 1000;

    return !c->stopped && wanted && mapping->granted_s > 0 && ends_ms > c->world->now_ms + LIFE_SLACK_MS;
}

static void check_promise(struct crash *c, const struct lan_client *client, const struct lan_mapping *mapping,
                          struct promise *promise)
{
    const struct book_rule *rule;

    if (!relies(c, mapping)) {
        *promise = (struct promise){0};
        return;
    }
    rule = inv_find_rule(c->world, client->address, mapping->tcp, mapping->internal_port);
    if (!rule || !rule->enabled)
        world_fail(c->world, "%s %s port %u relies on a mapping whose rule is missing",
                   address_text(client->address).text, mapping->tcp ? "tcp" : "udp", mapping->internal_port);
    if (promise->router_port == 0)
        *promise = (struct promise){rule->router_port, mapping->external_port};
    if (rule->router_port != promise->router_port)
        world_fail(c->world, "router port %u became %u", promise->router_port, rule->router_port);
    if (mapping->external_port != promise->external_port && !c->ports_lost)
        world_fail(c->world, "external port %u became %u", promise->external_port, mapping->external_port);
}

static void check_promises(void *context)
{
    struct crash *c = context;

    for (unsigned i = 0; i < c->world->lan.count; i++) {
        struct lan_client *client = &c->world->lan.clients[i];

        for (unsigned k = 0; k < LAN_MAPPINGS_MAX; k++)
            check_promise(c, client, &client->mappings[k], &c->promises[i][k]);
    }
}

/* ---- for the stories ---- */

struct lan_client *crash_client(struct crash *c, unsigned last_byte)
{
    assert(c->world->lan.count < STORY_CLIENTS_MAX);
    return lan_add(&c->world->lan, 0xc0a85800 | last_byte, LAN_GOOD);
}

struct lan_mapping *crash_map(struct crash *c, struct lan_client *from, bool tcp, uint16_t port,
                              uint16_t suggested, uint32_t lifetime_s)
{
    assert(lifetime_s <= LEASE_MAX_S);
    return lan_map(&c->world->lan, c->world->now_ms, from, tcp, port, suggested, lifetime_s);
}

void crash_begin(struct crash *c)
{
    struct world *w = c->world;

    c->begun = w->actions_done;
    c->begun_life = w->actions_done;
    if (c->plan.first != 0)
        w->kill_after_actions = c->begun + c->plan.first;
    w->kill_is_power_loss = c->plan.way == CRASH_POWER_LOST;
    trace_line(&w->trace, w->now_ms, "# the story begins");
}

static void end_of_life(struct crash *c)
{
    struct world *w = c->world;

    if (c->result.restarts == 0)
        c->result.actions = w->actions_done - c->begun;
    else if (c->result.restarts == 1)
        c->result.second_actions = w->actions_done - c->begun_life;
}

static void start_again(struct crash *c)
{
    struct world *w = c->world;

    c->restart_ms = UINT64_MAX;
    c->begun_life = w->actions_done;
    if (++c->result.restarts == 1 && c->plan.second != 0)
        w->kill_after_actions = w->actions_done + c->plan.second;
    world_start(w, 1000 + c->result.restarts);
}

void crash_run_for(struct crash *c, uint64_t for_ms)
{
    struct world *w = c->world;
    uint64_t until_ms = w->now_ms + for_ms;

    while (w->now_ms < until_ms) {
        if (!w->proxy && !w->exited && c->restart_ms == UINT64_MAX) {
            end_of_life(c);
            c->restart_ms = w->now_ms + c->plan.down_ms;
        }
        if (c->restart_ms <= w->now_ms) {
            start_again(c);
            continue; /* The process may be dead already. */
        }
        world_step(w, until_ms < c->restart_ms ? until_ms : c->restart_ms);
        check_promises(c);
    }
}

void crash_gateway_reboot(struct crash *c)
{
    c->ports_lost = c->plan.home != 0;
    world_gateway_reboot(c->world);
}

static const struct lan_mapping *unserved(struct crash *c, const struct lan_client **ret_client)
{
    for (unsigned i = 0; i < c->world->lan.count; i++) {
        const struct lan_client *client = &c->world->lan.clients[i];

        *ret_client = client;
        for (unsigned k = 0; k < LAN_MAPPINGS_MAX && !client->gone; k++) {
            const struct lan_mapping *mapping = &client->mappings[k];

            if (mapping->state != LAN_UNUSED && !relies(c, mapping))
                return mapping;
        }
    }
    return NULL;
}

void crash_serve_for(struct crash *c, uint64_t for_ms)
{
    const struct lan_mapping *mapping;
    const struct lan_client *client;
    uint64_t limit_ms = c->world->now_ms + for_ms + SERVED_MS + UINT64_C(2) * c->plan.down_ms;

    crash_run_for(c, for_ms);
    while ((mapping = unserved(c, &client)) && c->world->now_ms < limit_ms)
        crash_run_for(c, 500);
    if (mapping)
        world_fail(c->world, "%s %s port %u is not served (state %d, result %u)",
                   address_text(client->address).text, mapping->tcp ? "tcp" : "udp", mapping->internal_port,
                   mapping->state, mapping->result);
}

void crash_stop(struct crash *c)
{
    c->stopped = true;
    world_stop(c->world);
}

/* ---- one run of a story ---- */

static void report(void *context)
{
    static const char *const ways[] = {"killed", "killed, late commands are carried out", "power lost"};
    const struct crash *c = context;

    fprintf(stderr,
            "story %s: %s after action %" PRIu64 ", down for %u ms, and again after action %" PRIu64
            " of the next process\nshow it: crash %s %" PRIu64 " --way %u --second %" PRIu64
            " --down %u --home %" PRIu64 "\n",
            c->story->name, ways[c->plan.way], c->plan.first, c->plan.down_ms, c->plan.second, c->story->name,
            c->plan.first, c->plan.way, c->plan.second, c->plan.down_ms, c->plan.home);
}

/* No client requests anything any more, so all of it ends by itself, and SIGTERM finds static mappings alone.
 * A new process does not know how much of a lease is left, so it starts each lease again with its full
 * length. */
static void check_end(struct crash *c)
{
    struct world *w = c->world;
    uint64_t restarts;
    /* inv_at_rest() expects them. */
    unsigned statics = c->stopped ? 0 : w->options.config.static_mappings;

    for (unsigned i = 0; i < w->lan.count; i++)
        lan_vanish(&w->lan.clients[i]);
    trace_line(&w->trace, w->now_ms, "# the clients stop");
    do {
        restarts = c->result.restarts;
        crash_run_for(c, (uint64_t)LEASE_MAX_S * 1000 + GONE_SLACK_MS);
    } while (c->result.restarts != restarts || c->restart_ms != UINT64_MAX);
    if (w->invariants.rule_count > statics)
        world_fail(w, "%u rules outlive their leases", w->invariants.rule_count - statics);
    if (gateway_count(&w->gateway, w->now_ms) > statics && w->options.gateway_link.loss_percent > 0)
        crash_run_for(c, COPIES_MS);
    if (gateway_count(&w->gateway, w->now_ms) > statics)
        world_fail(w, "%u leases are left at the gateway", gateway_count(&w->gateway, w->now_ms) - statics);
    w->invariants.quiet_since_ms = w->now_ms;
    inv_at_rest(w);
    if (!w->proxy)
        return;
    world_stop(w);
    world_run_for(w, STOP_MS);
    if (w->proxy)
        world_fail(w, "SIGTERM did not end it");
    if (w->invariants.rule_count > 0)
        world_fail(w, "SIGTERM left %u rules", w->invariants.rule_count);
}

struct crash_result crash_run(const struct crash_story *story, const struct crash_plan *plan, bool trace)
{
    struct crash c = {.story = story, .plan = *plan, .restart_ms = UINT64_MAX};
    struct world_options options = world_defaults(1);

    if (plan->home != 0)
        crash_home(&options, plan->home);
    options.router.orphan_commands = plan->way == CRASH_KILL_LATE;
    if (story->options)
        story->options(&options);
    c.world = world_new(&options);
    /* A client that receives the new epoch renews at once, which would hide a mistake. */
    c.world->lan.deaf = plan->home % 4 != 1;
    c.world->trace.echo = trace ? stdout : NULL;
    c.world->report = report;
    c.world->report_context = &c;
    c.world->nat_changed = check_promises;
    c.world->nat_changed_context = &c;
    world_watch(c.world);
    story->tell(&c);
    if (c.result.restarts == 0)
        end_of_life(&c);
    check_end(&c);
    world_watch(NULL);
    world_free(c.world);
    return c.result;
}

#include "check/judge_parts.h"

#include "base/address_use.h"
#include "core/router_rows.h"

/* ---- questions to the tables ---- */

struct log_safe scene_type(const struct survey *s, const char *interface)
{
    struct span type;
    for (struct table_rows t = table_rows_of(s, TABLE_INTERFACE); table_rows_next(&t) != NULL;)
        if (row_is(t.row, "name", interface) && row_get(t.row, "type", &type))
            return log_safe(type);
    return log_safe(span_of(NULL, 0));
}

bool scene_prefix(const struct survey *s, const char *interface, struct prefix *ret_prefix)
{
    struct span name;
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS); table_rows_next(&t) != NULL;)
        if (address_row_parse(t.row, ret_prefix, &name) && span_is(name, interface))
            return true;
    return false;
}

bool scene_interface_of(const struct survey *s, uint32_t address, char ret_interface[INTERFACE_NAME_MAX + 1])
{
    struct route_choice choice = {.target = address};
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS); table_rows_next(&t) != NULL;)
        route_choice_address(&choice, t.row);
    copy_interface(ret_interface, span_text(choice.interface));
    return choice.known;
}

struct nat_context scene_lists_of(const struct survey *s, const char *interface)
{
    struct nat_context context = {.instance = s->config->instance};
    copy_interface(context.interface, span_text(interface));
    for (struct table_rows t = table_rows_of(s, TABLE_LIST); table_rows_next(&t) != NULL;)
        nat_context_add_list(&context, t.row);
    for (struct table_rows t = table_rows_of(s, TABLE_MEMBER); table_rows_next(&t) != NULL;)
        nat_context_add_member(&context, t.row);
    return context;
}

bool scene_is_member(const struct survey *s, const char *list, const char *interface)
{
    struct nat_context context = scene_lists_of(s, interface);
    return interface[0] != '\0' && cover_of_list(&context, span_text(list)) == COVER_ALL;
}

bool scene_list_exists(const struct survey *s, const char *list)
{
    struct table_rows rows = table_rows_of(s, TABLE_LIST);
    return table_find(&rows, "name", list) != NULL;
}

bool scene_is_router(const struct survey *s, uint32_t address)
{
    struct prefix prefix;
    struct span interface;
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS); table_rows_next(&t) != NULL;)
        if (address_row_parse(t.row, &prefix, &interface) && prefix.address == address)
            return true;
    return false;
}

bool scene_is_plain_link(const struct survey *s, const char *interface)
{
    static const char *const types[] = {"ether", "bridge", "vlan", "wlan", "wifi", "bond", "veth"};
    struct log_safe type = scene_type(s, interface);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(type.text, types[i]) == 0)
            return true;
    return false;
}

bool scene_is_lost(const struct scene *scene, const char *interface)
{
    char near[INTERFACE_NAME_MAX + 1];
    uint32_t gateway = scene->s->config->gateway;
    return scene_is_plain_link(scene->s, interface) && address_is_private(gateway) &&
           scene->way.tunnels.count > 0 && !scene_interface_of(scene->s, gateway, near) &&
           strcmp(way_by_flow(&scene->way), interface) != 0;
}

/* ---- places ---- */

/* If a table could not be read, what depends on it is uncertain. */
static void fill_context(const struct survey *s, struct nat_context *context)
{
    static const struct {
        enum table_name table;
        void (*add)(struct nat_context *, const struct ros_sentence *);
    } sources[] = {
        {TABLE_INTERFACE, nat_context_set_type},
        {TABLE_ADDRESS, nat_context_add_address},
        {TABLE_LIST, nat_context_add_list},
        {TABLE_MEMBER, nat_context_add_member},
    };
    context->instance = s->config->instance;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct table *table = &s->table[sources[i].table];
        if (table->state != TABLE_READ || table->incomplete) {
            if (sources[i].table == TABLE_ADDRESS)
                context->addresses_incomplete = true;
            else if (sources[i].table != TABLE_INTERFACE)
                context->lists_incomplete = true;
        }
        for (struct table_rows t = table_rows_of(s, sources[i].table); table_rows_next(&t) != NULL;)
            sources[i].add(context, t.row);
    }
}

static void read_evidence(const struct survey *s, struct way_evidence *e)
{
    struct span interface;
    e->route.target = s->config->gateway;
    for (struct table_rows t = table_rows_of(s, TABLE_CONNECTION); table_rows_next(&t) != NULL;)
        flow_consider(&e->flow, t.row, s->config->gateway, NATPMP_PORT, s->local);
    for (struct table_rows t = table_rows_of(s, TABLE_INTERFACE); table_rows_next(&t) != NULL;)
        interface_names_add_tunnel(&e->tunnels, t.row);
    for (struct table_rows t = table_rows_of(s, TABLE_ROUTE_CHECK); table_rows_next(&t) != NULL;)
        if (row_get(t.row, "interface", &interface) && e->checked[0] == '\0')
            copy_interface(e->checked, interface);
    for (struct table_rows t = table_rows_of(s, TABLE_ROUTE); table_rows_next(&t) != NULL;)
        route_choice_route(&e->route, t.row);
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS); table_rows_next(&t) != NULL;) {
        way_evidence_address(e, t.row);
        if (way_evidence_is_translated(e))
            way_evidence_owner(e, t.row);
    }
}

/* Finds the interface as the daemon does: the configured one, else what the daemon knows, else what the
 * connection table shows, else that of /ip/route/check, else the longest match of routes and addresses. If
 * none of them counts, the interface of the route is named, which the daemon would not take. */
static void find_vpn(struct scene *scene)
{
    struct way_evidence *e = &scene->way;
    const char *configured = scene->s->config->in_interface;
    read_evidence(scene->s, e);
    const char *found = configured[0] != '\0' ? configured : scene->s->interface;
    if (found[0] == '\0')
        found = way_by_flow(e);
    if (found[0] == '\0')
        found = way_by_check(e);
    if (found[0] == '\0')
        found = way_by_routes(e, "");
    scene->guessed = found[0] == '\0';
    if (scene->guessed)
        found = e->checked[0] != '\0' ? e->checked : e->route.interface;
    copy_interface(scene->vpn.interface, span_text(found));
}

/* Routing rules and marks may lead our packets into a tunnel without the connection table showing it. The
 * daemon maps nothing then, but what becomes of the packets can be judged. */
static void find_vpn_by_policy(struct scene *scene)
{
    const struct survey *s = scene->s;
    struct trip trip;
    struct outcomes none = marks_none("");
    struct outcomes marks;
    const char *found = NULL;
    struct ways ways;
    if (!scene->guessed || !scene_gateway_request(scene, &trip))
        return;
    struct traveller traveller = {
        .src = trip.packet.src, .dst = s->config->gateway, .in = scene->ours.interface};
    marks_follow(s, "prerouting", &trip.packet, &none, &marks);
    char interface[INTERFACE_NAME_MAX + 1] = "";
    for (unsigned i = 0; i < marks.count; i++) {
        traveller.routing_mark = marks.at[i].routing_mark;
        ways_find(s, &traveller, &ways);
        bool same = ways.count == 1 && !ways.at[0].unsure && !marks.at[i].unsure &&
                    (found == NULL || strcmp(found, ways.at[0].interface) == 0);
        if (!same || marks.incomplete || (ways.at[0].rule == 0 && !ways.at[0].marked))
            return;
        memcpy(interface, ways.at[0].interface, sizeof interface);
        found = interface;
    }
    if (found == NULL || found[0] == '\0')
        return;
    memcpy(scene->vpn.interface, interface, sizeof interface);
    scene->by_policy = true;
}

enum { LOOPBACK_NET = 127 };

/* The address to which the router should send requests: the configured one; else an address of ours in a
 * subnet of the router; else, behind further routers, the one that leads towards the gateway. */
static void find_us(struct scene *scene)
{
    const struct survey *s = scene->s;
    char interface[INTERFACE_NAME_MAX + 1];
    for (unsigned i = 0; i < s->owns && !scene->attached; i++) {
        if (!scene_interface_of(s, s->own[i], interface))
            continue;
        scene->attached = true;
        scene->us = s->own[i];
    }
    if (scene->us == 0)
        scene->us = s->local;
    scene->listen = s->config->listen_address;
    if (scene->listen >> 24 == LOOPBACK_NET || scene_is_router(s, scene->listen))
        scene->listen = 0;
    if (scene->listen != 0)
        scene->us = scene->listen;
}

/* ---- the redirect ---- */

static bool takes_requests(const struct ros_sentence *row)
{
    struct span text;
    struct portset ports;
    return (row_is(row, "action", "dst-nat") || row_is(row, "action", "redirect")) &&
           (row_is(row, "protocol", "udp") || row_is(row, "protocol", "17")) &&
           row_get(row, "dst-port", &text) && parse_ports(text, &ports) && portset_has(&ports, NATPMP_PORT);
}

static struct redirect parse_redirect(const struct ros_sentence *row)
{
    struct redirect r = {
        .found = true,
        .id = row_id(row),
        .disabled = ros_flag(row, "disabled"),
        .invalid = ros_flag(row, "invalid"),
        .to_router = row_is(row, "action", "redirect"),
        .port = NATPMP_PORT,
    };
    struct span text;
    struct prefix target;
    uint64_t port;
    if (row_get(row, "to-addresses", &text) && parse_prefix(text, &target) && target.length == 32)
        r.target = target.address;
    if (row_get(row, "to-ports", &text))
        r.port = parse_decimal(text, UINT16_MAX, &port) ? (uint16_t)port : 0;
    r.by_list = !row_get(row, "in-interface", &text) && row_get(row, "in-interface-list", &text);
    if ((r.by_list || row_get(row, "in-interface", &text)) && !span_starts(text, "!"))
        copy_interface(r.interface, text);
    return r;
}

bool scene_is_own(const struct scene *scene, uint32_t address)
{
    if (scene->listen != 0)
        return address == scene->us;
    for (unsigned i = 0; i < scene->s->owns; i++)
        if (scene->s->own[i] == address)
            return true;
    return address != 0 && address == scene->us;
}

/* The best of several redirects is in force and leads to this machine. */
static unsigned rank(const struct scene *scene, const struct redirect *r)
{
    return !r->found ? 0 : 1U + !r->disabled + 2U * !r->to_router + 4U * scene_is_own(scene, r->target);
}

static void find_redirect(struct scene *scene)
{
    for (struct table_rows t = table_rows_of(scene->s, TABLE_NAT); table_rows_next(&t) != NULL;) {
        bool fixed = !ros_flag(t.row, "dynamic");
        if (scene->first_dstnat == 0 && fixed && row_is(t.row, "chain", "dstnat"))
            scene->first_dstnat = row_id(t.row);
        if (!takes_requests(t.row))
            continue;
        struct redirect r = parse_redirect(t.row);
        if (rank(scene, &r) > rank(scene, &scene->redirect))
            scene->redirect = r;
    }
}

/* ---- the LAN ---- */

/* Takes the interface as the LAN's if it is better than what was found so far. True: a better one cannot be
 * found. */
static bool take_member(struct scene *scene, struct span name)
{
    char ours[INTERFACE_NAME_MAX + 1] = "";
    char interface[INTERFACE_NAME_MAX + 1];
    struct prefix prefix;
    if (scene->us != 0)
        (void)scene_interface_of(scene->s, scene->us, ours);
    copy_interface(interface, name);
    bool better = strcmp(interface, scene->vpn.interface) != 0 && strcmp(interface, ours) != 0 &&
                  scene_prefix(scene->s, interface, &prefix);
    if (scene->lan.interface[0] == '\0' || better)
        memcpy(scene->lan.interface, interface, sizeof interface);
    return better;
}

/* Chooses the member of the list where the clients may be: not the tunnel, and preferably not the link to
 * this machine. Its own members come before those of the lists that it includes. */
static void take_list(struct scene *scene, const char *list)
{
    const struct survey *s = scene->s;
    struct span name;
    struct table_rows lists = table_rows_of(s, TABLE_LIST);
    const struct ros_sentence *row = table_find(&lists, "name", list);
    bool composed = row != NULL && row_get(row, "include", &name);
    for (struct table_rows t = table_rows_of(s, TABLE_MEMBER); table_rows_next(&t) != NULL;)
        if (row_is(t.row, "list", list) && !ros_flag(t.row, "disabled") &&
            row_get(t.row, "interface", &name) && take_member(scene, name))
            return;
    for (struct table_rows t = table_rows_of(s, TABLE_INTERFACE); composed && table_rows_next(&t) != NULL;) {
        char interface[INTERFACE_NAME_MAX + 1];
        if (!row_get(t.row, "name", &name))
            continue;
        copy_interface(interface, name);
        if (scene_is_member(s, list, interface) && take_member(scene, name))
            return;
    }
}

bool scene_default_route(const struct survey *s, char ret_interface[INTERFACE_NAME_MAX + 1])
{
    struct route_choice choice = {0};
    for (struct table_rows t = table_rows_of(s, TABLE_ROUTE); table_rows_next(&t) != NULL;)
        if (row_is(t.row, "dst-address", "0.0.0.0/0"))
            route_choice_route(&choice, t.row);
    copy_interface(ret_interface, span_text(choice.interface));
    return choice.known;
}

/* An interface with a private address, and not the one towards the internet. If there are several, none is
 * taken. */
static void take_address(struct scene *scene)
{
    char uplink[INTERFACE_NAME_MAX + 1];
    char taken[INTERFACE_NAME_MAX + 1] = "";
    char interface[INTERFACE_NAME_MAX + 1];
    struct prefix prefix;
    struct span name;
    (void)scene_default_route(scene->s, uplink);
    for (struct table_rows t = table_rows_of(scene->s, TABLE_ADDRESS); table_rows_next(&t) != NULL;) {
        if (!address_row_parse(t.row, &prefix, &name) || !address_is_private(prefix.address))
            continue;
        copy_interface(interface, name);
        bool fits = scene_is_plain_link(scene->s, interface) && strcmp(interface, uplink) != 0 &&
                    strcmp(scene_type(scene->s, interface).text, "veth") != 0;
        if (!fits || !take_member(scene, name))
            continue;
        if (taken[0] != '\0' && strcmp(taken, interface) != 0) {
            scene->lan.interface[0] = '\0';
            return;
        }
        memcpy(taken, interface, sizeof taken);
    }
}

static void find_lan(struct scene *scene)
{
    const struct redirect *r = &scene->redirect;
    if (r->found && r->interface[0] != '\0' && !r->by_list)
        memcpy(scene->lan.interface, r->interface, sizeof r->interface);
    else if (r->found && r->interface[0] != '\0' && strcmp(r->interface, "WAN") != 0)
        take_list(scene, r->interface);
    if (scene->lan.interface[0] == '\0')
        take_list(scene, "LAN");
    if (scene->lan.interface[0] != '\0')
        return;
    struct span name;
    for (struct table_rows t = table_rows_of(scene->s, TABLE_INTERFACE); table_rows_next(&t) != NULL;)
        if (row_is(t.row, "type", "bridge") && row_get(t.row, "name", &name) && take_member(scene, name))
            return;
    take_address(scene);
}

/* ---- our settings ---- */

static bool is_lan(const struct scene *scene, const char *interface)
{
    return strcmp(interface, scene->lan.interface) == 0 || scene_is_member(scene->s, "LAN", interface);
}

/* What a wrong setting names must not be changed on the router: it may be how the owner reaches it. */
static void find_mistake(struct scene *scene)
{
    const struct survey *s = scene->s;
    const char *configured = s->config->in_interface;
    char near[INTERFACE_NAME_MAX + 1];
    bool close = scene_interface_of(s, s->config->gateway, near);
    if (scene_is_own(scene, s->config->gateway))
        scene->mistake = MISTAKE_GATEWAY_IS_US;
    else if (scene_is_router(s, s->config->gateway))
        scene->mistake = MISTAKE_GATEWAY_IS_ROUTER;
    else if (close && strcmp(near, scene->lan.interface) == 0 && scene_is_plain_link(s, near))
        scene->mistake = MISTAKE_GATEWAY_IN_LAN;
    else if (is_lan(scene, configured) && scene_is_plain_link(s, configured))
        scene->mistake = MISTAKE_INTERFACE_IS_LAN;
    else if (scene_is_lost(scene, configured))
        scene->mistake = MISTAKE_INTERFACE_NO_TUNNEL;
    else
        return;
    scene->lost = true;
    scene->vpn.interface[0] = '\0';
}

void scene_make(struct scene *scene, const struct survey *s, struct findings *out)
{
    *scene = (struct scene){.s = s, .out = out, .lists = {.state = s, .cover = address_lists_cover}};
    scene->version_known = survey_version(s, &scene->version);
    find_vpn(scene);
    find_us(scene);
    find_redirect(scene);
    find_lan(scene);
    uint32_t target = scene->redirect.target != 0 ? scene->redirect.target : scene->us;
    if (target != 0)
        (void)scene_interface_of(s, target, scene->ours.interface);
    find_vpn_by_policy(scene);
    find_mistake(scene);
    fill_context(s, &scene->vpn);
    fill_context(s, &scene->lan);
    fill_context(s, &scene->ours);
}

/* The path from a client to this machine and back: the redirect, the rules before it, and the rules and
 * subnets that hide or lose the clients. */
#include <stdio.h>

#include "check/judge_parts.h"
#include "core/router_rows.h"

/* A NAT-PMP request that enters by that interface. */
static struct packet request_from(const struct scene *scene, const struct nat_context *in, bool lan)
{
    struct packet packet = {
        .in = in, .protocol = NATPMP_UDP, .dst_port = NATPMP_PORT, .dst_known = true, .dst_local = true};
    struct prefix prefix;
    packet.dst_known = scene_prefix(scene->s, in->interface, &prefix);
    if (packet.dst_known)
        packet.dst = (struct prefix){.address = prefix.address, .length = 32};
    if (packet.dst_known && lan)
        packet.src = prefix;
    return packet;
}

/* ---- is it there? ---- */

/* The condition for the clients' interface, for a rule that has none or a wrong one. */
struct lan_condition {
    char text[sizeof("!in-interface-list in-interface=") + sizeof(struct ros_quoted)];
};

/* `outside`: an interface that it must not cover, or empty. Empty: there is no such condition. */
static struct lan_condition lan_condition(const struct scene *scene, bool instead, const char *outside)
{
    struct lan_condition condition = {""};
    const char *lan = scene->lan.interface;
    if (scene_is_member(scene->s, "LAN", lan) && !scene_is_member(scene->s, "LAN", outside))
        (void)snprintf(condition.text, sizeof(condition.text), "%sin-interface-list=LAN",
                       instead ? "!in-interface " : "");
    else if (strcmp(outside, lan) != 0)
        (void)snprintf(condition.text, sizeof(condition.text), "%sin-interface=%s",
                       instead ? "!in-interface-list " : "", ros_quote(span_text(lan)).text);
    return condition;
}

/* The rule alone: the members of a list decide over other rules, too, such as those that let the owner in. */
static void cure_limit(const struct scene *scene, struct finding *f, const char *outside)
{
    struct lan_condition condition = lan_condition(scene, true, outside);
    if (condition.text[0] != '\0')
        finding_cure(f, "/ip/firewall/nat/set *%X %s", (unsigned)scene->redirect.id, condition.text);
    else
        finding_cure(f, "limit the rule to the interface of your clients, by its in-interface");
}

static void cure_missing(const struct scene *scene, struct finding *f)
{
    char to_ports[sizeof(" to-ports=65535")] = "";
    char place[sizeof(" place-before=*FFFFFFFF")] = "";
    struct lan_condition condition = lan_condition(scene, false, "");
    if (condition.text[0] == '\0') {
        finding_cure(f, CURE_LAN);
        return;
    }
    if (scene->s->config->listen_port != NATPMP_PORT)
        (void)snprintf(to_ports, sizeof(to_ports), " to-ports=%u", (unsigned)scene->s->config->listen_port);
    if (scene->first_dstnat != 0)
        (void)snprintf(place, sizeof(place), " place-before=*%X", (unsigned)scene->first_dstnat);
    finding_cure(f,
                 "/ip/firewall/nat/add chain=dstnat %s dst-address-type=local protocol=udp dst-port=5351 "
                 "action=dst-nat to-addresses=%s%s comment=\"NAT-PMP to double-natpmp\"%s",
                 condition.text, address_text(scene->us).text, to_ports, place);
}

/* If Docker translates addresses, the router's target is the Docker host, whose address we cannot see. */
static void judge_target(struct scene *scene)
{
    const struct redirect *r = &scene->redirect;
    struct finding *f;
    uint16_t port = scene->s->config->listen_port;
    bool far = !scene->attached && scene->listen == 0;
    uint32_t listen = scene->s->config->listen_address;
    if (listen != scene->listen) {
        f = finding_add(scene->out, FINDING_REDIRECT, FINDING_FAIL,
                        "LISTEN_ADDR has the address %s, which is %s: no request of the LAN arrives there",
                        address_text(listen).text,
                        scene_is_router(scene->s, listen) ? "the router's" : "for this machine alone");
        finding_cure(f, "correct LISTEN_ADDR, or leave it out");
    } else if (!scene_is_own(scene, r->target)) {
        f = finding_add(scene->out, FINDING_REDIRECT, far ? FINDING_WARN : FINDING_FAIL,
                        "rule *%X sends NAT-PMP requests to %s, which is not an address of this machine%s",
                        (unsigned)r->id, r->target != 0 ? address_text(r->target).text : "no single address",
                        far ? "; this works if that host forwards them to this machine" : "");
        if (scene->us != 0)
            finding_cure(f, "/ip/firewall/nat/set *%X to-addresses=%s", (unsigned)r->id,
                         address_text(scene->us).text);
    } else if (r->port != port) {
        f = finding_add(scene->out, FINDING_REDIRECT, FINDING_FAIL,
                        "rule *%X sends NAT-PMP requests to port %u, but LISTEN_ADDR has port %u",
                        (unsigned)r->id, (unsigned)r->port, (unsigned)port);
        finding_cure(f, "/ip/firewall/nat/set *%X to-ports=%u", (unsigned)r->id, (unsigned)port);
    } else {
        (void)finding_add(scene->out, FINDING_REDIRECT, FINDING_PASS,
                          "rule *%X sends NAT-PMP requests to this machine (%s)", (unsigned)r->id,
                          address_text(r->target).text);
    }
}

/* True if the rule is in force, so that it can be checked further. */
static bool judge_presence(struct scene *scene)
{
    const struct redirect *r = &scene->redirect;
    struct finding *f;
    if (!r->found) {
        f = finding_add(scene->out, FINDING_REDIRECT, FINDING_FAIL,
                        "no rule sends the NAT-PMP requests of the LAN (UDP port 5351) to this machine");
        cure_missing(scene, f);
    } else if (r->disabled) {
        f = finding_add(scene->out, FINDING_REDIRECT, FINDING_FAIL,
                        "rule *%X, which sends NAT-PMP requests to this machine, is disabled",
                        (unsigned)r->id);
        finding_cure(f, "/ip/firewall/nat/enable *%X", (unsigned)r->id);
    } else if (r->to_router) {
        f = finding_add(scene->out, FINDING_REDIRECT, FINDING_FAIL,
                        "rule *%X has action=redirect, which sends NAT-PMP requests to the router itself",
                        (unsigned)r->id);
        finding_cure(f, "/ip/firewall/nat/set *%X action=dst-nat to-addresses=%s to-ports=%u",
                     (unsigned)r->id, address_text(scene->us).text, (unsigned)scene->s->config->listen_port);
    } else if (r->invalid) {
        f = finding_add(scene->out, FINDING_REDIRECT, FINDING_FAIL,
                        "rule *%X, which sends NAT-PMP requests to this machine, is invalid: its interface "
                        "or list is missing or down",
                        (unsigned)r->id);
        cure_limit(scene, f, "");
    } else {
        judge_target(scene);
        return true;
    }
    return false;
}

/* ---- does it come first? ---- */

/* The first other rule that decides over a request before the redirect; certain ones first. */
static const struct ruling *find_obstacle(const struct verdict *verdict, uint32_t redirect)
{
    if (verdict->sure.found && verdict->sure.id != redirect)
        return &verdict->sure;
    const struct ruling *unread = NULL;
    for (unsigned i = 0; i < FIREWALL_ACTIONS; i++) {
        if (verdict->maybe[i].found && verdict->maybe[i].id != 0)
            return &verdict->maybe[i];
        if (verdict->maybe[i].found)
            unread = &verdict->maybe[i];
    }
    return unread;
}

/* A request with the marks that the mangle rules give it, to which it refers. */
static struct packet marked_request(const struct scene *scene, struct outcomes *marks)
{
    struct packet packet = request_from(scene, &scene->lan, true);
    struct outcomes none = marks_none("");
    packet.lists = &scene->lists;
    packet.connection_mark = packet.routing_mark = "";
    marks_follow(scene->s, "prerouting", &packet, &none, marks);
    bool known = marks->count == 1 && !marks->incomplete;
    packet.connection_mark = known ? marks->at[0].connection_mark : NULL;
    packet.routing_mark = known ? marks->at[0].routing_mark : NULL;
    return packet;
}

/* The condition of the redirect that covers least of the requests. To choose hosts is no mistake. */
static enum cover find_condition(const struct ros_sentence *rule, const struct packet *packet,
                                 struct span *ret_name)
{
    static const char *const choices[] = {"src-address", "src-address-list", "src-mac-address"};
    enum cover least = COVER_ALL;
    for (unsigned i = 1; rule != NULL && i < rule->words; i++) {
        struct span name;
        enum cover cover = cover_of_word(ros_word(rule, i), packet, &name);
        for (size_t k = 0; k < ARRAY_LEN(choices); k++)
            cover = cover == COVER_PART && span_is(name, choices[k]) ? COVER_ALL : cover;
        if (cover >= least)
            continue;
        least = cover;
        *ret_name = name;
    }
    return least;
}

static void cure_condition(const struct scene *scene, struct finding *f, struct span name)
{
    unsigned id = (unsigned)scene->redirect.id;
    char without[sizeof(struct log_safe) + 1];
    (void)snprintf(without, sizeof without, "!%s", log_safe(name).text);
    if (span_is(name, "in-interface-list"))
        finding_cure(f, "/ip/firewall/nat/set *%X !in-interface-list in-interface=%s", id,
                     ros_quote(span_text(scene->lan.interface)).text);
    else if (span_is(name, "dst-address-type"))
        finding_cure(f, "/ip/firewall/nat/set *%X dst-address-type=local", id);
    else if (cover_knows(name))
        finding_cure(f, "/ip/firewall/nat/set *%X %s", id, without);
    else
        finding_cure(f, "take the condition out of rule *%X, unless you know that all requests meet it", id);
}

static void judge_condition(struct scene *scene, enum cover cover, struct span name)
{
    unsigned id = (unsigned)scene->redirect.id;
    struct log_safe text = log_safe(name);
    struct finding *f;
    if (cover == COVER_NONE)
        f = finding_add(scene->out, FINDING_REDIRECT_ORDER, FINDING_FAIL,
                        "rule *%X takes no request: no request of the LAN meets its condition %s", id,
                        text.text);
    else
        f = finding_add(scene->out, FINDING_REDIRECT_ORDER, FINDING_WARN,
                        "rule *%X may not take all requests of the LAN, because of its condition %s", id,
                        text.text);
    cure_condition(scene, f, name);
}

static const struct ros_sentence *redirect_row(const struct scene *scene, struct table_rows *rows)
{
    while (table_rows_next(rows) != NULL && row_id(rows->row) != scene->redirect.id)
        ;
    return rows->row;
}

/* RouterOS moves nothing before a dynamic rule, nor into another chain. */
bool judge_move(const struct scene *scene, struct finding *f, uint32_t rule, uint32_t taker,
                const struct packet *packet)
{
    struct place place = place_before(scene->s, TABLE_NAT, "dstnat", taker, packet);
    if (place.top != 0 && place_is_in(&place, "dstnat"))
        return finding_cure_add(f, "/ip/firewall/nat/move *%X destination=*%X", (unsigned)rule,
                                (unsigned)place.nearest);
    if (place.maker != 0)
        judge_maker(f, "/ip/firewall/nat", place.maker);
    return false;
}

static void judge_order(struct scene *scene)
{
    uint32_t id = scene->redirect.id;
    struct outcomes marks;
    struct packet packet = marked_request(scene, &marks);
    struct verdict verdict;
    struct table_rows rows = table_rows_of(scene->s, TABLE_NAT);
    struct span name = span_of(NULL, 0);
    firewall_judge(scene->s, TABLE_NAT, "dstnat", &packet, id, &verdict);
    const struct ruling *obstacle = find_obstacle(&verdict, id);
    enum cover cover = find_condition(redirect_row(scene, &rows), &packet, &name);
    bool sure = obstacle == &verdict.sure;
    struct finding *f;
    if (obstacle != NULL && obstacle->id == 0 && cover != COVER_NONE) {
        (void)judge_unread(scene, FINDING_REDIRECT_ORDER, TABLE_NAT,
                           "whether a rule before the redirect takes NAT-PMP requests");
    } else if (obstacle != NULL && (sure || cover != COVER_NONE)) {
        f = finding_add(scene->out, FINDING_REDIRECT_ORDER, sure ? FINDING_FAIL : FINDING_WARN,
                        "rule *%X comes before *%X and %s NAT-PMP requests", (unsigned)obstacle->id,
                        (unsigned)id, sure ? "takes" : "may take");
        (void)judge_move(scene, f, id, obstacle->id, &packet);
    } else if (obstacle == NULL && !verdict.sure.found) {
        f = finding_add(
            scene->out, FINDING_REDIRECT_ORDER, FINDING_FAIL,
            "no request reaches rule *%X: its chain is not dstnat, and no rule jumps to its chain",
            (unsigned)id);
        finding_cure(f, "/ip/firewall/nat/set *%X chain=dstnat", (unsigned)id);
    } else if (cover != COVER_ALL) {
        judge_condition(scene, cover, name);
    } else {
        (void)finding_add(scene->out, FINDING_REDIRECT_ORDER, FINDING_PASS,
                          "rule *%X takes the NAT-PMP requests of the LAN, and no rule before it does",
                          (unsigned)id);
    }
}

/* ---- is it limited to the LAN? ---- */

/* True if the redirect takes, or may take, a request that enters by that interface. */
static bool takes_from(const struct scene *scene, const char *interface, const struct ros_sentence *rule)
{
    struct nat_context context = scene_lists_of(scene->s, interface);
    struct packet packet = request_from(scene, &context, false);
    return cover_of_row(rule, &packet) >= COVER_MAYBE;
}

/* Tries the tunnel, the members of the list WAN, and the interface of the default route. */
static bool takes_from_outside(const struct scene *scene, const struct ros_sentence *rule,
                               char ret_interface[INTERFACE_NAME_MAX + 1])
{
    struct span name;
    copy_interface(ret_interface, span_text(scene->vpn.interface));
    if (ret_interface[0] != '\0' && takes_from(scene, ret_interface, rule))
        return true;
    for (struct table_rows t = table_rows_of(scene->s, TABLE_MEMBER); table_rows_next(&t) != NULL;) {
        if (!row_is(t.row, "list", "WAN") || ros_flag(t.row, "disabled") ||
            !row_get(t.row, "interface", &name))
            continue;
        copy_interface(ret_interface, name);
        if (takes_from(scene, ret_interface, rule))
            return true;
    }
    return scene_default_route(scene->s, ret_interface) && takes_from(scene, ret_interface, rule);
}

static void judge_lan(struct scene *scene)
{
    struct table_rows rows = table_rows_of(scene->s, TABLE_NAT);
    const struct ros_sentence *rule = redirect_row(scene, &rows);
    char interface[INTERFACE_NAME_MAX + 1];
    struct prefix prefix;
    unsigned id = (unsigned)scene->redirect.id;
    struct finding *f;
    if (rule == NULL)
        return;
    if (takes_from_outside(scene, rule, interface)) {
        f = finding_add(scene->out, FINDING_REDIRECT_LAN, FINDING_FAIL,
                        "rule *%X also takes requests from %s: hosts outside the LAN could request mappings",
                        id, log_safe(span_text(interface)).text);
        cure_limit(scene, f, interface);
    } else if (!scene_prefix(scene->s, scene->lan.interface, &prefix)) {
        f = finding_add(scene->out, FINDING_REDIRECT_LAN, FINDING_WARN,
                        "rule *%X takes requests from %s, which has no address; if it is a port of a bridge, "
                        "use the bridge",
                        id, log_safe(span_text(scene->lan.interface)).text);
        if (scene_list_exists(scene->s, "LAN"))
            finding_cure(f, "/ip/firewall/nat/set *%X !in-interface in-interface-list=LAN", id);
    } else {
        (void)finding_add(scene->out, FINDING_REDIRECT_LAN, FINDING_PASS, "rule *%X is limited to the LAN",
                          id);
    }
}

/* ---- are the clients visible? ---- */

static void judge_visible(struct scene *scene)
{
    struct trip trip;
    struct loss loss;
    struct outcomes marks = marks_none("");
    uint32_t target = scene->redirect.target;
    struct verdict verdict;
    if (!scene_request(scene, &trip))
        return;
    trip_follow(scene->s, &trip, &marks, &loss);
    struct packet packet = trip_translated(&trip);
    packet.connection_mark = marks.count == 1 ? marks.at[0].connection_mark : NULL;
    packet.routing_mark = NULL;
    firewall_judge(scene->s, TABLE_NAT, "srcnat", &packet, 0, &verdict);
    const struct ruling *hides =
        verdict.sure.found && verdict.sure.action == FIREWALL_TRANSLATE ? &verdict.sure
        : verdict.maybe[FIREWALL_TRANSLATE].found                       ? &verdict.maybe[FIREWALL_TRANSLATE]
        : verdict.part[FIREWALL_TRANSLATE].found                        ? &verdict.part[FIREWALL_TRANSLATE]
                                                                        : NULL;
    if (hides == NULL) {
        (void)finding_add(scene->out, FINDING_CLIENTS_VISIBLE, FINDING_PASS,
                          "no rule hides the clients' addresses from this machine");
        return;
    }
    if (hides->id == 0) {
        (void)judge_unread(scene, FINDING_CLIENTS_VISIBLE, TABLE_NAT,
                           "whether a rule hides the clients' addresses from this machine");
        return;
    }
    bool sure = hides == &verdict.sure;
    struct finding *f = finding_add(
        scene->out, FINDING_CLIENTS_VISIBLE, sure ? FINDING_FAIL : FINDING_WARN,
        "srcnat rule *%X %s the clients' addresses: their mappings would lead to the router instead",
        (unsigned)hides->id, sure ? "hides" : "may hide");
    struct place place = place_before(scene->s, TABLE_NAT, "srcnat", hides->id, &packet);
    if (!place.open)
        judge_maker(f, "/ip/firewall/nat", place.maker);
    else
        finding_cure(f,
                     "/ip/firewall/nat/add chain=%s action=accept protocol=udp dst-address=%s dst-port=%u%s",
                     ros_quote(span_text(place.chain)).text, address_text(target).text,
                     (unsigned)scene->redirect.port, place_text(place.nearest).text);
}

/* ---- does the reply come back through the router? ---- */

static void judge_subnet(struct scene *scene)
{
    const struct redirect *r = &scene->redirect;
    const char *ours = scene->ours.interface;
    struct log_safe name = log_safe(span_text(ours));
    uint32_t target = r->target != 0 ? r->target : scene->us;
    struct address_text address = address_text(target);
    if (target == 0)
        return;
    /* A veth interface has only the container on it. */
    bool alone = strcmp(scene_type(scene->s, ours).text, "veth") == 0;
    bool same = strcmp(ours, scene->lan.interface) == 0;
    const char *list = r->by_list ? r->interface : "LAN";
    bool listed = scene_is_member(scene->s, list, ours);
    if (ours[0] == '\0' || alone || (!same && !listed)) {
        (void)finding_add(scene->out, FINDING_CONTAINER_SUBNET, FINDING_PASS,
                          "%s is not in the clients' subnet%s%s", address.text,
                          ours[0] != '\0' ? ", but behind " : "", name.text);
        return;
    }
    struct finding *f = finding_add(scene->out, FINDING_CONTAINER_SUBNET, same ? FINDING_FAIL : FINDING_WARN,
                                    "%s is in the subnet of %s clients, on %s: its replies bypass the "
                                    "router's NAT, and clients ignore their source address",
                                    address.text, same ? "the" : "some", name.text);
    finding_cure(f, "/interface/veth/add name=veth-natpmp address=172.30.254.2/30 gateway=172.30.254.1; "
                    "/ip/address/add address=172.30.254.1/30 interface=veth-natpmp");
}

void judge_redirect(struct scene *scene)
{
    if (scene->s->table[TABLE_NAT].state != TABLE_READ)
        return; /* the finding policy-read says so */
    bool in_force = judge_presence(scene);
    if (in_force && scene->lan.interface[0] != '\0')
        judge_order(scene);
    if (in_force)
        judge_lan(scene);
    if (in_force)
        judge_visible(scene);
    judge_subnet(scene);
}

/* The interface and the route to the gateway, as the router sees them. */
#include "check/judge_parts.h"

#include "core/router_rows.h"

/* The route through the tunnel. Which of several it is, the owner has to say. */
static void cure_route(const struct scene *scene, struct finding *f)
{
    const struct interface_names *tunnels = way_candidates(&scene->way);
    const char *tunnel = way_candidate(&scene->way);
    char names[FINDING_CURE_MAX / 2];
    struct writer w = writer_of(names, sizeof names - 1);
    write_names(&w, tunnels);
    names[w.len] = '\0';
    if (tunnel[0] == '\0' && tunnels->count > 0)
        finding_cure(f, "set MIKROTIK_IN_INTERFACE to the tunnel that leads to the gateway: %s", names);
    else
        finding_cure(f, "/ip/route/add dst-address=%s/32 gateway=%s",
                     address_text(scene->s->config->gateway).text,
                     tunnel[0] != '\0' ? ros_quote(span_text(tunnel)).text : YOUR_TUNNEL);
}

/* The remedy is the setting: what it names is part of the LAN, or of the router itself. */
static void judge_mistake(struct scene *scene)
{
    const struct check_config *c = scene->s->config;
    struct address_text gateway = address_text(c->gateway);
    struct log_safe name = log_safe(span_text(c->in_interface));
    bool interface = scene->mistake >= MISTAKE_INTERFACE_IS_LAN;
    struct finding *f;
    if (!interface)
        f = finding_add(scene->out, FINDING_INTERFACE, FINDING_FAIL,
                        "VPN_GATEWAY, %s, is an address of %s, and not of a gateway behind the tunnel",
                        gateway.text,
                        scene->mistake == MISTAKE_GATEWAY_IS_US       ? "this machine"
                        : scene->mistake == MISTAKE_GATEWAY_IS_ROUTER ? "this router"
                                                                      : "the LAN");
    else
        f = finding_add(
            scene->out, FINDING_INTERFACE, FINDING_FAIL,
            "MIKROTIK_IN_INTERFACE names %s (%s), which is %s: nothing from the gateway %s arrives "
            "there",
            name.text, scene_type(scene->s, c->in_interface).text,
            scene->mistake == MISTAKE_INTERFACE_IS_LAN ? "an interface of the LAN" : "no tunnel",
            gateway.text);
    finding_cure(f, interface ? "correct MIKROTIK_IN_INTERFACE, or leave it out"
                    : scene->mistake == MISTAKE_GATEWAY_IS_US
                        ? "correct VPN_GATEWAY (at ProtonVPN it is 10.2.0.1)"
                        : "correct VPN_GATEWAY, or, if it is right (at ProtonVPN it is 10.2.0.1), give "
                          "that network of the router other addresses");
}

/* No remedy takes a member out of a list: other rules use the list, too, and may let the owner in. */
static void judge_not_lan(struct scene *scene, const char *name)
{
    const struct redirect *r = &scene->redirect;
    bool by_list = r->found && r->by_list && strcmp(r->interface, "all") != 0 &&
                   scene_is_member(scene->s, r->interface, scene->vpn.interface);
    const char *list = by_list ? r->interface : "LAN";
    bool same = strcmp(scene->vpn.interface, scene->lan.interface) == 0;
    bool listed = scene_is_member(scene->s, list, scene->vpn.interface);
    bool plain = scene_is_plain_link(scene->s, scene->vpn.interface);
    struct finding *f;
    if (scene->lan.interface[0] == '\0')
        return;
    if (!same && !listed) {
        (void)finding_add(scene->out, FINDING_INTERFACE_NOT_LAN, FINDING_PASS,
                          "the interface for the rules, %s, is not the LAN's interface (%s)", name,
                          log_safe(span_text(scene->lan.interface)).text);
    } else if (!same) {
        f = finding_add(scene->out, FINDING_INTERFACE_NOT_LAN, FINDING_WARN,
                        "the interface for the rules, %s, is a member of the list %s: the router treats what "
                        "comes through the tunnel as it treats the LAN",
                        name, log_safe(span_text(list)).text);
        finding_cure(f, "take %s out of the list, unless you administer the router through it", name);
    } else {
        f = finding_add(
            scene->out, FINDING_INTERFACE_NOT_LAN, FINDING_FAIL,
            "the interface for the rules, %s, is on the LAN: nothing from the internet arrives there", name);
        if (plain)
            cure_route(scene, f);
        else
            finding_cure(f, "let the redirect and the list LAN name the interface of your clients");
        scene->lost = true;
        scene->vpn.interface[0] = '\0'; /* for the rest it is the LAN */
    }
}

/* Rules of the daemon that forward nothing although the interface is as it should be: they may name one that
 * was removed and made again. */
static unsigned invalid_rules(const struct scene *scene)
{
    unsigned count = 0;
    for (struct table_rows t = table_rows_of(scene->s, TABLE_NAT); table_rows_next(&t) != NULL;) {
        struct nat_rule rule = nat_rule_parse(t.row, &scene->vpn);
        count += rule.ours && rule.invalid;
    }
    return count;
}

static void judge_state(struct scene *scene, const struct ros_sentence *row, const char *name)
{
    struct log_safe type = scene_type(scene->s, scene->vpn.interface);
    struct ros_quoted quoted = ros_quote(span_text(scene->vpn.interface));
    struct address_text gateway = address_text(scene->s->config->gateway);
    unsigned invalid = invalid_rules(scene);
    struct finding *f;
    if (ros_flag(row, "disabled")) {
        f = finding_add(scene->out, FINDING_INTERFACE, FINDING_FAIL,
                        "%s, the interface to the gateway %s, is disabled", name, gateway.text);
        finding_cure(f, "/interface/enable %s", quoted.text);
    } else if (scene->by_policy) {
        f = finding_add(
            scene->out, FINDING_INTERFACE, FINDING_FAIL,
            "routing rules or marks lead to the gateway %s through %s (%s), but neither the main table "
            "nor the connection table shows it, so the daemon maps nothing",
            gateway.text, name, type.text);
        finding_cure(f, "/ip/route/add dst-address=%s/32 gateway=%s", gateway.text, quoted.text);
    } else if (scene->guessed || scene_is_lost(scene, scene->vpn.interface)) {
        scene->lost = true;
        f = finding_add(
            scene->out, FINDING_INTERFACE, FINDING_FAIL,
            "the route to the gateway %s uses %s (%s) instead of the tunnel: add a route through the tunnel",
            gateway.text, name, type.text);
        cure_route(scene, f);
    } else if (row_is(row, "running", "false")) {
        f = finding_add(scene->out, FINDING_INTERFACE, FINDING_WARN,
                        "%s, the interface to the gateway %s, is not running", name, gateway.text);
        finding_cure(f, "/interface/print detail where name=%s", quoted.text);
    } else if (invalid > 0) {
        f = finding_add(scene->out, FINDING_INTERFACE, FINDING_WARN,
                        "the route to the gateway %s uses %s (%s), but the router says that %u rules of "
                        "double-natpmp are invalid, so they forward nothing",
                        gateway.text, name, type.text, invalid);
        finding_cure(f, "/ip/firewall/nat/print detail where invalid");
    } else {
        (void)finding_add(scene->out, FINDING_INTERFACE, FINDING_PASS,
                          "the route to the gateway %s uses %s (%s)", gateway.text, name, type.text);
    }
}

bool settings_are_right(struct scene *scene)
{
    const char *interface = scene->vpn.interface;
    struct table_rows rows = table_rows_of(scene->s, TABLE_INTERFACE);
    if (scene->mistake != MISTAKE_NONE) {
        judge_mistake(scene);
        return false;
    }
    if (interface[0] == '\0' || scene->s->table[TABLE_INTERFACE].state != TABLE_READ ||
        table_find(&rows, "name", interface) != NULL)
        return true;
    scene->lost = true;
    finding_cure(finding_add(scene->out, FINDING_INTERFACE, FINDING_FAIL, "the router has no interface %s",
                             log_safe(span_text(interface)).text),
                 "set MIKROTIK_IN_INTERFACE to a name that /interface/print shows, or unset it");
    return false;
}

static void judge_way(struct scene *scene)
{
    const char *interface = scene->vpn.interface;
    struct address_text gateway = address_text(scene->s->config->gateway);
    struct log_safe name = log_safe(span_text(interface));
    struct table_rows rows = table_rows_of(scene->s, TABLE_INTERFACE);
    struct finding *f;
    if (!settings_are_right(scene))
        return;
    if (interface[0] == '\0') {
        f = finding_add(
            scene->out, FINDING_INTERFACE, FINDING_FAIL,
            "the router has no route to the gateway %s: without its interface no rule can be added",
            gateway.text);
        cure_route(scene, f);
        return;
    }
    const struct ros_sentence *row = table_find(&rows, "name", interface);

    if (row == NULL)
        (void)finding_add(scene->out, FINDING_INTERFACE, FINDING_PASS, "the route to the gateway %s uses %s",
                          gateway.text, name.text);
    else
        judge_state(scene, row, name.text);
    judge_not_lan(scene, name.text);
}

void judge_interface(struct scene *scene)
{
    judge_way(scene);
    if (scene->lan.interface[0] == '\0')
        finding_cure(
            finding_add(scene->out, FINDING_INTERFACE_NOT_LAN, FINDING_WARN,
                        "no interface is known to be the LAN's, so it is not checked what becomes of "
                        "the packets of its hosts"),
            CURE_LAN);
}

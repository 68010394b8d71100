/* What becomes of the packets that the daemon and its clients depend on: requests from the LAN and the
 * answers to them, requests to the gateway and its answers. */
#include <stdio.h>

#include "check/judge_parts.h"

/* ---- requests from the LAN ---- */

static void judge_request(struct scene *scene)
{
    struct trip trip;
    struct outcomes marks = marks_none("");
    struct loss loss;
    bool back = false;
    if (!scene_request(scene, &trip))
        return;
    uint16_t port = trip.to_port;
    struct prefix lan = scene_network(scene, scene->lan.interface, trip.packet.src.address);
    trip_follow(scene->s, &trip, &marks, &loss);
    if (!loss.found) {
        back = true;
        trip = scene_answer(&trip);
        trip_follow(scene->s, &trip, &marks, &loss);
    }
    if (!loss.found) {
        (void)finding_add(scene->out, FINDING_REQUEST, FINDING_PASS,
                          "requests from the LAN reach this machine, and its answers reach the LAN");
        return;
    }
    struct remedy remedy = {
        .what = back ? "this machine's answers to the LAN" : "NAT-PMP requests from the LAN",
        .network = back ? lan : scene_network(scene, scene->ours.interface, scene_machine(scene)),
    };
    const char *side = back ? "src" : "dst";
    (void)snprintf(remedy.after.text, sizeof(remedy.after.text), "%s-address=%s protocol=udp %s-port=%u",
                   side, address_text(scene_machine(scene)).text, side, (unsigned)port);
    remedy.before = remedy.after;
    if (!back)
        (void)snprintf(remedy.before.text, sizeof(remedy.before.text),
                       "dst-address-type=local protocol=udp dst-port=5351");
    judge_loss(scene, FINDING_REQUEST, &loss, &trip, &remedy);
}

/* ---- requests to the gateway ---- */

/* The verdict: of the rules that there are, over that packet. */
static void cure_source(const struct scene *scene, struct finding *f, const struct packet *packet,
                        const struct verdict *v)
{
    struct prefix network = scene_network(scene, scene->ours.interface, scene_machine(scene));
    const struct ruling *accepts = &v->maybe[FIREWALL_ACCEPT];
    uint32_t id = accepts->found ? accepts->id : v->sure.found ? v->sure.id : 0;
    struct place place = place_before(scene->s, TABLE_NAT, "srcnat", id, packet);
    if (!place.open)
        judge_maker(f, "/ip/firewall/nat", place.maker);
    else
        finding_cure(f,
                     "/ip/firewall/nat/add chain=%s src-address=%s/%u out-interface=%s action=masquerade%s",
                     ros_quote(span_text(place.chain)).text, address_text(network.address).text,
                     (unsigned)network.length, ros_quote(span_text(scene->vpn.interface)).text,
                     place_text(place.first).text);
}

/* What the router has done with our request is more than what its rules promise. False: it does not show it.
 */
static bool judge_source_by_connection(struct scene *scene, const struct packet *packet,
                                       const struct verdict *v)
{
    const struct flow *flow = &scene->way.flow;
    struct log_safe name = log_safe(span_text(scene->vpn.interface));
    if (!flow->known || !flow->ours || flow->replied)
        return false;
    if (interface_names_have(&scene->way.owners, scene->vpn.interface)) {
        (void)finding_add(scene->out, FINDING_SOURCE, FINDING_PASS,
                          "the router gives this machine's requests to the gateway the address of %s, %s",
                          name.text, address_text(flow->reply_to).text);
        return true;
    }
    if (way_evidence_is_translated(&scene->way))
        return false;
    cure_source(scene,
                finding_add(scene->out, FINDING_SOURCE, FINDING_FAIL,
                            "the router's connection table shows that nothing gives this machine's "
                            "requests to the gateway the address of %s: a gateway does not answer an "
                            "address that it does not know",
                            name.text),
                packet, v);
    return true;
}

/* The gateway does not answer a stranger: a rule must give our packets the tunnel's address. */
static void judge_source(struct scene *scene, const struct trip *trip, const struct outcomes *marks)
{
    struct packet packet = trip->packet;
    struct verdict v;
    struct log_safe name = log_safe(span_text(scene->vpn.interface));
    packet.out = trip->out;
    packet.srcnat = false;
    packet.connection_mark = marks->count == 1 ? marks->at[0].connection_mark : NULL;
    packet.routing_mark = NULL;
    firewall_judge(scene->s, TABLE_NAT, "srcnat", &packet, 0, &v);
    if (judge_source_by_connection(scene, &packet, &v))
        return;
    bool translates = v.sure.found && v.sure.action == FIREWALL_TRANSLATE;
    if (translates && !v.maybe[FIREWALL_ACCEPT].found) {
        (void)finding_add(scene->out, FINDING_SOURCE, FINDING_PASS,
                          "srcnat rule *%X gives this machine's requests to the gateway the address of %s",
                          (unsigned)v.sure.id, name.text);
        return;
    }
    bool may = translates || v.maybe[FIREWALL_TRANSLATE].found || v.part[FIREWALL_TRANSLATE].found;
    struct finding *f = finding_add(
        scene->out, FINDING_SOURCE, may ? FINDING_WARN : FINDING_FAIL,
        "%s srcnat rule gives this machine's requests to the gateway the address of %s: a gateway "
        "does not answer an address that it does not know",
        may ? "possibly no" : "no", name.text);
    cure_source(scene, f, &packet, &v);
}

static void judge_gateway_path(struct scene *scene)
{
    struct trip request;
    struct outcomes marks = marks_none("");
    struct loss loss;
    struct address_text gateway = address_text(scene->s->config->gateway);
    if (scene->s->upstream.address_known || scene->lost || scene_known(&scene->vpn) == NULL ||
        !scene_gateway_request(scene, &request))
        return; /* if the gateway answers, there is nothing to prove */
    trip_follow(scene->s, &request, &marks, &loss);
    struct trip trip = request;
    struct outcomes after = marks;
    struct remedy remedy = {.what = "this machine's requests to the gateway",
                            .network = {.address = scene->s->config->gateway, .length = 32}};
    (void)snprintf(remedy.after.text, sizeof(remedy.after.text),
                   "src-address=%s dst-address=%s protocol=udp dst-port=5351",
                   address_text(request.packet.src.address).text, gateway.text);
    if (!loss.found) {
        trip = scene_gateway_answer(scene, &request);
        trip_follow(scene->s, &trip, &marks, &loss);
        remedy.what = "the gateway's answers";
        remedy.network = scene_network(scene, scene->ours.interface, scene_machine(scene));
        (void)snprintf(remedy.after.text, sizeof(remedy.after.text),
                       "src-address=%s protocol=udp src-port=5351", gateway.text);
    }
    remedy.before = remedy.after;
    if (loss.found)
        judge_loss(scene, FINDING_GATEWAY_PATH, &loss, &trip, &remedy);
    else
        (void)finding_add(scene->out, FINDING_GATEWAY_PATH, FINDING_PASS,
                          "this machine's requests reach %s, and the gateway's answers reach this machine",
                          log_safe(span_text(scene->vpn.interface)).text);
    if (scene->s->table[TABLE_NAT].state == TABLE_READ)
        judge_source(scene, &request, &after);
}

void judge_flows(struct scene *scene)
{
    judge_request(scene);
    if (judge_vrf(scene))
        return;
    judge_gateway_path(scene);
    judge_return(scene);
}

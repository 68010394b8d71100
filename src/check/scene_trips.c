/* The trips through the router that the daemon and its clients depend on. */
#include "check/judge_parts.h"

const struct nat_context *scene_known(const struct nat_context *context)
{
    return context->interface[0] != '\0' ? context : NULL;
}

static struct prefix host(uint32_t address)
{
    return (struct prefix){.address = address, .length = 32};
}

uint32_t scene_machine(const struct scene *scene)
{
    return scene->redirect.target != 0 ? scene->redirect.target : scene->us;
}

struct prefix scene_network(const struct scene *scene, const char *interface, uint32_t address)
{
    struct prefix prefix = host(address);
    (void)scene_prefix(scene->s, interface, &prefix);
    prefix.address &= prefix.length == 0 ? 0 : UINT32_MAX << (32 - prefix.length);
    return prefix;
}

static struct trip new_trip(const struct scene *scene, const struct nat_context *in,
                            const struct nat_context *out, enum natpmp_protocol protocol)
{
    return (struct trip){.packet = {.in = in,
                                    .protocol = protocol,
                                    .connection_mark = "",
                                    .packet_mark = NULL,
                                    .routing_mark = "",
                                    .dst_known = true,
                                    .lists = &scene->lists},
                         .out = out};
}

/* True if both interfaces are known and not the same. */
static bool are_apart(const struct nat_context *a, const struct nat_context *b)
{
    return scene_known(a) != NULL && scene_known(b) != NULL && strcmp(a->interface, b->interface) != 0;
}

bool scene_request(const struct scene *scene, struct trip *ret_trip)
{
    struct prefix lan;
    *ret_trip = new_trip(scene, &scene->lan, &scene->ours, NATPMP_UDP);
    if (scene_machine(scene) == 0 || !are_apart(&scene->lan, &scene->ours) ||
        !scene_prefix(scene->s, scene->lan.interface, &lan))
        return false;
    ret_trip->packet.src = lan;
    ret_trip->packet.dst = host(lan.address);
    ret_trip->packet.dst_port = NATPMP_PORT;
    ret_trip->packet.dst_local = true;
    ret_trip->translated = true;
    ret_trip->to = host(scene_machine(scene));
    ret_trip->to_port = scene->redirect.found ? scene->redirect.port : scene->s->config->listen_port;
    return true;
}

struct trip scene_answer(const struct trip *trip)
{
    struct trip answer = {.packet = trip->packet, .out = trip->packet.in};
    struct packet *p = &answer.packet;
    p->in = trip->out;
    p->src = trip->translated ? trip->to : trip->packet.dst;
    p->src_port = trip->translated ? trip->to_port : trip->packet.dst_port;
    p->dst = trip->packet.src;
    p->dst_port = trip->packet.src_port;
    p->dst_known = true;
    p->dst_local = false;
    p->established = true;
    p->dstnat = trip->translated;
    return answer;
}

bool scene_gateway_request(const struct scene *scene, struct trip *ret_trip)
{
    uint32_t local = scene->s->local;
    *ret_trip = new_trip(scene, &scene->ours, &scene->vpn, NATPMP_UDP);
    if (scene_machine(scene) == 0 || scene_known(&scene->ours) == NULL)
        return false;
    ret_trip->packet.src = host(scene_is_own(scene, local) ? local : scene_machine(scene));
    ret_trip->packet.dst = host(scene->s->config->gateway);
    ret_trip->packet.dst_port = NATPMP_PORT;
    ret_trip->packet.srcnat = true;
    return true;
}

/* It comes to the tunnel's address, and the router puts this machine's address back. */
struct trip scene_gateway_answer(const struct scene *scene, const struct trip *request)
{
    struct trip answer = scene_answer(request);
    struct prefix tunnel;
    answer.packet.dst_known = scene_prefix(scene->s, scene->vpn.interface, &tunnel);
    if (answer.packet.dst_known)
        answer.packet.dst = host(tunnel.address);
    answer.packet.dst_local = true;
    answer.restored = true;
    answer.translated = true;
    answer.to = request->packet.src;
    return answer;
}

bool scene_arrival(const struct scene *scene, enum natpmp_protocol protocol, struct trip *ret_trip)
{
    struct prefix lan;
    struct prefix tunnel;
    *ret_trip = new_trip(scene, &scene->vpn, &scene->lan, protocol);
    if (!are_apart(&scene->vpn, &scene->lan) || !scene_prefix(scene->s, scene->lan.interface, &lan))
        return false;
    ret_trip->packet.dst_known = scene_prefix(scene->s, scene->vpn.interface, &tunnel);
    if (ret_trip->packet.dst_known)
        ret_trip->packet.dst = host(tunnel.address);
    ret_trip->packet.dst_local = true;
    ret_trip->translated = true;
    ret_trip->to = lan;
    return true;
}

/* What the set-up must know of the router. */
#include "check/judge_parts.h"
#include "check/setup.h"
#include "core/router_rows.h"

/* The interface on the way to the gateway if the daemon would take it, else the tunnel that it may be. */
static void find_tunnel(const struct scene *scene, struct setup_router *ret_router)
{
    const char *found = scene->vpn.interface;
    bool guessed = scene->guessed && !scene->by_policy;
    if (scene->s->config->in_interface[0] == '\0' && (guessed || scene_is_lost(scene, found)))
        found = "";
    if (found[0] == '\0')
        found = way_candidate(&scene->way);
    if (found[0] == '\0')
        ret_router->choice = *way_candidates(&scene->way);
    if (ret_router->choice.count > 0)
        found = YOUR_TUNNEL;
    copy_interface(ret_router->tunnel, span_text(found));
}

void setup_find(const struct survey *s, struct setup_router *ret_router)
{
    static struct findings findings;
    struct scene scene;
    findings.count = 0;
    scene_make(&scene, s, &findings);
    *ret_router = (struct setup_router){.tunnel = ""};
    if (!settings_are_right(&scene))
        ret_router->wrong = findings.at[findings.count - 1];
    find_tunnel(&scene, ret_router);
    bool read = s->table[TABLE_LIST].state == TABLE_READ && s->table[TABLE_INTERFACE].state == TABLE_READ;
    if (read && !scene_list_exists(s, "LAN"))
        copy_interface(ret_router->lan,
                       span_text(scene.lan.interface[0] != '\0' ? scene.lan.interface : YOUR_LAN));
    struct trip there;
    struct loss loss;
    struct outcomes marks = marks_none("");
    copy_interface(scene.vpn.interface, span_text(ret_router->tunnel));
    if (!scene_arrival(&scene, NATPMP_TCP, &there))
        return;
    trip_follow(s, &there, &marks, &loss);
    struct trip back = scene_answer(&there);
    trip_follow(s, &back, &marks, &loss);
    ret_router->answered = !loss.found;
}

/* What the set-up must know of the router. */
#include "check/judge_parts.h"
#include "check/setup.h"
#include "core/router_rows.h"

static bool is_tunnel(const struct scene *scene, const char *interface)
{
    static const char *const links[] = {"",     "ether", "bridge", "vlan",    "wlan",
                                        "wifi", "bond",  "veth",   "loopback"};
    struct log_safe type = scene_type(scene->s, interface);
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (strcmp(type.text, links[i]) == 0)
            return false;
    return true;
}

/* The interface on the way to the gateway if it is a tunnel, otherwise a WireGuard interface. */
static void find_tunnel(const struct scene *scene, struct setup_router *ret_router)
{
    struct span name;
    struct table_rows t = table_rows_of(scene->s, TABLE_INTERFACE);
    copy_interface(ret_router->tunnel, span_text(scene->vpn.interface));
    if (scene->s->config->in_interface[0] != '\0' || is_tunnel(scene, scene->vpn.interface))
        return;
    if (table_find(&t, "type", "wg") != NULL && row_get(t.row, "name", &name))
        copy_interface(ret_router->tunnel, name);
}

void setup_find(const struct survey *s, struct setup_router *ret_router)
{
    static struct findings findings;
    struct scene scene;
    findings.count = 0;
    scene_make(&scene, s, &findings);
    *ret_router = (struct setup_router){.tunnel = ""};
    find_tunnel(&scene, ret_router);
    bool read = s->table[TABLE_LIST].state == TABLE_READ && s->table[TABLE_INTERFACE].state == TABLE_READ;
    if (read && !scene_list_exists(s, "LAN"))
        copy_interface(ret_router->lan, span_text(scene.lan.interface));
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

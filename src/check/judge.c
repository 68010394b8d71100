#include "check/judge.h"

#include "check/judge_parts.h"

void judge(const struct survey *s, struct judge_room *room, struct findings *ret_findings)
{
    struct scene scene;
    ret_findings->count = 0;
    scene_make(&scene, s, ret_findings);
    if (judge_api(&scene) && s->failure == FAILURE_NONE) {
        judge_version(&scene);
        judge_service(&scene);
        judge_service_address(&scene);
        judge_twin(&scene);
        judge_script(&scene);
        judge_interface(&scene);
        judge_tunnel(&scene);
        judge_redirect(&scene);
        judge_rules(&scene, room);
        judge_flows(&scene);
    }
    judge_gateway(s, ret_findings);
}

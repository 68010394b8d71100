/* From the survey to findings: will this configuration work with that router and that gateway? Pure. */
#pragma once

#include "check/finding.h"
#include "check/survey.h"
#include "core/taken_ports.h"

/* Memory for the work, too large for the stack. What is in it before does not matter. */
struct judge_room {
    struct taken_ports taken_ports[2];
    struct taken_set all[2];
    struct taken_set one; /* of a single rule */
    uint32_t most_id;     /* the rule that takes the most ports */
    unsigned most;
    bool most_is_here;   /* it names the VPN interface itself */
    uint32_t most_maker; /* the dynamic rule that is or leads to it, which nobody can change; 0: none */
};

cold_ void judge(const struct survey *s, struct judge_room *room, struct findings *ret_findings);

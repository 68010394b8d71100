/* From the survey to findings: will this configuration work with that router and that gateway? Pure. */
#pragma once

#include "check/finding.h"
#include "check/survey.h"

void judge(const struct survey *s, struct findings *ret_findings);

/* Rows in, findings out: whether this configuration will work with that router and that gateway. Pure. */
#pragma once

#include "check/finding.h"
#include "check/survey.h"

void judge(const struct survey *s, struct findings *ret_findings);

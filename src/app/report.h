/* Findings for people, a line each, and for machines, as one JSON document. */
#pragma once

#include <stdio.h>

#include "check/finding.h"

/* "status  what  - cure", and a last line with how many there are of each. */
void report_text(const struct findings *findings, FILE *out);
/* {"result": "pass" or "fail", "pass": N, "warn": N, "fail": N, "findings": [{"id", "status", "what",
 * "cure"}, ...]}; what was not looked at is not there, and a finding without a cure has null. */
void report_json(const struct findings *findings, FILE *out);
unsigned report_count(const struct findings *findings, enum finding_status status);

/* Prints findings as one line each for people, or as one JSON document for programs. */
#pragma once

#include <stdio.h>

#include "check/finding.h"
#include "check/survey.h"

/* Prints "status what - cure" for each finding, and a last line that counts them by status. */
void report_text(const struct findings *findings, FILE *out);
/* Prints {"result": "pass" or "fail", "pass": N, "warn": N, "fail": N, "findings": [{"id", "status", "what",
 * "cure"}, ...]}. What could not be checked is left out; a finding without a remedy has null as its cure. */
void report_json(const struct findings *findings, FILE *out);
unsigned report_count(const struct findings *findings, enum finding_status status);
/* Prints what helps the developers of double-natpmp, and nothing that the router's owner has chosen:
 * versions, names of columns, messages, times, what is unknown, and which findings there are. The survey has
 * all columns. */
void report_for_developers(const struct survey *survey, const struct findings *findings, FILE *out);

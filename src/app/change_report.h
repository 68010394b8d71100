/* Prints a change as one line of JSON. The lines are described in docs/status.md. */
#pragma once

#include <stdio.h>
#include <time.h>

#include "app/status_report.h"

/* `initial`: it is no change, but a part of the state from which the changes count. */
void change_report(const struct notice *notice, time_t at, bool initial, FILE *out);
/* So many changes were lost because they were read too slowly. */
void change_report_lost(unsigned long long lines, time_t at, FILE *out);
/* What is, in the same form: router, gateway, external address, and each mapping that was reported. */
void change_report_state(const struct status_report *report, FILE *out);

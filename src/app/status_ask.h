/* Asks the running daemon for its status. */
#pragma once

#include "app/status_report.h"

/* Reads all pages. `report` is zero, or the result of an earlier call; its rows and findings come from
 * malloc(). Returns 0 or a negative errno: -EPROTO if what answers is not this version of the program, or
 * does not trust this user. */
nodiscard_ int status_ask(const char *name, struct status_report *report);
/* Why it failed, for people. */
const char *status_why_not(int error);

/* The subcommands. They take the arguments behind their name and return the exit status of the program. */
#pragma once

#include "base/attributes.h"

#include <stdbool.h>

enum exit_status {
    EXIT_STATUS_DONE = 0,
    EXIT_STATUS_FAILED = 1, /* the port cannot be bound, a check failed, or the daemon is unhealthy */
    EXIT_STATUS_USAGE = 2,  /* wrong arguments or configuration */
};

cold_ int command_check(int count, char **arguments);
int command_health(int count, char **arguments);
cold_ int command_setup(int count, char **arguments);
cold_ int command_status(int count, char **arguments);
cold_ int command_watch(int count, char **arguments);

struct config;
/* Reads the environment and the password file; if something is wrong with them, prints what to stderr and
 * returns false. The password in the environment is overwritten. */
bool command_load(struct config *ret_config, const char *const *environment);
/* Prints a line to stderr for each name in the environment that looks like a misspelt setting. */
void command_print_unknown(const char *const *environment);

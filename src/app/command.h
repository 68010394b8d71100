/* What the program does other than serve: a subcommand each. They take the arguments behind their name and
 * return the exit status of the program. */
#pragma once

#include <stdbool.h>

enum exit_status {
    EXIT_STATUS_DONE = 0,
    EXIT_STATUS_FAILED = 1, /* the port cannot be bound; a check failed; not healthy */
    EXIT_STATUS_USAGE = 2,  /* arguments or configuration */
};

int command_check(int count, char **arguments);
int command_health(int count, char **arguments);
int command_setup(int count, char **arguments);

struct config;
/* The environment and the password file; what is wrong with them is said on stderr. The password is wiped
 * where it stood. */
bool command_load(struct config *ret_config, const char *const *environment);

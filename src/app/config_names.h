/* Names in the environment that look like settings of ours and are none, such as MIKROTIK_IN_INTERFACES. */
#pragma once

#include <stddef.h>

#include "app/config.h"

/* More of them are not reported. */
enum { CONFIG_UNKNOWN_MAX = 8 };

/* Looks for the next one from position `from` of the list on. Returns the position behind it, with a line
 * about it that contains no value; 0: there is none. */
size_t config_next_unknown(const char *const *environment, size_t from, struct config_error *ret_warning);

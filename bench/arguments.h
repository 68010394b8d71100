/* Words of the command line; what makes no sense ends the program with a message. */
#pragma once

#include <stdint.h>

/* Decimal digits alone, up to `max`. */
uint64_t argument_number(const char *text, uint64_t max);
uint16_t argument_port(const char *text);
/* The value of a word "key=value"; NULL for another key. */
const char *argument_value(const char *word, const char *key);

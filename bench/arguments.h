/* Words of the command line. A word that makes no sense ends the program with a message. */
#pragma once

#include <stdint.h>

/* Only decimal digits, up to `max`. */
uint64_t argument_number(const char *text, uint64_t max);
uint16_t argument_port(const char *text);
/* The value of a word "key=value"; NULL for another key. */
const char *argument_value(const char *word, const char *key);

/* Writes JSON values. */
#pragma once

#include <stdio.h>
#include <time.h>

/* Writes the text in quotation marks, or null for NULL. The text must be printable ASCII. */
void json_write_string(const char *text, FILE *out);
/* Writes the Unix time as "2027-01-15T08:00:00Z". */
void json_write_time(time_t at, FILE *out);

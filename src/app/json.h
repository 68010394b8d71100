/* Writes JSON values. */
#pragma once

#include <stdio.h>
#include <time.h>

/* "2027-01-15T08:00:00Z"; empty if the year does not fit into an int. */
struct json_time {
    char text[72]; /* six ints */
};

struct json_time json_time(time_t at);

/* Writes the text in quotation marks, or null for NULL. The text must be printable ASCII. */
void json_write_string(const char *text, FILE *out);
/* Writes json_time() of the Unix time, or null. */
void json_write_time(time_t at, FILE *out);

/* Writes JSON strings. */
#pragma once

#include <stdio.h>

/* Writes the text in quotation marks, or null for NULL. The text must be printable ASCII. */
void json_write_string(const char *text, FILE *out);

#include "arguments.h"

#include <err.h>
#include <stddef.h>
#include <string.h>

#include "base/cursor.h"

uint64_t argument_number(const char *text, uint64_t max)
{
    uint64_t value;
    if (!parse_decimal(span_text(text), max, &value))
        errx(2, "%s: not a number up to %llu", text, (unsigned long long)max);
    return value;
}

uint16_t argument_port(const char *text)
{
    return (uint16_t)argument_number(text, UINT16_MAX);
}

const char *argument_value(const char *word, const char *key)
{
    size_t len = strlen(key);
    return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

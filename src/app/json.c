#include "app/json.h"

void json_write_string(const char *text, FILE *out)
{
    if (text == NULL) {
        (void)fputs("null", out);
        return;
    }
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            (void)fputc('\\', out);
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

void json_write_time(time_t at, FILE *out)
{
    char text[32] = "";
    struct tm fields;
    if (gmtime_r(&at, &fields) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &fields) == 0)
        (void)fputs("null", out);
    else
        json_write_string(text, out);
}

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

/* Not strftime(), which would bring names of months and time zones into the images. */
struct json_time json_time(time_t at)
{
    struct json_time t = {.text = ""};
    struct tm is;
    if (gmtime_r(&at, &is) != NULL)
        (void)snprintf(t.text, sizeof(t.text), "%04lld-%02d-%02dT%02d:%02d:%02dZ", is.tm_year + 1900LL,
                       is.tm_mon + 1, is.tm_mday, is.tm_hour, is.tm_min, is.tm_sec);
    return t;
}

void json_write_time(time_t at, FILE *out)
{
    struct json_time t = json_time(at);
    json_write_string(t.text[0] != '\0' ? t.text : NULL, out);
}

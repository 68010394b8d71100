/* A small reader of JSON files, for test data that we wrote ourselves. */
#pragma once

#include <stdbool.h>

struct json {
    char *key;          /* in an object; NULL elsewhere */
    char *text;         /* of a string, a number, true, false or null; NULL: an object or an array */
    struct json *child; /* the first one */
    struct json *next;
    struct json *allocated;  /* the one before, for json_free */
    struct json *everything; /* of what json_read returns: the last one */
};

/* NULL: it is not JSON. */
struct json *json_parse(const char *text);
/* NULL: the file cannot be read or is not JSON. */
struct json *json_read(const char *path);
void json_free(struct json *json);
/* The member of an object with that key; NULL: none, or `json` is NULL. */
const struct json *json_get(const struct json *json, const char *key);
/* The text of such a member; "" if there is none. */
const char *json_text(const struct json *json, const char *key);

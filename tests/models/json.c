#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, DEPTH_MAX = 16 };

struct reader {
    const char *at;
    bool bad;
    struct json *allocated; /* the last one */
};

static void *alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

static void skip(struct reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static bool take(struct reader *r, char c)
{
    skip(r);
    bool found = *r->at == c;
    r->at += found;
    return found;
}

/* Escapes that stand for one character; none by number. */
static char *read_string(struct reader *r)
{
    char *text = alloc(strlen(r->at) + 1);
    size_t len = 0;
    for (; *r->at && *r->at != '"'; r->at++) {
        bool escaped = *r->at == '\\';
        r->at += escaped;
        r->bad = r->bad || (escaped && !strchr("\"\\/nt", *r->at));
        if (!*r->at)
            break;
        text[len++] = !escaped ? *r->at : *r->at == 'n' ? '\n' : *r->at == 't' ? '\t' : *r->at;
    }
    r->bad = r->bad || *r->at != '"';
    r->at += *r->at == '"';
    return text;
}

/* A value; of an object or an array the beginning. */
static struct json *read_value(struct reader *r, char *ret_end)
{
    struct json *value = alloc(sizeof(*value));
    value->allocated = r->allocated;
    r->allocated = value;
    *ret_end = 0;
    skip(r);
    size_t len = strcspn(r->at, " \t\r\n,]}");
    if (take(r, '"')) {
        value->text = read_string(r);
    } else if (take(r, '{')) {
        *ret_end = '}';
    } else if (take(r, '[')) {
        *ret_end = ']';
    } else {
        value->text = alloc(len + 1);
        memcpy(value->text, r->at, len);
        r->at += len;
        r->bad = r->bad || len == 0;
    }
    return value;
}

static char *read_key(struct reader *r)
{
    r->bad = r->bad || !take(r, '"');
    char *key = r->bad ? NULL : read_string(r);
    r->bad = r->bad || !take(r, ':');
    return key;
}

/* An object or an array whose members are being read. */
struct open {
    char end;
    struct json **last; /* where the next member goes */
};

static void read_all(struct reader *r, struct json **ret_value)
{
    struct open open[DEPTH_MAX];
    unsigned depth = 0;
    char end;
    *ret_value = read_value(r, &end);
    struct json *value = *ret_value;
    for (;;) {
        bool empty = end != 0 && take(r, end);
        if (r->bad || (end != 0 && !empty && depth == DEPTH_MAX)) {
            r->bad = true;
            return;
        }
        if (end != 0 && !empty)
            open[depth++] = (struct open){.end = end, .last = &value->child};
        else
            while (depth > 0 && !take(r, ',') && take(r, open[depth - 1].end))
                depth--;
        if (depth == 0)
            return;
        char *key = open[depth - 1].end == '}' ? read_key(r) : NULL;
        value = read_value(r, &end);
        value->key = key;
        *open[depth - 1].last = value;
        open[depth - 1].last = &value->next;
    }
}

struct json *json_parse(const char *text)
{
    struct reader r = {.at = text};
    struct json *json;
    read_all(&r, &json);
    skip(&r);
    bool bad = r.bad || *r.at;
    json->everything = r.allocated;
    if (!bad)
        return json;
    json_free(json);
    return NULL;
}

struct json *json_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    char *text = alloc(FILE_MAX);
    size_t len = fread(text, 1, FILE_MAX - 1, file);
    (void)fclose(file);
    struct json *json = len < FILE_MAX - 1 ? json_parse(text) : NULL;
    free(text);
    return json;
}

void json_free(struct json *json)
{
    struct json *next = json ? json->everything : NULL;
    while (next) {
        struct json *one = next;
        next = one->allocated;
        free(one->key);
        free(one->text);
        free(one);
    }
}

const struct json *json_get(const struct json *json, const char *key)
{
    const struct json *member = json ? json->child : NULL;
    while (member && (!member->key || strcmp(member->key, key) != 0))
        member = member->next;
    return member;
}

const char *json_text(const struct json *json, const char *key)
{
    const struct json *member = json_get(json, key);
    return member && member->text ? member->text : "";
}

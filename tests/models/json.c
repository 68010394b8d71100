#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, DEPTH_MAX = 16 };

struct reader {
    const char *at;
    unsigned depth;
    bool bad;
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

static struct json *read_value(struct reader *r);

static struct json *read_members(struct reader *r, char end)
{
    struct json *first = NULL;
    struct json **last = &first;
    if (take(r, end))
        return NULL;
    do {
        char *key = NULL;
        if (end == '}') {
            r->bad = r->bad || !take(r, '"');
            key = r->bad ? NULL : read_string(r);
            r->bad = r->bad || !take(r, ':');
        }
        struct json *value = read_value(r);
        value->key = key;
        *last = value;
        last = &value->next;
    } while (!r->bad && take(r, ','));
    r->bad = r->bad || !take(r, end);
    return first;
}

static struct json *read_value(struct reader *r)
{
    struct json *value = alloc(sizeof(*value));
    r->bad = r->bad || ++r->depth > DEPTH_MAX;
    skip(r);
    size_t len = strcspn(r->at, " \t\r\n,]}");
    if (r->bad) {
        return value;
    } else if (take(r, '"')) {
        value->text = read_string(r);
    } else if (take(r, '{')) {
        value->child = read_members(r, '}');
    } else if (take(r, '[')) {
        value->child = read_members(r, ']');
    } else {
        value->text = alloc(len + 1);
        memcpy(value->text, r->at, len);
        r->at += len;
        r->bad = len == 0;
    }
    r->depth--;
    return value;
}

struct json *json_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    char *text = alloc(FILE_MAX);
    size_t len = fread(text, 1, FILE_MAX - 1, file);
    (void)fclose(file);
    struct reader r = {.at = text, .bad = len == FILE_MAX - 1};
    struct json *json = read_value(&r);
    skip(&r);
    bool bad = r.bad || *r.at;
    free(text);
    if (!bad)
        return json;
    json_free(json);
    return NULL;
}

void json_free(struct json *json)
{
    while (json) {
        struct json *next = json->next;
        json_free(json->child);
        free(json->key);
        free(json->text);
        free(json);
        json = next;
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

/* check --report: how a router differs from the models that the tests use, for the developers. What the
 * router's owner has chosen (addresses, names, comments, keys, passwords) is not in it. */
#include "app/report.h"

#include <stdlib.h>
#include <string.h>

#include "app/version.h"
#include "core/cover.h"

/* ---- what may be shown ---- */

static bool is_word(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if ((c < 'a' || c > 'z') && c != '-' && c != '/' && c != '(' && c != ')')
            return false;
    }
    return text.len > 0;
}

/* Values that are the router's own words, or that say what a rule does. */
static bool is_public_column(const char *name)
{
    static const char *const names[] = {"action", "type",   "protocol", "status",  "connection-state",
                                        "state",  "policy", "disabled", "dynamic", "invalid"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_builtin_chain(struct span text)
{
    static const char *const names[] = {"input",       "forward", "output", "prerouting",
                                        "postrouting", "srcnat",  "dstnat"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_is(text, names[i]))
            return true;
    return false;
}

static bool has_word(struct span text, struct span word)
{
    while (text.len > 0) {
        const uint8_t *blank = memchr(text.data, ' ', text.len);
        size_t len = blank != NULL ? (size_t)(blank - text.data) : text.len;
        if (span_equal(span_of(text.data, len), word))
            return true;
        text = span_skip(text, blank != NULL ? len + 1 : len);
    }
    return false;
}

/* The name and the value of "=name=value"; false: the word has another form, or a name of unusual length. */
static bool split_word(struct span word, char ret_name[32], struct span *ret_value)
{
    const uint8_t *end = word.len > 1 ? memchr(word.data + 1, '=', word.len - 1) : NULL;
    size_t len = end != NULL ? (size_t)(end - word.data) - 1 : 0;
    if (end == NULL || len >= 32)
        return false;
    memcpy(ret_name, word.data + 1, len);
    ret_name[len] = '\0';
    *ret_value = span_skip(word, len + 2);
    return true;
}

static bool is_value(const struct ros_sentence *row, struct span word)
{
    for (unsigned i = 1; i < row->words; i++) {
        char name[32];
        struct span value;
        if (split_word(ros_word(row, i), name, &value) && !is_public_column(name) && has_word(value, word))
            return true;
    }
    return false;
}

/* True if the owner of the router has chosen the word for something. */
static bool is_private(const struct survey *s, struct span word)
{
    const char *const settings[] = {s->config->user,        s->config->password,
                                    s->config->instance,    s->config->in_interface,
                                    s->config->router_host, s->config->change_script};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (span_is(word, settings[i]))
            return true;
    if (is_builtin_chain(word))
        return false;
    for (unsigned i = 0; i < TABLES; i++) {
        if (i == TABLE_SETTINGS)
            continue; /* these values are the router's own words, such as "no" */
        for (struct table_rows t = table_rows_of(s, (enum table_name)i); table_rows_next(&t) != NULL;)
            if (is_value(t.row, word))
                return true;
    }
    return false;
}

/* Puts "..." in the place of the values that open or name this router, whatever they look like. False: one of
 * them is too short for that. */
static bool hide(const struct survey *s, char *text)
{
    enum { SHORTEST = 4 }; /* less would be found everywhere */
    struct table_rows t = table_rows_of(s, TABLE_IDENTITY);
    struct span name = span_of(NULL, 0);
    bool named = strcmp(s->config->instance, "default") != 0;
    bool all = true;
    if (table_rows_next(&t) != NULL)
        (void)row_get(t.row, "name", &name);
    const struct log_safe secrets[] = {log_safe(span_text(s->config->password)),
                                       log_safe(span_text(s->config->user)),
                                       log_safe(span_text(named ? s->config->instance : "")), log_safe(name)};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        all = all && (secrets[i].text[0] == '\0' || strlen(secrets[i].text) >= SHORTEST);
    while (*text != '\0') {
        size_t longest = 0;
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
            size_t len = strlen(secrets[i].text);
            if (len >= SHORTEST && len > longest && strncmp(text, secrets[i].text, len) == 0)
                longest = len;
        }
        if (longest > 0) {
            memcpy(text, "...", 3);
            memmove(text + 3, text + longest, strlen(text + longest) + 1);
        }
        text += longest > 0 ? 3 : 1;
    }
    return all;
}

/* The router's own words of a message; "..." for all others. */
static void write_message(const struct survey *s, const struct log_safe *text, FILE *out)
{
    struct log_safe copy = *text;
    const char *message = copy.text;
    bool cut = strlen(message) == sizeof(copy.text) - 1; /* in the middle of a word */
    (void)hide(s, copy.text);
    while (*message != '\0') {
        size_t len = strcspn(message, " ");
        size_t core = len;
        while (core > 0 && strchr(",:;.", message[core - 1]) != NULL)
            core--;
        struct span word = span_of(message, core);
        bool number = core >= 3 && message[0] == '(' && strspn(message + 1, "0123456789") == core - 2;
        bool half = cut && message[len] == '\0';
        if (!half && (number || (is_word(word) && !is_private(s, word))))
            (void)fprintf(out, " %.*s", (int)len, message);
        else if (len > 0)
            (void)fputs(" ...", out);
        message += len + (message[len] == ' ');
    }
}

/* ---- the parts of the report ---- */

static void write_resource(const struct survey *s, FILE *out)
{
    static const char *const names[] = {"version", "board-name", "architecture-name"};
    struct table_rows t = table_rows_of(s, TABLE_RESOURCE);
    const struct ros_sentence *row = table_rows_next(&t);
    struct span text;
    (void)fputs("router:", out);
    for (size_t i = 0; i < ARRAY_LEN(names) && row != NULL; i++)
        if (row_get(row, names[i], &text))
            (void)fprintf(out, " %s=\"%s\"", names[i], log_safe(text).text);
    (void)fputs(row == NULL ? " not read\n" : "\n", out);
}

static void write_tables(const struct survey *s, FILE *out)
{
    for (unsigned i = 0; i < TABLES; i++) {
        const struct table *table = &s->table[i];
        (void)fprintf(out, "%s:", survey_path(s, (enum table_name)i));
        if (table->state == TABLE_UNASKED)
            (void)fputs(" not asked", out);
        else
            (void)fprintf(out, " rows=%u ms=%u%s", table->rows, (unsigned)table->took_ms,
                          table->incomplete ? " incomplete" : "");
        if (table->state == TABLE_REFUSED) {
            (void)fputs(" refused:", out);
            write_message(s, &table->message, out);
        }
        if (table->columns[0] != '\0')
            (void)fprintf(out, " columns=%s", table->columns);
        (void)fputc('\n', out);
    }
}

static bool knows_action(struct span action)
{
    static const char *const names[] = {"accept",
                                        "add-dst-to-address-list",
                                        "add-src-to-address-list",
                                        "change-dscp",
                                        "change-mss",
                                        "change-ttl",
                                        "clear-df",
                                        "drop",
                                        "dst-nat",
                                        "endpoint-independent-nat",
                                        "fasttrack-connection",
                                        "jump",
                                        "log",
                                        "mark-connection",
                                        "mark-packet",
                                        "mark-routing",
                                        "masquerade",
                                        "netmap",
                                        "notrack",
                                        "passthrough",
                                        "redirect",
                                        "reject",
                                        "return",
                                        "route",
                                        "same",
                                        "set-priority",
                                        "sniff-pc",
                                        "sniff-tzsp",
                                        "src-nat",
                                        "strip-ipv4-options",
                                        "tarpit"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_is(action, names[i]))
            return true;
    return false;
}

/* The words of firewall rules that the check does not understand. A word may come several times. */
static void write_unknown(const struct survey *s, FILE *out)
{
    static const enum table_name tables[] = {TABLE_NAT, TABLE_FILTER, TABLE_MANGLE, TABLE_RAW};
    enum { SHOWN_MAX = 50 };
    unsigned shown = 0;
    (void)fputs("unknown:", out);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        const char *columns = s->table[tables[i]].columns;
        while (*columns != '\0') {
            size_t len = strcspn(columns, ",");
            if (!cover_knows(span_of(columns, len)))
                (void)fprintf(out, " condition=%.*s", (int)len, columns);
            columns += len + (columns[len] == ',');
        }
        for (struct table_rows t = table_rows_of(s, tables[i]); table_rows_next(&t) != NULL;) {
            struct span action;
            if (row_get(t.row, "action", &action) && !knows_action(action) && is_word(action) &&
                shown++ < SHOWN_MAX)
                (void)fprintf(out, " action=%.*s", (int)action.len, (const char *)action.data);
        }
    }
    (void)fputc('\n', out);
}

static void write_types(const struct survey *s, FILE *out)
{
    struct span type;
    (void)fputs("interfaces:", out);
    for (struct table_rows t = table_rows_of(s, TABLE_INTERFACE); table_rows_next(&t) != NULL;)
        if (row_get(t.row, "type", &type) && is_word(type))
            (void)fprintf(out, " %.*s", (int)type.len, (const char *)type.data);
    (void)fputc('\n', out);
}

static void write_gateway(const struct survey *s, FILE *out)
{
    (void)fprintf(
        out, "gateway: answers=%s result=%u trial=%u trial-result=%u lifetime=%u deleted=%s same-port=%s\n",
        s->upstream.address_known ? "yes" : "no", (unsigned)s->upstream.result, (unsigned)s->upstream.trial,
        (unsigned)s->upstream.trial_result, (unsigned)s->upstream.lifetime_s,
        s->upstream.deleted ? "yes" : "no",
        s->upstream.internal_port == s->upstream.external_port ? "yes" : "no");
}

static void write_parts(const struct survey *s, const struct findings *findings, FILE *out)
{
    (void)fprintf(out, "settings: tls=%s in-interface=%s listen-address=%s instance=%s\n",
                  s->config->tls ? "yes" : "no", s->config->in_interface[0] != '\0' ? "set" : "found",
                  s->config->listen_address != 0 ? "set" : "any",
                  strcmp(s->config->instance, "default") == 0 ? "default" : "set");
    write_resource(s, out);
    write_tables(s, out);
    (void)fprintf(out, "trial rule: %u", (unsigned)s->trial);
    write_message(s, &s->trial_message, out);
    (void)fputc('\n', out);
    write_types(s, out);
    write_unknown(s, out);
    write_gateway(s, out);
    (void)fputs("findings:", out);
    for (unsigned i = 0; i < findings->count; i++)
        (void)fprintf(out, " %s=%s", finding_name((enum finding_id)findings->at[i].id),
                      finding_status_name((enum finding_status)findings->at[i].status));
    (void)fputc('\n', out);
}

void report_for_developers(const struct survey *s, const struct findings *findings, FILE *out)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    (void)fprintf(out, "double-natpmp %s report. It contains no address, name, comment, key or password.\n",
                  version);
    if (memory == NULL)
        return;
    write_parts(s, findings, memory);
    if (fclose(memory) == 0) {
        if (!hide(s, text))
            (void)fputs("note: a password, user, INSTANCE or identity is too short to be searched for here\n",
                        out);
        (void)fputs(text, out);
    }
    free(text);
}

#include "check/survey.h"

#include "base/cursor.h"
#include "core/nat_rule.h"

void survey_begin_table(struct survey *s, enum table_name name)
{
    s->table[name] = (struct table){.start = s->used};
}

/* A word that had no room may have been a condition. So the row gets a name that no rule has. */
static const char skipped[] = "=.skipped=yes";

void survey_add_row(struct survey *s, enum table_name name, const struct ros_sentence *row)
{
    struct table *table = &s->table[name];
    struct writer w = writer_of(s->bytes + s->used, sizeof(s->bytes) - s->used);
    for (unsigned i = 0; i < row->words; i++) {
        struct span word = ros_word(row, i);
        if (word.len > 0 && !span_starts(word, ".tag="))
            ros_write_word(&w, word);
    }
    if (row->skipped > 0)
        ros_write_word(&w, span_text(skipped));
    ros_write_end(&w);
    if (w.failed) {
        table->incomplete = true;
        return;
    }
    table->len += w.len;
    s->used += w.len;
}

const char *survey_path(const struct survey *s, enum table_name name)
{
    static const char *const paths[TABLES] = {
        [TABLE_RESOURCE] = "/system/resource/print",
        [TABLE_SERVICE] = "/ip/service/print",
        [TABLE_INTERFACE] = "/interface/print",
        [TABLE_ADDRESS] = "/ip/address/print",
        [TABLE_LIST] = "/interface/list/print",
        [TABLE_MEMBER] = "/interface/list/member/print",
        [TABLE_ROUTE_CHECK] = "/ip/route/check",
        [TABLE_ROUTE] = "/ip/route/print",
        [TABLE_NAT] = "/ip/firewall/nat/print",
        [TABLE_FILTER] = "/ip/firewall/filter/print",
        [TABLE_MANGLE] = "/ip/firewall/mangle/print",
        [TABLE_RAW] = "/ip/firewall/raw/print",
        [TABLE_RULE] = "/routing/rule/print",
        [TABLE_ADDRESS_LIST] = "/ip/firewall/address-list/print",
        [TABLE_NAT_PMP] = "/ip/nat-pmp/print",
        [TABLE_ACTIVE] = "/user/active/print",
        [TABLE_TRACKING] = "/ip/firewall/connection/tracking/print",
        [TABLE_SETTINGS] = "/ip/settings/print",
        [TABLE_VRF] = "/ip/vrf/print",
        [TABLE_CONNECTION] = "/ip/firewall/connection/print",
        [TABLE_SCRIPT] = "/system/script/print",
        [TABLE_USER] = "/user/print",
        [TABLE_GROUP] = "/user/group/print",
        [TABLE_PEER] = "/interface/wireguard/peers/print",
        [TABLE_IDENTITY] = "/system/identity/print",
    };
    struct ros_version version;
    if (name == TABLE_RULE && survey_version(s, &version) && version.major < 7)
        return "/ip/route/rule/print";
    return paths[name];
}

/* Names of columns come from the router's own program. What does not look like one is not taken for one. */
static bool is_column(struct span name)
{
    enum { COLUMN_MAX = 40 };
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.')
            return false;
    }
    return name.len > 0 && name.len <= COLUMN_MAX;
}

static bool has_column(const char *columns, struct span name)
{
    for (const char *at = columns; *at != '\0';) {
        const char *comma = strchr(at, ',');
        size_t len = comma != NULL ? (size_t)(comma - at) : strlen(at);
        if (span_equal(span_of(at, len), name))
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

void survey_note_columns(struct survey *s, enum table_name name, const struct ros_sentence *row)
{
    struct table *table = &s->table[name];
    table->rows++;
    for (unsigned i = 1; i < row->words; i++) {
        struct span word = ros_word(row, i);
        const uint8_t *end = word.len > 1 ? memchr(word.data + 1, '=', word.len - 1) : NULL;
        if (!span_starts(word, "=") || end == NULL)
            continue;
        struct span column = span_of(word.data + 1, (size_t)(end - word.data) - 1);
        size_t used = strlen(table->columns);
        if (!is_column(column) || has_column(table->columns, column) ||
            used + column.len + 2 > sizeof(table->columns))
            continue;
        if (used > 0)
            table->columns[used++] = ',';
        memcpy(table->columns + used, column.data, column.len);
        table->columns[used + column.len] = '\0';
    }
}

bool row_get(const struct ros_sentence *row, const char *name, struct span *ret_value)
{
    return ros_attribute(row, name, ret_value) && ret_value->len > 0;
}

bool row_is(const struct ros_sentence *row, const char *name, const char *value)
{
    struct span text;
    return row_get(row, name, &text) && span_is(text, value);
}

uint32_t row_id(const struct ros_sentence *row)
{
    struct span text;
    uint32_t id;
    return ros_attribute(row, ".id", &text) && ros_parse_id(text, &id) ? id : 0;
}

struct table_rows table_rows_of(const struct survey *s, enum table_name name)
{
    const struct table *table = &s->table[name];
    struct table_rows rows = {.rest = span_of(s->bytes + table->start, table->len)};
    ros_reader_init(&rows.reader);
    return rows;
}

const struct ros_sentence *table_rows_next(struct table_rows *rows)
{
    bool found = ros_reader_next(&rows->reader, &rows->rest) == ROS_SENTENCE;
    rows->row = found ? &rows->reader.sentence : NULL;
    return rows->row;
}

const struct ros_sentence *table_find(struct table_rows *rows, const char *name, const char *value)
{
    while (table_rows_next(rows) != NULL && !row_is(rows->row, name, value))
        ;
    return rows->row;
}

bool survey_version(const struct survey *s, struct ros_version *ret_version)
{
    struct table_rows t = table_rows_of(s, TABLE_RESOURCE);
    struct span text;
    return table_rows_next(&t) != NULL && row_get(t.row, "version", &text) &&
           ros_version_parse(text, ret_version);
}

bool survey_has_rule(const struct survey *s, uint16_t router_port)
{
    struct nat_context context = {.instance = s->config->instance};
    for (struct table_rows t = table_rows_of(s, TABLE_NAT); table_rows_next(&t) != NULL;) {
        struct nat_rule rule = nat_rule_parse(t.row, &context);
        if (rule.ours && (router_port == 0 || rule.router_port == router_port))
            return true;
    }
    return false;
}

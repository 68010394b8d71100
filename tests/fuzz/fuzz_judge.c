/* Judges any rows in any tables. A line of the input is a row: a letter for the table (A is the first), then
 * words that blanks separate. Whatever the router says, the findings are in order, unique, and printable, and
 * a second judgement gives the same ones. */

#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "check/judge.h"

static const struct check_config config = {
    .gateway = 0x0a020001,
    .listen_port = 5351,
    .router_host = "172.17.0.1",
    .router_port = 8728,
    .user = "natpmp",
    .password = "secret",
    .instance = "default",
    .in_interface = "",
    .change_script = "",
};

static const struct ros_sentence *make_row(struct span words)
{
    static uint8_t buffer[65536];
    static struct ros_reader reader;
    struct writer w = writer_of(buffer, sizeof(buffer));
    ros_write_word(&w, span_text("!re"));
    while (words.len > 0) {
        const uint8_t *blank = memchr(words.data, ' ', words.len);
        size_t len = blank != NULL ? (size_t)(blank - words.data) : words.len;
        if (len > 0)
            ros_write_word(&w, span_of(words.data, len));
        words = span_skip(words, blank != NULL ? len + 1 : len);
    }
    ros_write_end(&w);
    struct span input = writer_span(&w);
    ros_reader_init(&reader);
    return ros_reader_next(&reader, &input) == ROS_SENTENCE ? &reader.sentence : NULL;
}

static void take_rows(struct survey *s, struct span input, enum table_name name)
{
    survey_begin_table(s, name);
    s->table[name].state = TABLE_READ;
    while (input.len > 0) {
        const uint8_t *end = memchr(input.data, '\n', input.len);
        size_t len = end != NULL ? (size_t)(end - input.data) : input.len;
        const struct ros_sentence *row = NULL;
        if (len > 1 && input.data[0] == 'A' + name)
            row = make_row(span_of(input.data + 1, len - 1));
        if (row != NULL)
            survey_add_row(s, name, row);
        input = span_skip(input, end != NULL ? len + 1 : len);
    }
}

static void check_text(const char *text)
{
    for (; *text != '\0'; text++)
        assert(*text >= ' ' && *text <= '~');
}

static void check_findings(const struct findings *findings)
{
    for (unsigned i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->at[i];
        assert(f->id < FINDINGS && f->status <= FINDING_FAIL);
        assert(i == 0 || f->id > findings->at[i - 1].id);
        assert(f->what[0] != '\0' && (f->status != FINDING_PASS || f->cure[0] == '\0'));
        check_text(f->what);
        check_text(f->cure);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct findings first;
    static struct judge_room room;
    static struct findings second;
    static struct survey survey;
    survey.used = 0;
    survey.config = &config;
    survey.own[0] = survey.local = 0xac110002;
    survey.owns = 1;
    survey.logged_in = true;
    survey.trial = TRIAL_UNDONE;
    for (unsigned name = 0; name < TABLES; name++)
        take_rows(&survey, span_of(data, size), (enum table_name)name);
    judge(&survey, &room, &first);
    check_findings(&first);
    judge(&survey, &room, &second);
    assert(first.count == second.count);
    for (unsigned i = 0; i < first.count; i++)
        assert(strcmp(first.at[i].what, second.at[i].what) == 0 &&
               strcmp(first.at[i].cure, second.at[i].cure) == 0);
    return 0;
}

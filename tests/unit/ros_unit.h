/* Sentences of the RouterOS API for tests, from the real writer and for the real reader. In `words` a blank
 * separates two words, and '_' stands for a blank within one. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

#include "base/attributes.h"
#include "base/cursor.h"
#include "core/event.h"
#include "wire/routeros.h"

static inline void write_sentence(struct writer *w, const char *words)
{
    while (*words != '\0') {
        char word[1024];
        size_t len = 0;
        for (; *words != '\0' && *words != ' ' && len < sizeof(word); words++)
            word[len++] = *words == '_' ? ' ' : *words;
        ros_write_word(w, span_of(word, len));
        words += *words == ' ';
    }
    ros_write_end(w);
    assert_false(w->failed);
}

/* ---- readings beside the others ----
 *
 * After each login the daemon reads who else is logged in (router_twin.c), and with each resync on which
 * ports the router listens. Tests that are about something else leave these commands and their tags out: they
 * count commands and tags without them, and the next thing that the router says answers them. */

enum { SESSIONS_TAG = 3 };

static struct {
    unsigned count;
    unsigned answered;
    unsigned tag[256]; /* ascending */
} side_readings;

static inline bool is_side_reading(const struct action *action)
{
    return action->type == ACTION_ROUTER_SEND &&
           (span_starts(action->router.bytes, "\022/user/active/print") ||
            span_starts(action->router.bytes, "\021/ip/service/print") ||
            span_starts(action->router.bytes, "\032/interface/wireguard/print"));
}

/* Tags begin anew with each login, and then the reading of /user/active will have tag 3. */
static inline void note_side_readings(const struct actions *out)
{
    for (unsigned i = 0; i < out->count; i++) {
        static struct ros_reader reader;
        struct span bytes = out->at[i].router.bytes;
        struct span text;
        uint64_t tag = 0;
        if (out->at[i].type != ACTION_ROUTER_SEND || out->at[i].router.session != 0)
            continue;
        if (span_starts(bytes, "\006/login")) {
            side_readings.count = side_readings.answered = 1;
            side_readings.tag[0] = SESSIONS_TAG;
        }
        if (!is_side_reading(&out->at[i]))
            continue;
        ros_reader_init(&reader);
        assert_int_equal(ros_reader_next(&reader, &bytes), ROS_SENTENCE);
        assert_true(ros_attribute(&reader.sentence, ".tag", &text) && parse_decimal(text, UINT32_MAX, &tag));
        if (tag == SESSIONS_TAG) {
            side_readings.answered = 0;
            continue;
        }
        assert_true(side_readings.count < ARRAY_LEN(side_readings.tag));
        side_readings.tag[side_readings.count++] = (unsigned)tag;
    }
}

static inline void answer_side_readings(struct writer *w)
{
    while (side_readings.answered < side_readings.count) {
        char text[32];
        unsigned tag = side_readings.tag[side_readings.answered++];
        if (tag == SESSIONS_TAG) /* nobody but the daemon is logged in */
            write_sentence(w, "!re .tag=3 =.id=*1 =via=api");
        snprintf(text, sizeof(text), "!done .tag=%u", tag);
        write_sentence(w, text);
    }
}

/* The tag without those commands. */
static inline unsigned visible_tag(unsigned tag)
{
    unsigned visible = tag;
    for (unsigned i = 0; i < side_readings.count; i++)
        visible -= side_readings.tag[i] < tag;
    return visible;
}

/* The sentence as the daemon expects it, if *tag in it counts without those commands. */
static inline void write_sentence_of_main(struct writer *w, const char *words)
{
    char shifted[1100];
    const char *tag = strstr(words, ".tag=");
    if (tag == NULL) {
        write_sentence(w, words);
        return;
    }
    unsigned long number = strtoul(tag + 5, NULL, 10);
    for (unsigned i = 0; i < side_readings.count; i++)
        number += side_readings.tag[i] <= number;
    const char *rest = tag + 5 + strspn(tag + 5, "0123456789");
    int len = snprintf(shifted, sizeof(shifted), "%.*s.tag=%lu%s", (int)(tag - words), words, number, rest);
    assert_in_range(len, 1, sizeof(shifted) - 1);
    write_sentence(w, shifted);
}

/* Sentences, separated by '|'. main: of the daemon's main session. */
static inline void write_sentences(struct writer *w, const char *sentences, bool main)
{
    while (*sentences != '\0') {
        char sentence[1024];
        size_t len = strcspn(sentences, "|");
        assert_true(len < sizeof(sentence));
        memcpy(sentence, sentences, len);
        sentence[len] = '\0';
        if (main)
            write_sentence_of_main(w, sentence);
        else
            write_sentence(w, sentence);
        sentences += len + (sentences[len] == '|');
    }
}

/* The command in the nth ACTION_ROUTER_SEND. NULL: there are fewer. */
static inline const struct ros_sentence *sent_command(const struct actions *out, unsigned nth,
                                                      unsigned *ret_session)
{
    static struct ros_reader reader;
    for (unsigned i = 0; i < out->count; i++) {
        if (out->at[i].type != ACTION_ROUTER_SEND || is_side_reading(&out->at[i]) || nth-- > 0)
            continue;
        struct span bytes = out->at[i].router.bytes;
        ros_reader_init(&reader);
        assert_int_equal(ros_reader_next(&reader, &bytes), ROS_SENTENCE);
        assert_int_equal(bytes.len, 0);
        *ret_session = out->at[i].router.session;
        return &reader.sentence;
    }
    return NULL;
}

/* The nth command is `path`. */
static inline const struct ros_sentence *check_sent(const struct actions *out, unsigned nth, const char *path)
{
    unsigned session;
    const struct ros_sentence *sent = sent_command(out, nth, &session);
    if (sent == NULL)
        fail_msg("no command %s", path);
    assert_span_text(ros_word(sent, 0), path);
    return sent;
}

static inline unsigned count_actions(const struct actions *out, enum action_type type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out->count; i++)
        count += out->at[i].type == type && !is_side_reading(&out->at[i]);
    return count;
}

/* The last log line; "": there is none. */
static inline const char *last_log(const struct actions *out)
{
    static char text[1024];
    text[0] = '\0';
    for (unsigned i = 0; i < out->count; i++)
        if (out->at[i].type == ACTION_LOG && out->at[i].log.text.len < sizeof(text)) {
            memcpy(text, out->at[i].log.text.data, out->at[i].log.text.len);
            text[out->at[i].log.text.len] = '\0';
        }
    return text;
}

static inline void check_attribute(const struct ros_sentence *sentence, const char *name, const char *value)
{
    struct span text;
    if (!ros_attribute(sentence, name, &text))
        fail_msg("no %s", name);
    assert_span_text(text, value);
}

/* Sentences of the RouterOS API for tests, from the real writer and for the real reader. In `words` a blank
 * separates two words, and '_' stands for a blank within one. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

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

/* ---- the reading of /user/active ----
 *
 * After each login the daemon reads who else is logged in (router_twin.c), with tag 3. Tests that are about
 * something else leave that command and its tag out: they count commands and tags without it, and hear_from()
 * answers it. */

enum { SESSIONS_TAG = 3 };

static inline bool is_sessions_read(const struct action *action)
{
    static const char path[] = "\022/user/active/print";
    return action->type == ACTION_ROUTER_SEND && span_starts(action->router.bytes, path);
}

static inline bool has_sessions_read(const struct actions *out)
{
    for (unsigned i = 0; i < out->count; i++)
        if (is_sessions_read(&out->at[i]))
            return true;
    return false;
}

/* The sentence as the daemon expects it, if *tag in it counts without that command. */
static inline void write_sentence_of_main(struct writer *w, const char *words)
{
    char shifted[1100];
    const char *tag = strstr(words, ".tag=");
    unsigned long number = tag != NULL ? strtoul(tag + 5, NULL, 10) : 0;
    if (number < SESSIONS_TAG) {
        write_sentence(w, words);
        return;
    }
    const char *rest = tag + 5 + strspn(tag + 5, "0123456789");
    int len =
        snprintf(shifted, sizeof(shifted), "%.*s.tag=%lu%s", (int)(tag - words), words, number + 1, rest);
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
        if (out->at[i].type != ACTION_ROUTER_SEND || is_sessions_read(&out->at[i]) || nth-- > 0)
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
        count += out->at[i].type == type && !is_sessions_read(&out->at[i]);
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

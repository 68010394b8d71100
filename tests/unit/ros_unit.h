/* Sentences of the RouterOS API for tests, from the real writer and for the real reader. In `words` a blank
 * separates two words, and '_' stands for a blank within one. */
#pragma once

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

/* Sentences, separated by '|'. */
static inline void write_sentences(struct writer *w, const char *sentences)
{
    while (*sentences != '\0') {
        char sentence[1024];
        size_t len = strcspn(sentences, "|");
        assert_true(len < sizeof(sentence));
        memcpy(sentence, sentences, len);
        sentence[len] = '\0';
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
        if (out->at[i].type != ACTION_ROUTER_SEND || nth-- > 0)
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
        count += out->at[i].type == type;
    return count;
}

static inline void check_attribute(const struct ros_sentence *sentence, const char *name, const char *value)
{
    struct span text;
    if (!ros_attribute(sentence, name, &text))
        fail_msg("no %s", name);
    assert_span_text(text, value);
}

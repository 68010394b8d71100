/* The RouterOS API's wire format: words, sentences, and the old login challenge. Pure and incremental.
 *
 * A word is a length (one to five bytes) and that many bytes; a sentence is words up to an empty one. The
 * reader takes any byte stream in any pieces. It stores what fits and skips the rest without losing its
 * place: a word longer than ROUTER_WORD_MAX, or one for which the sentence has no room, is left out of the
 * sentence and counted in `skipped`. Room for a ".tag=" word of up to 64 bytes is kept free in any sentence;
 * a reply word that was skipped leaves an empty word 0. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/span.h"

/* ---- reading ---- */

struct ros_sentence {
    /* Offsets into bytes[]; word i is bytes[start[i]] .. bytes[start[i] + length[i]]. Word 0 is the reply
     * word. */
    uint16_t start[ROUTER_SENTENCE_WORDS_MAX];
    uint16_t length[ROUTER_SENTENCE_WORDS_MAX];
    unsigned words;
    unsigned skipped;
    uint16_t used;
    uint8_t bytes[ROUTER_SENTENCE_MAX];
};

struct ros_reader {
    struct ros_sentence sentence;
    uint8_t state;
    uint8_t length_bytes_left;
    bool storing;
    bool ended; /* the caller has the sentence: the next byte begins a new one */
    uint32_t word_left;
    uint32_t word_length;
};

enum ros_read {
    ROS_NEED_MORE,  /* the input is used up; call again with more */
    ROS_SENTENCE,   /* reader->sentence is complete until the next call */
    ROS_BAD_STREAM, /* a control byte (0xF8 and above) came: the stream is unusable, close it */
};

void ros_reader_init(struct ros_reader *reader);
/* Takes bytes from the front of *input until a sentence is complete or the input is used up. Empty sentences
 * are skipped. After ROS_SENTENCE, call again with the same input. */
enum ros_read ros_reader_next(struct ros_reader *reader, struct span *input);

struct span ros_word(const struct ros_sentence *sentence, unsigned index);
/* True if the sentence's reply word is `word`, for instance "!re". */
bool ros_is(const struct ros_sentence *sentence, const char *word);
/* The value of an attribute word =name=value, or of an API word .tag=value if the name begins with a dot.
 * False if it is missing or was skipped. If there are several, the last one counts. */
bool ros_attribute(const struct ros_sentence *sentence, const char *name, struct span *ret_value);
/* The text of a !trap or !fatal: =message=text, or the bare word behind the reply word. Empty if there is
 * none. */
struct span ros_message(const struct ros_sentence *sentence);
/* True for "true" and "yes", as the router prints a boolean; false for anything else. */
bool ros_flag(const struct ros_sentence *sentence, const char *name);
/* An item id "*1A" as a number; false for anything else or more than 32 bits. */
bool ros_parse_id(struct span text, uint32_t *ret_id);

/* ---- writing ---- */

/* Writes the length in its shortest form. The word must not be empty: an empty word ends the sentence. */
void ros_write_word(struct writer *w, struct span word);
/* One word of `prefix` and then `value`, for instance "=name=" and the user. */
void ros_write_pair(struct writer *w, const char *prefix, struct span value);
void ros_write_pair_text(struct writer *w, const char *prefix, const char *value);
void ros_write_pair_decimal(struct writer *w, const char *prefix, uint64_t value);
/* "=.id=*1A" and the like. */
void ros_write_pair_id(struct writer *w, const char *prefix, uint32_t id);
void ros_write_end(struct writer *w);

/* ---- the login before RouterOS 6.43 ---- */

enum { ROS_RESPONSE_LENGTH = 34 };
/* The response to a challenge of `ret`: "00" and the MD5, in hex, of a zero byte, the password and the
 * challenge's bytes. False if the challenge is not hex of 2 to 64 digits. */
nodiscard_ bool ros_login_response(struct span password, struct span challenge_hex,
                                   char ret_response[ROS_RESPONSE_LENGTH]);

/* ---- errors ---- */

/* Errors are classified by their text, because RouterOS sends the category with console errors only. */
enum ros_error {
    ROS_ERROR_OTHER,
    ROS_ERROR_LOGIN,        /* invalid user name or password, cannot log in, not logged in */
    ROS_ERROR_PERMISSION,   /* not enough permissions (9) */
    ROS_ERROR_NO_SUCH_ITEM, /* no such item (4): the rule was removed already */
    ROS_ERROR_NO_COMMAND,   /* no such command, no such command or directory, no such command prefix */
    ROS_ERROR_INPUT,        /* input does not match any value of ...: for instance a removed interface */
    ROS_ERROR_INTERRUPTED,  /* the end of a cancelled command */
    ROS_ERROR_UNKNOWN_PARAMETER,
};

enum ros_error ros_classify(struct span message);

/* The trace of a run, line by line: a ring of the last lines for failure reports, a hash of all lines, and on
 * request all of them as text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attributes.h"
#include "base/span.h"

enum {
    TRACE_LINES = 64,
    TRACE_LINE_MAX = 512,
    TRACE_SENTENCE_MAX = 4096,
};

struct trace {
    char line[TRACE_LINES][TRACE_LINE_MAX];
    uint64_t lines;
    uint64_t hash;   /* of every line with its time */
    bool keep;       /* collect everything in `text` */
    bool only_logs;  /* or only the log and the notes of the test */
    const char *who; /* before each line */
    FILE *echo;      /* and write each line here at once; or NULL */
    char *text;
    size_t text_len;
    size_t text_capacity;
};

void trace_init(struct trace *t);
void trace_free(struct trace *t);
printf_(3, 4) void trace_line(struct trace *t, uint64_t now_ms, const char *format, ...);
/* The last lines, oldest first. */
void trace_tail(const struct trace *t, FILE *to);

/* A NAT-PMP datagram as text, in either direction. */
const char *trace_natpmp(struct span datagram, char text[TRACE_LINE_MAX]);

/* The sentences of one direction of an API connection. */
struct trace_stream {
    uint8_t bytes[TRACE_SENTENCE_MAX];
    size_t len;
    bool lost; /* a sentence was larger than the buffer: the trace says so and leaves out the rest of the
                  connection */
};
/* Takes bytes of the stream and calls `line` for each complete sentence. The words are separated by a blank,
 * tags are left out, and passwords are replaced. */
void trace_sentences(struct trace_stream *stream, struct span bytes, void *context,
                     void (*line)(void *context, const char *text));

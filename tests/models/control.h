/* What routerd and gatewayd have in common: a clock, the signals that end them, and a UNIX socket on which
 * they take commands, one in each line. The last line of each answer is "ok" or "error TEXT". */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CONTROL_PEERS_MAX = 8,
    CONTROL_LINE_MAX = 4096,
    CONTROL_POLLS = 1 + CONTROL_PEERS_MAX,
};

struct control {
    /* Executes the line and writes its answer to `out`. Returns NULL, or a text that says what is wrong. */
    const char *(*obey)(void *context, char *line, FILE *out);
    void *context;
    int listen_fd; /* -1: there is no such socket */
    struct {
        int fd; /* -1: free */
        size_t used;
        char line[CONTROL_LINE_MAX];
    } peer[CONTROL_PEERS_MAX];
};

/* Of the monotonic clock. */
uint64_t control_clock_ms(void);
/* Blocks SIGTERM and SIGINT. The descriptor is readable when one of them arrives; -1: it cannot be made. */
int control_signals(void);

/* Exits with a message if the socket cannot be made. Path NULL: there is no socket. */
void control_open(struct control *c, const char *path,
                  const char *(*obey)(void *context, char *line, FILE *out), void *context);
/* Adds the sockets to wait for; afterwards handles what has arrived. */
void control_polls(const struct control *c, struct pollfd polls[CONTROL_POLLS]);
void control_turn(struct control *c, const struct pollfd polls[CONTROL_POLLS]);

/* The next word of a line; *rest begins after it. */
const char *control_word(char **rest);
/* True if the word is in a list that blanks separate. */
bool control_is_one_of(const char *word, const char *list);

/* The sender's side: sends a line and prints the answer. Returns the program's exit status. */
int control_ask(const char *path, const char *line);

/* A UNIX socket on which routerd and gatewayd take commands, one a line. The last line of each answer is "ok"
 * or "error TEXT". */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

enum {
    CONTROL_PEERS_MAX = 8,
    CONTROL_LINE_MAX = 4096,
    CONTROL_POLLS = 1 + CONTROL_PEERS_MAX,
};

struct control {
    /* Carries out the line and writes what it has to say to `out`; NULL: fine, else what is wrong. */
    const char *(*obey)(void *context, char *line, FILE *out);
    void *context;
    int listen_fd; /* -1: there is no such socket */
    struct {
        int fd; /* -1: free */
        size_t used;
        char line[CONTROL_LINE_MAX];
    } peer[CONTROL_PEERS_MAX];
};

/* Exits with a message if the socket cannot be made; a path of NULL: without a socket. */
void control_open(struct control *c, const char *path,
                  const char *(*obey)(void *context, char *line, FILE *out), void *context);
/* What to wait for, and then what has come. */
void control_polls(const struct control *c, struct pollfd polls[CONTROL_POLLS]);
void control_turn(struct control *c, const struct pollfd polls[CONTROL_POLLS]);

/* The next word of a line; *rest begins behind it. */
const char *control_word(char **rest);
/* Is the word in a list, with blanks between? */
bool control_is_one_of(const char *word, const char *list);

/* The other end: sends a line and prints the answer; the program's exit status. */
int control_ask(const char *path, const char *line);

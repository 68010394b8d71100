#include "control.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

uint64_t control_clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int control_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* ---- the socket ---- */

/* Makes a socket for that path, and its address. Exits if the path is too long. */
static int unix_socket(const char *path, int flags, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret_address->sun_path)) {
        fprintf(stderr, "%s: too long for a socket\n", path);
        exit(2);
    }
    memcpy(ret_address->sun_path, path, strlen(path));
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

void control_open(struct control *c, const char *path,
                  const char *(*obey)(void *context, char *line, FILE *out), void *context)
{
    struct sockaddr_un address;

    c->obey = obey;
    c->context = context;
    c->listen_fd = -1;
    for (unsigned i = 0; i < CONTROL_PEERS_MAX; i++)
        c->peer[i].fd = -1;
    if (!path)
        return;
    (void)unlink(path);
    c->listen_fd = unix_socket(path, SOCK_NONBLOCK, &address);
    if (c->listen_fd < 0 ||
        bind(c->listen_fd, (const struct sockaddr *)(const void *)&address, sizeof(address)) < 0 ||
        listen(c->listen_fd, CONTROL_PEERS_MAX) < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
}

/* ---- peers ---- */

static void accept_peer(struct control *c)
{
    /* Blocking, because a line's answer is written at once and the peer reads it. */
    int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    for (unsigned i = 0; fd >= 0 && i < CONTROL_PEERS_MAX; i++) {
        if (c->peer[i].fd < 0) {
            c->peer[i].fd = fd;
            c->peer[i].used = 0;
            return;
        }
    }
    if (fd >= 0)
        (void)close(fd);
}

static void answer_line(struct control *c, int fd, char *line)
{
    char *answer = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&answer, &len);
    const char *error;

    if (!out)
        abort();
    error = c->obey(c->context, line, out);
    if (error)
        fprintf(out, "error %s\n", error);
    else
        fputs("ok\n", out);
    if (fclose(out) != 0)
        abort();
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, answer + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    free(answer);
}

static void read_peer(struct control *c, unsigned i)
{
    char *line = c->peer[i].line;
    size_t used = c->peer[i].used;
    ssize_t n = recv(c->peer[i].fd, line + used, CONTROL_LINE_MAX - 1 - used, MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        (void)close(c->peer[i].fd);
        c->peer[i].fd = -1;
        return;
    }
    used += (size_t)n;
    line[used] = '\0';
    for (char *end; (end = strchr(line, '\n')) != NULL;) {
        *end = '\0';
        answer_line(c, c->peer[i].fd, line);
        used -= (size_t)(end + 1 - line);
        memmove(line, end + 1, used + 1);
    }
    c->peer[i].used = used == CONTROL_LINE_MAX - 1 ? 0 : used;
}

void control_polls(const struct control *c, struct pollfd polls[CONTROL_POLLS])
{
    polls[0] = (struct pollfd){.fd = c->listen_fd, .events = POLLIN};
    for (unsigned i = 0; i < CONTROL_PEERS_MAX; i++)
        polls[1 + i] = (struct pollfd){.fd = c->peer[i].fd, .events = POLLIN};
}

void control_turn(struct control *c, const struct pollfd polls[CONTROL_POLLS])
{
    for (unsigned i = 0; i < CONTROL_PEERS_MAX; i++)
        if (polls[1 + i].revents)
            read_peer(c, i);
    if (polls[0].revents)
        accept_peer(c);
}

/* ---- lines ---- */

const char *control_word(char **rest)
{
    char *start = *rest + strspn(*rest, " ");
    char *end = start + strcspn(start, " ");

    *rest = *end ? end + 1 : end;
    *end = '\0';
    return start;
}

bool control_is_one_of(const char *word, const char *list)
{
    size_t length = strlen(word);

    for (const char *at = list; length > 0 && (at = strstr(at, word)) != NULL; at++)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* ---- the sender's side ---- */

int control_ask(const char *path, const char *line)
{
    struct sockaddr_un address;
    int fd = unix_socket(path, 0, &address);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "r+");
    char *answer = NULL;
    size_t capacity = 0;
    int status = 2;

    if (!stream || connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)) < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 2;
    }
    fprintf(stream, "%s\n", line);
    if (fflush(stream) != 0)
        return 2;
    while (status == 2 && getline(&answer, &capacity, stream) > 0) {
        if (strcmp(answer, "ok\n") == 0)
            status = 0;
        else if (strncmp(answer, "error ", 6) == 0)
            status = 1;
        fputs(answer, status == 1 ? stderr : stdout);
    }
    free(answer);
    (void)fclose(stream);
    return status;
}

/* OpenSSL's s_server in place of the router, with certificates as RouterOS makes them. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/tls.h"
#include "loop.h"

static char certificates[] = "/tmp/double-natpmp-tls-XXXXXX";

static inline int make_folder(void **state)
{
    char command[1024];
    (void)state;
    assert_non_null(mkdtemp(certificates));
    (void)snprintf(command, sizeof(command), "%s/certificates %s", SOURCE_DIR, certificates);
    shell(command);
    return 0;
}

static inline int remove_folder(void **state)
{
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof(command), "rm -r %s", certificates);
    shell(command);
    return 0;
}

/* Valid until it has been called eight times more. */
static inline const char *in_folder(const char *name)
{
    static char paths[8][64];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", certificates, name);
    return path;
}

/* Of the certificate NAME.pem, from OpenSSL. */
static inline void fingerprint_of(const char *name, uint8_t ret_fingerprint[TLS_FINGERPRINT_SIZE])
{
    char command[256];
    (void)snprintf(command, sizeof(command),
                   "cd %s; openssl x509 -in %s.pem -outform DER | openssl dgst -sha256 -binary >print",
                   certificates, name);
    shell(command);
    FILE *file = fopen(in_folder("print"), "r");
    assert_non_null(file);
    assert_int_equal(fread(ret_fingerprint, 1, TLS_FINGERPRINT_SIZE, file), TLS_FINGERPRINT_SIZE);
    (void)fclose(file);
}

struct server {
    pid_t pid;
    uint16_t port;
};

/* Sends each line back with its letters reversed. `options` are s_server's, $d is the folder. */
static inline struct server start_server(const char *options)
{
    struct server server = {0};
    char command[512];
    char text[1024];
    size_t len = 0;
    int ends[2];
    const char *port = NULL;
    (void)snprintf(command, sizeof(command), "d=%s; exec openssl s_server -accept 127.0.0.1:0 -rev %s",
                   certificates, options);
    assert_int_equal(pipe(ends), 0);
    server.pid = fork_child();
    if (server.pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        (void)execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    while (port == NULL || strchr(port, '\n') == NULL) {
        ssize_t got = read(ends[0], text + len, sizeof(text) - 1 - len);
        if (got <= 0)
            fail_msg("s_server %s does not serve", options);
        len += (size_t)got;
        text[len] = '\0';
        port = strstr(text, "ACCEPT 127.0.0.1:");
    }
    server.port = (uint16_t)strtol(port + strlen("ACCEPT 127.0.0.1:"), NULL, 10);
    /* s_server continues to write, and a write to a closed pipe would end it. */
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    return server;
}

static inline void stop_server(const struct server *server)
{
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
}

static inline struct tls_context *make_context(const struct tls_settings *settings)
{
    enum tls_problem problem;
    struct tls_context *context = tls_context_new(settings, &problem);
    if (context == NULL)
        fail_msg("problem %d", (int)problem);
    assert_int_equal(problem, TLS_PROBLEM_NONE);
    return context;
}

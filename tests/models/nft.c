#include "nft.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

bool nft_run(const char *script, size_t len)
{
    static char program[] = "nft";
    static char flag[] = "-f";
    static char input[] = "-";
    char *const arguments[] = {program, flag, input, NULL};
    int pipes[2];
    if (pipe(pipes) < 0)
        return false;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[0], STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, pipes[0]);
    posix_spawn_file_actions_addclose(&actions, pipes[1]);
    pid_t child;
    int error = posix_spawnp(&child, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[0]);
    bool fine = error == 0 && write_all(pipes[1], script, len);
    close(pipes[1]);
    int status = -1;
    if (error == 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    if (error)
        fprintf(stderr, "nft: %s\n", strerror(error));
    return fine && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

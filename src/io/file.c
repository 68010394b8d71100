#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* Also what open() says of a socket, and of a device that is not there. */
    NOT_REGULAR = ENXIO,
};

/* Otherwise sets errno. */
static bool is_regular(const struct stat *file)
{
    errno = S_ISDIR(file->st_mode) ? EISDIR : NOT_REGULAR;
    return S_ISREG(file->st_mode);
}

/* A descriptor, or -1 and errno. The path is examined before it is opened, because it would already change
 * the state of some devices to open them. */
static int open_regular(const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0 || !is_regular(&file))
        return -1;
    /* If a FIFO has taken the file's place since, open() does not wait either. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &file) != 0 || !is_regular(&file))) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

ssize_t file_read(const char *path, void *ret_bytes, size_t capacity)
{
    int fd = open_regular(path);
    size_t len = 0;
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && len < capacity) {
        do
            got = read(fd, (uint8_t *)ret_bytes + len, capacity - len);
        while (got < 0 && errno == EINTR);
        len += got > 0 ? (size_t)got : 0;
    }
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return got < 0 ? -1 : (ssize_t)len;
}

const char *file_problem(int error)
{
    return error == NOT_REGULAR ? "it is not a regular file" : strerror(error);
}

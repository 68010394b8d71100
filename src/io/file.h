/* Small files that are read as a whole at the start: a password, the certificates of CAs. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Reads up to `capacity` bytes; returns how many there were, or -1 and errno. What could keep the reader
 * waiting (a FIFO, a device, a socket) is an error. */
ssize_t file_read(const char *path, void *ret_bytes, size_t capacity);
/* What is wrong with a file, from the errno of file_read(). */
const char *file_problem(int error);

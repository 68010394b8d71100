/* The compiler attributes that the project uses, and nothing else. */
#pragma once

#define nodiscard_ __attribute__((warn_unused_result))
#define printf_(string, first) __attribute__((format(printf, string, first)))
/* What the daemon runs rarely or never. The linker puts it, and what only it calls, apart from the code that
 * stays in memory (io/resident.h). */
#define cold_ __attribute__((cold))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

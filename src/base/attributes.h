/* The two compiler attributes that the project uses, and nothing else. */
#pragma once

#define nodiscard_ __attribute__((warn_unused_result))
#define printf_(string, first) __attribute__((format(printf, string, first)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

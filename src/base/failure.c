#include "base/failure.h"

const struct failure_text *failure_text(enum failure failure)
{
    static const struct failure_text texts[ALL_FAILURES + 1] = {
#define FAILURE_TEXT(name, ...) [FAILURE_##name] = {__VA_ARGS__},
        FAILURES(FAILURE_TEXT)
#undef FAILURE_TEXT
    };
    return &texts[failure];
}

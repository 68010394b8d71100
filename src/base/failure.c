#include "base/failure.h"

const struct failure_text *failure_text(enum failure failure)
{
    static const struct failure_text texts[FAILURES_END] = {
#define FAILURE_TEXT(name, ...) [FAILURE_##name] = {__VA_ARGS__},
        FAILURES(FAILURE_TEXT)
#undef FAILURE_TEXT
    };
    return &texts[failure];
}

const struct failure_text *gateway_trouble_text(enum gateway_trouble trouble)
{
    static const struct failure_text texts[GATEWAY_TROUBLES] = {
#define GATEWAY_TEXT(name, ...) [GATEWAY_##name] = {__VA_ARGS__},
        GATEWAY_STATES(GATEWAY_TEXT) GATEWAY_ERRORS(GATEWAY_TEXT)
#undef GATEWAY_TEXT
    };
    return &texts[trouble];
}

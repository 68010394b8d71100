/* When the daemon checks the router and the gateway by itself. */

#include "app/self_check_when.h"
#include "unit.h"

/* What is noted at which second, and when the check is due then; 0: never. A check begins when it is due. */
struct moment {
    unsigned at_s;
    enum proxy_condition condition;
    unsigned due_s;
};

static void play(const char *name, const struct moment *moments, size_t count)
{
    struct self_check_when when = {0};
    for (size_t i = 0; i < count; i++) {
        const struct moment *m = &moments[i];
        uint64_t now_ms = (uint64_t)m->at_s * 1000;
        self_check_note(&when, m->condition, now_ms);
        uint64_t due_ms = self_check_due_ms(&when);
        if (due_ms != (m->due_s == 0 ? UINT64_MAX : (uint64_t)m->due_s * 1000))
            fail_msg("%s: at %u s the check is due at %llu ms", name, m->at_s, (unsigned long long)due_ms);
        if (due_ms <= now_ms)
            self_check_begins(&when, now_ms);
    }
}

#define PLAY(name, ...)                                                                                      \
    do {                                                                                                     \
        static const struct moment moments[] = {__VA_ARGS__};                                                \
        play(name, moments, ARRAY_LEN(moments));                                                             \
    } while (0)

static void test_when(void **state)
{
    (void)state;
    PLAY("all is well", {100, PROXY_TROUBLED, 130}, {101, PROXY_WORKS, 0}, {9000, PROXY_WORKS, 0});
    PLAY("a start that does not become ready", {100, PROXY_TROUBLED, 130}, {129, PROXY_TROUBLED, 130},
         {130, PROXY_TROUBLED, 130}, {131, PROXY_TROUBLED, 730}, {730, PROXY_TROUBLED, 730},
         {731, PROXY_TROUBLED, 1330});
    PLAY("trouble of a minute", {100, PROXY_TROUBLED, 130}, {101, PROXY_WORKS, 0}, {200, PROXY_TROUBLED, 260},
         {260, PROXY_TROUBLED, 260}, {261, PROXY_TROUBLED, 860});
    PLAY("trouble that does not last", {100, PROXY_WORKS, 0}, {200, PROXY_TROUBLED, 260},
         {259, PROXY_WORKS, 0}, {270, PROXY_TROUBLED, 330}, {300, PROXY_WORKS, 0});
    PLAY("trouble again within ten minutes", {100, PROXY_WORKS, 0}, {200, PROXY_TROUBLED, 260},
         {265, PROXY_TROUBLED, 260}, {270, PROXY_WORKS, 0}, {280, PROXY_TROUBLED, 865},
         {865, PROXY_TROUBLED, 865}, {870, PROXY_WORKS, 0}, {2000, PROXY_TROUBLED, 2060});
    PLAY("a twin serves", {100, PROXY_STANDS_BY, 0}, {300, PROXY_STANDS_BY, 0}, {400, PROXY_TROUBLED, 430});
    PLAY("a twin comes and goes", {100, PROXY_WORKS, 0}, {200, PROXY_TROUBLED, 260},
         {230, PROXY_STANDS_BY, 0}, {300, PROXY_TROUBLED, 360}, {301, PROXY_WORKS, 0});
    PLAY("a time of 0", {0, PROXY_TROUBLED, 30}, {30, PROXY_TROUBLED, 30}, {31, PROXY_TROUBLED, 630});
}

UNIT(self_check_when)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

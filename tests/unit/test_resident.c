/* What of the program's code and stack is resident before and after resident_trim(). */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/resident.h"
#include "unit.h"

static bool is_code(const char *flags, const char *name)
{
    return flags[1] == '-' && name[0] == '/';
}

static bool is_stack(const char *flags, const char *name)
{
    (void)flags;
    return strcmp(name, "[stack]") == 0;
}

static unsigned resident_kb(bool (*counts)(const char *flags, const char *name))
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool counted = false;
    unsigned total = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        char flags[8] = "";
        char name[256] = "";
        if (sscanf(line, "%*[0-9a-f]-%*[0-9a-f] %7s %*s %*s %*s %255s", flags, name) >= 1)
            counted = counts(flags, name);
        else if (counted && strncmp(line, "Rss:", 4) == 0)
            total += (unsigned)strtoul(line + 4, NULL, 10);
    }
    (void)fclose(maps);
    return total;
}

static char changed[64] = "as in the file";

static void test_code_goes_and_comes_back(void **state)
{
    (void)state;
    unsigned before = resident_kb(is_code);
    (void)snprintf(changed, sizeof(changed), "%s", "written before");
    resident_trim();
    assert_in_range(resident_kb(is_code), 1, before - 1);
    assert_string_equal(changed, "written before");
    char text[32];
    (void)snprintf(text, sizeof(text), "%u %s", 7U, strerror(2));
    assert_string_equal(text, "7 No such file or directory");
}

static __attribute__((noinline)) int use_stack(void)
{
    volatile char much[512 << 10];
    for (size_t i = 0; i < sizeof(much); i += 1024)
        much[i] = (char)i;
    return much[1024];
}

static void test_the_unused_stack_goes(void **state)
{
    (void)state;
    int kept = use_stack();
    unsigned before = resident_kb(is_stack);
    assert_true(before >= 512);
    resident_trim();
    assert_true(resident_kb(is_stack) <= before - 400);
    assert_int_equal(use_stack(), kept);
}

UNIT(resident)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_goes_and_comes_back),
        cmocka_unit_test(test_the_unused_stack_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

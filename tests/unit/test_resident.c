/* What of the program's code is resident, before and behind resident_trim. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/resident.h"
#include "unit.h"

/* kB of the mappings of files that cannot be written to. */
static unsigned code_kb(void)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool code = false;
    unsigned total = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        char flags[8] = "";
        if (sscanf(line, "%*[0-9a-f]-%*[0-9a-f] %7s", flags) == 1)
            code = flags[1] == '-' && strchr(line, '/') != NULL;
        else if (code && strncmp(line, "Rss:", 4) == 0)
            total += (unsigned)strtoul(line + 4, NULL, 10);
    }
    (void)fclose(maps);
    return total;
}

static char changed[64] = "as it was";

static void test_code_goes_and_comes_back(void **state)
{
    (void)state;
    unsigned before = code_kb();
    (void)snprintf(changed, sizeof(changed), "%s", "written before");
    resident_trim();
    assert_in_range(code_kb(), 1, before - 1);
    /* What was written is still there, and code is found again. */
    assert_string_equal(changed, "written before");
    char text[32];
    (void)snprintf(text, sizeof(text), "%u %s", 7U, strerror(2));
    assert_string_equal(text, "7 No such file or directory");
}

UNIT(resident)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_code_goes_and_comes_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

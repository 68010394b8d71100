/* unit NAME: runs the tests of test_NAME.c. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define ROW(name, identifier) int unit_##identifier(void);
#include "groups.inc"
#undef ROW

static const struct group {
    const char *name;
    int (*run)(void);
} groups[] = {
#define ROW(name, identifier) {name, unit_##identifier},
#include "groups.inc"
#undef ROW
};

int main(int argc, char **argv)
{
    for (unsigned i = 0; argc == 2 && i < ARRAY_LEN(groups); i++)
        if (strcmp(groups[i].name, argv[1]) == 0)
            return groups[i].run();
    fprintf(stderr, "usage: %s NAME, which is one of:\n", argv[0]);
    for (unsigned i = 0; i < ARRAY_LEN(groups); i++)
        fprintf(stderr, "  %s\n", groups[i].name);
    return 2;
}

/* Texts that are compared with a file, which UPDATE=1 writes anew. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

static inline void check_snapshot(const char *text, const char *path)
{
    static char wanted[1 << 17];
    const char *update = getenv("UPDATE");
    FILE *file = fopen(path, update != NULL ? "w" : "r");
    assert_non_null(file);
    if (update != NULL)
        assert_true(fputs(text, file) >= 0);
    else
        wanted[fread(wanted, 1, sizeof(wanted) - 1, file)] = '\0';
    (void)fclose(file);
    if (update == NULL)
        assert_string_equal(text, wanted);
}

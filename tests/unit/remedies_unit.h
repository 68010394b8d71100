/* The remedies of findings, for tests/unit/test_console.py, which checks the commands in them. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "check/judge.h"

static inline void note_remedies(const struct survey *survey, const struct findings *findings)
{
    const char *path = getenv("REMEDIES");
    FILE *file = path != NULL ? fopen(path, "a") : NULL;
    struct ros_version version = {0};
    if (file == NULL)
        return;
    bool known = survey_version(survey, &version);
    for (unsigned i = 0; i < findings->count; i++)
        if (findings->at[i].cure[0] != '\0')
            (void)fprintf(file, "%u.%u\t%s\n", known ? version.major : 7, known ? version.minor : 24,
                          findings->at[i].cure);
    (void)fclose(file);
}

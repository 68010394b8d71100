/* The status page for people: one page of HTML without a script, which reloads itself. */
#pragma once

#include "app/document.h"

enum {
    PAGE_RELOAD_S = 30,
    /* The page shows the counters as they were read for the page before it. If they are older than this, it
     * says so. */
    PAGE_COUNTERS_OLD_S = 2 * PAGE_RELOAD_S,
    /* More than anybody reads; a browser of a phone still shows them. */
    PAGE_ROWS_MAX = 500,
    PAGE_PLOTS_MAX = 100,
    /* Changes in one plot. Where there were more, the plot begins later. */
    PAGE_STEPS_MAX = 60,
};

extern const struct section page_sections[];
/* Of the style, for the header field Content-Security-Policy: nothing else may style the page. A test of the
 * lab computes it. */
#define PAGE_STYLE_HASH "sha256-XDRwW5LVuUL1Ppr8zuQtMbO8mnEvMl1/+ftLLG6Kuww="

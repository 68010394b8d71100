/* RFC 6886 sections 3.2.1 and 3.7: after a start the epoch begins at 0, and the daemon announces it ten
 * times. The first interval is 250 ms, and each further one is twice as long. Each announcement carries the
 * epoch of the moment at which it is sent. */
/* Predecessor fault 22: Nothing is ever announced. */
#include "scenario.h"

static void tell(struct world *w)
{
    struct lan_client *a = client(w, 10);

    show(w, false);
    world_start(w, 1);
    w->trace.keep = true;
    world_run_for(w, 200000);
    expect(w, a->announcements == 10);
}

const struct story story_announcements_after_start = {.tell = tell};

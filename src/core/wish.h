/* Which external port to suggest to a gateway that is particular about it. Some gateways grant no mapping if
 * no port is suggested, and some only if the suggestion is the internal port. What such a gateway refuses is
 * requested once more with the internal port, and what works is remembered until it restarts. */
#pragma once

#include "core/proxy_state.h"

enum wish_kind {
    WISH_NONE,  /* no port is suggested */
    WISH_OTHER, /* another port than the internal one */
};

/* The port to suggest in the mapping's next request; 0: none. */
uint16_t wish_suggestion(const struct proxy *p, uint16_t m, uint64_t now_ms);
/* The request was sent: its later attempts may suggest another port. */
void wish_sent(struct proxy *p, uint16_t m, uint16_t suggested, uint64_t now_ms);
/* The gateway granted a new lease to a request with that suggestion. */
void wish_granted(struct proxy *p, uint16_t m, uint16_t suggested);
/* The gateway refused such a request. True: it is requested once more. */
bool wish_refused(struct proxy *p, uint16_t m, uint16_t suggested, uint64_t now_ms);
/* The gateway restarted, or another one answers. */
void wish_forget(struct proxy *p);

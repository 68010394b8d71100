/* Reports to those who watch what has changed. It compares what is with what the last notices said, so that a
 * change that lasts is reported once, whatever caused it. */
#pragma once

#include "core/proxy_state.h"

/* A mapping has the port that the gateway granted, as long as it is wanted. A lease that is renewed, or of
 * which the gateway says nothing for a while, is no change. True: there was a change. */
bool notice_mapping(struct proxy *p, uint16_t m, const struct step *step);
/* All mappings are forgotten at once, before their records are. */
void notice_forgotten(struct proxy *p, const struct step *step);
/* To be called at the end of a step: the external address, the router and the gateway. At the start of a run
 * neither of the two works yet, which no notice reports. */
void notice_tick(struct proxy *p, const struct step *step);

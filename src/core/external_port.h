/* What it means for a mapping, its companion and other mappings that the gateway has granted an external
 * port. */
#pragma once

#include "core/proxy_state.h"

/* The mapping has an external port, and had `old` before (0: none). `rotated`: the gateway changed it while
 * the lease was valid. */
void external_port_granted(struct proxy *p, uint16_t m, uint16_t old, bool rotated, const struct step *step);
/* The gateway did not grant what was requested. */
void external_port_failed(struct proxy *p, uint16_t m, const struct step *step);
/* The comparison with the companion has ended. If the external port differs from the advertised port, the
 * client must learn that. */
void external_port_pair_settled(struct proxy *p, uint16_t m, const struct step *step);
/* The gateway gives the mapping a port. Mappings whose lease for it is over do not have it any more. */
void external_port_forget_expired(struct proxy *p, uint16_t m, uint16_t external_port,
                                  const struct step *step);
/* The gateway contradicts its grant with nothing, or with a port of somebody else. */
void external_port_refuse_contradicted(struct proxy *p, uint16_t m, const struct step *step);
/* A port that the gateway said last, and did not contradict for a while, counts, unless another client has
 * it. */
void external_port_take_offer(struct proxy *p, uint16_t m, const struct step *step);

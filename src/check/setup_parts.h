/* Shared by the files of setup. */
#pragma once

#include "check/setup.h"

void setup_write_line(struct writer *w, const char *text);
/* How packets of the LAN's hosts get into the tunnel. */
void setup_write_via(const struct setup *s, struct writer *w);

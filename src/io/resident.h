/* Memory that stays resident although nothing uses it any more. */
#pragma once

/* Gives the kernel the pages of code, and those of the unused stack, that a rare task needed: the start, a
 * TLS handshake, a check. The kernel makes code resident in pieces of 64 KiB, so most of it is resident by
 * accident. Code that is needed again comes from the cache of the file. Cannot fail: without it more memory
 * is resident. */
void resident_trim(void);

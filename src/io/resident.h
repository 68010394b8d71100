/* The memory that stays with us while nothing happens. */
#pragma once

/* Gives back the pages of code that the start needed and running does not: the dynamic linker, and what it
 * touched of each library. The kernel maps code in pieces of 64 KiB, so most of what is resident is there by
 * accident. What is needed comes back from the file's cache. Never fails: without it there is only more
 * resident. */
void resident_trim(void);

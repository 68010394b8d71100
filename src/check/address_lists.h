/* The router's address lists, as far as they matter to the check.
 *
 * Lists of strangers have thousands of addresses. What matters is whether one of ours is among them, and
 * whether any public one is. */
#pragma once

#include "check/firewall.h"
#include "check/survey.h"

/* True if a firewall rule names a list. To be called when the rules have been read. */
bool address_lists_needed(const struct survey *s);
/* Asks for the lists that rules name, or for all of them if these are many. */
void address_lists_write_query(const struct survey *s, struct writer *w);
/* True if the survey must store the row. */
bool address_lists_matter(const struct survey *s, const struct ros_sentence *row);
/* How much of the addresses the list has: a function of struct address_lists, whose state is the survey. */
enum cover address_lists_cover(const void *survey, struct span list, struct prefix addresses);

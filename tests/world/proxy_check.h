/* The tables of the core from inside, for tests. */
#pragma once

struct proxy;

/* Asserts every invariant of the tables. Slow. */
void proxy_check(const struct proxy *p);

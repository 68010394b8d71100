#include "app/version.h"

#include "app/commit.h" /* written by tools/commit at each build */

const char version[] = VERSION COMMIT;

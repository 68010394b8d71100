#include "app/changes.h"

#include <assert.h>

void changes_add(struct changes *changes, const struct notice *notice, uint64_t at_ms)
{
    assert(notice->number == changes->next);
    changes->at[notice->number % CHANGES_MAX] = (struct change){.at_ms = at_ms, .notice = *notice};
    changes->next++;
}

const struct change *changes_from(const struct changes *changes, uint64_t number)
{
    uint64_t oldest = changes->next > CHANGES_MAX ? changes->next - CHANGES_MAX : 0;
    if (number >= changes->next)
        return NULL;
    return &changes->at[(number > oldest ? number : oldest) % CHANGES_MAX];
}

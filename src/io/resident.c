#include "io/resident.h"

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Segments that are never written are the same in the file. The vDSO is in none. */
static int trim_object(struct dl_phdr_info *object, size_t size, void *page_size)
{
    (void)size;
    uintptr_t page = *(const uintptr_t *)page_size;
    bool in_file = object->dlpi_name[0] == '\0' || object->dlpi_name[0] == '/';
    /* Backwards, because the first segment contains this table, and reading it makes it resident again. */
    for (unsigned i = in_file ? object->dlpi_phnum : 0; i > 0; i--) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i - 1];
        uintptr_t first = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_filesz;
        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
            /* The linker gives addresses as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr) */
            (void)madvise((void *)first, end - first, MADV_DONTNEED);
    }
    return 0;
}

static __attribute__((noinline)) void trim_stack(uintptr_t page)
{
    enum { MARGIN = 16 << 10, USED = 1 << 20 };
    char *here = __builtin_frame_address(0);
    char *end = here - MARGIN - (uintptr_t)here % page;
    /* Below the stack nothing else is near: the kernel leaves a gap of 128 MiB. */
    (void)madvise(end - USED, USED, MADV_DONTNEED);
}

void resident_trim(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    trim_stack(page);
    (void)dl_iterate_phdr(trim_object, &page);
}

#include "io/resident.h"

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Segments that are never written are as they are in the file; the vDSO is in none. */
static int trim(struct dl_phdr_info *object, size_t size, void *page_size)
{
    (void)size;
    uintptr_t page = *(const uintptr_t *)page_size;
    /* Backwards, for this table is in the first segment, and to read it brings that back. */
    for (unsigned i = object->dlpi_phnum; i > 0; i--) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i - 1];
        uintptr_t first = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_filesz;
        bool in_file = object->dlpi_name[0] == '\0' || object->dlpi_name[0] == '/';
        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && in_file)
            /* The linker gives addresses as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr) */
            (void)madvise((void *)first, end - first, MADV_DONTNEED);
    }
    return 0;
}

void resident_trim(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)dl_iterate_phdr(trim, &page);
}

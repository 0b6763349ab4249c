/*
 * malloc. Blocks of some sixty sizes (four to each power of two), each with a list of free ones; cut from the end of the data segment
 * and kept for good; what is larger is a mapping of its own and goes back at once. Each block begins with its size and a seal made with
 * a secret: writing past the end of one, or freeing what is not in use, ends the program at the next free instead of doing something.
 * A process that stays with one container starts anew in memory of its own, and lets go of what it inherited (src/memory.h).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "call.h"
#include "memory.h"

enum { LARGEST = 65536, PAGE = 4096, STEP = 8 * PAGE, CLASSES = 64 };

struct block {
	uint32_t size; /* with this header */
	uint32_t seal;
	char data[];
};

enum state { USED, FREE };

static struct {
	uintptr_t next, end;     /* what is not cut yet */
	uintptr_t start;         /* of the data segment's part, 0: not asked yet */
	uintptr_t list[CLASSES]; /* of free blocks; their next one is the first word of their data, mixed with the secret */
} heap;

/* Random, from the kernel: musl sets it before main. */
extern uintptr_t __stack_chk_guard;

static uint32_t seal_of(const struct block *b, enum state state)
{
	return (uint32_t)(__stack_chk_guard ^ (uintptr_t)b) ^ b->size ^ state;
}

/* Rounds up to the sizes there are; which one of them it is. */
static unsigned class_of(size_t *size)
{
	size_t last = *size - 1;
	unsigned log = 31 - (unsigned)__builtin_clz(last), shift = log - 2;

	*size = ((last >> shift) + 1) << shift;
	return log * 4 + (last >> shift & 3);
}

static struct block *block_of(void *data)
{
	struct block *b = (struct block *)data - 1;

	if (b->seal != seal_of(b, USED))
		__builtin_trap();
	return b;
}

static struct block *cut(size_t size)
{
	if (size > heap.end - heap.next && heap.end != (uintptr_t)call1(SYS_brk, 0)) {
		/* At first, and when the memory of one's own is used up. */
		heap.next = heap.end = ((uintptr_t)call1(SYS_brk, 0) + 7) & ~(uintptr_t)7;
		if (!heap.start)
			heap.start = heap.end;
	}
	if (size > heap.end - heap.next) {
		uintptr_t end = heap.next + ((size + STEP - 1) & ~(size_t)(STEP - 1));

		if ((uintptr_t)call1(SYS_brk, (long)end) != end)
			return NULL;
		heap.end = end;
	}
	heap.next += size;
	return (struct block *)(heap.next - size);
}

void *malloc(size_t wanted)
{
	size_t size = (wanted + sizeof(struct block) + 7) & ~(size_t)7;
	struct block *b;

	if (wanted > PTRDIFF_MAX - PAGE) {
		b = NULL;
	} else if (size > LARGEST) {
		size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
		b = (struct block *)call6(SYS_mmap2, 0, (long)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if ((uintptr_t)b > -(uintptr_t)PAGE)
			b = NULL;
	} else {
		if (size < 16)
			size = 16;
		uintptr_t *list = &heap.list[class_of(&size)];

		b = (struct block *)*list;
		if (!b) {
			b = cut(size);
		} else {
			if (b->seal != seal_of(b, FREE))
				__builtin_trap();
			memcpy(list, b->data, sizeof(*list));
			*list ^= __stack_chk_guard;
		}
	}
	if (!b) {
		errno = ENOMEM;
		return NULL;
	}
	b->size = (uint32_t)size;
	b->seal = seal_of(b, USED);
	return b->data;
}

void free(void *data)
{
	if (!data)
		return;

	struct block *b = block_of(data);
	size_t size = b->size;

	if (size > LARGEST) {
		call2(SYS_munmap, (long)b, (long)size);
		return;
	}
	uintptr_t *list = &heap.list[class_of(&size)], next = *list ^ __stack_chk_guard;

	memcpy(data, &next, sizeof(next));
	b->seal = seal_of(b, FREE);
	*list = (uintptr_t)b;
}

void *calloc(size_t count, size_t size)
{
	size_t all;
	void *data = NULL;

	if (__builtin_mul_overflow(count, size, &all))
		errno = ENOMEM;
	else
		data = malloc(all);
	/* A mapping is empty already, and stays untouched. */
	if (data && block_of(data)->size <= LARGEST)
		memset(data, 0, all);
	return data;
}

void *realloc(void *old, size_t wanted)
{
	size_t room = 0;

	if (old) {
		room = block_of(old)->size - sizeof(struct block);
		if (wanted <= room && (wanted > LARGEST / 2 || room <= LARGEST))
			return old;
	}

	void *data = malloc(wanted);

	if (data && old) {
		memcpy(data, old, room < wanted ? room : wanted);
		free(old);
	}
	return data;
}

/* --- src/memory.h */

extern char __start_scratch[], __stop_scratch[];

/* Beside the program's other memory, so that it takes no table of pages more. */
static char own[256 << 10] __attribute__((aligned(PAGE)));

static void give_back(uintptr_t from, uintptr_t to)
{
	from = (from + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	to &= ~(uintptr_t)(PAGE - 1);
	if (from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);
}

void memory_shrink(void *data, size_t wanted)
{
	struct block *b = block_of(data);
	size_t size = (wanted + sizeof(struct block) + 7) & ~(size_t)7;

	if (size < 16)
		size = 16;
	class_of(&size);
	/* Only what was cut last: that is what has just been made. */
	if (size >= b->size || (uintptr_t)b + b->size != heap.next)
		return;
	b->size = (uint32_t)size;
	b->seal = seal_of(b, USED);
	heap.next = (uintptr_t)b + size;
}

void memory_fresh(void)
{
	memset(heap.list, 0, sizeof(heap.list));
	heap.next = (uintptr_t)own;
	heap.end = heap.next + sizeof(own);
}

void memory_forget(void)
{
	/* Unless what is one's own lies behind it by now. */
	if (heap.start && heap.end == (uintptr_t)own + sizeof(own))
		call1(SYS_brk, (long)heap.start);
}

void memory_trim(void)
{
	for (unsigned i = 0; i < CLASSES; i++)
		for (uintptr_t at = heap.list[i], next; at; at = next) {
			const struct block *b = (const struct block *)at;

			memcpy(&next, b->data, sizeof(next));
			next ^= __stack_chk_guard;
			give_back(at + sizeof(*b) + sizeof(next), at + b->size);
		}
	give_back((uintptr_t)__start_scratch, (uintptr_t)__stop_scratch);
}

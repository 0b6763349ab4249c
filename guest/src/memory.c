#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "memory.h"

extern char __start_scratch[] __attribute__((weak)), __stop_scratch[] __attribute__((weak));

enum { PAGE = 4096, CHUNK = 256 << 10 };

static void give_back(char *from, char *to)
{
	char *first = (char *)(((uintptr_t)from + PAGE - 1) & -(uintptr_t)PAGE),
	     *last = (char *)((uintptr_t)to & -(uintptr_t)PAGE);

	if (first < last)
		madvise(first, (size_t)(last - first), MADV_DONTNEED);
}

/* Under the sanitizers malloc is theirs. */
#if defined(__has_feature) && __has_feature(address_sanitizer) && !defined(MEMORY_TEST)
void memory_shrink(void *data, size_t size)
{
	(void)data;
	(void)size;
}

void memory_fresh(void)
{
}

void memory_forget(void)
{
}

void memory_trim(void)
{
	give_back(__start_scratch, __stop_scratch);
}
#else
/*
 * Blocks side by side, each with the size of the one in front, so that neighbours that are free become one; the free ones are in
 * a list, of which the first that is large enough is taken. Large ones are mappings of their own.
 */
enum { USED = 1, OWN = 2, ALONE = 4, LAST = 1, FLAGS = 7, LARGE = 128 << 10 };

struct block {
	uint32_t size, before; /* bytes, and flags; OWN: not inherited; LAST, in `before`: of its chunk */
};

struct vacant {
	struct block head;
	struct vacant *next, *previous;
};

enum { LEAST = sizeof(struct vacant) };

struct chunk {
	struct chunk *next;
	uint32_t unused;
};

/* Near the program's other memory: no page of tables more. The second is of who forgets the first. */
static char arenas[2][CHUNK] __attribute__((aligned(PAGE)));

/* Initialised, because that page is everybody's own anyway. */
static struct {
	struct vacant vacants;
	struct chunk *chunks, *inherited;
	uint32_t own; /* OWN in a process with memory of its own */
	bool begun;
} heap = {.vacants = {.next = &heap.vacants, .previous = &heap.vacants}};

static size_t size_of(const struct block *b)
{
	return b->size & ~(uint32_t)FLAGS;
}

/* NULL behind the last. */
static struct block *after(struct block *b)
{
	return b->before & LAST ? NULL : (struct block *)((char *)b + size_of(b));
}

static void set_before(struct block *b, size_t size)
{
	if (b)
		b->before = size | (b->before & LAST);
}

static void take_out(struct vacant *v)
{
	v->next->previous = v->previous;
	v->previous->next = v->next;
}

/* In front of `at`. */
static void put_in(struct vacant *v, struct vacant *at)
{
	v->next = at;
	v->previous = at->previous;
	at->previous->next = v;
	at->previous = v;
}

static struct vacant *grow(void)
{
	char *from = arenas[heap.own ? 1 : 0];
	size_t head = 0;

	if (heap.begun) {
		from = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (from == MAP_FAILED)
			return NULL;
		head = sizeof(struct chunk);
		*(struct chunk *)from = (struct chunk){.next = heap.chunks};
		heap.chunks = (struct chunk *)from;
	}
	heap.begun = true;

	struct vacant *all = (struct vacant *)(from + head);

	all->head = (struct block){.size = CHUNK - head, .before = LAST};
	/* Last in the list: what has been used already is used first. */
	put_in(all, &heap.vacants);
	return all;
}

/* What a block has behind its first `size` bytes becomes a block too; NULL when that is not enough for one. */
static struct block *cut(struct block *b, size_t size)
{
	size_t rest = size_of(b) - size;

	if (rest < LEAST)
		return NULL;

	struct block *tail = (struct block *)((char *)b + size), *next = after(b);

	*tail = (struct block){.size = rest, .before = size | (b->before & LAST)};
	b->size -= rest;
	b->before &= ~(uint32_t)LAST;
	set_before(next, rest);
	return tail;
}

/* Takes in the block behind it. */
static void join(struct block *b, struct block *next)
{
	b->size += size_of(next);
	b->before |= next->before & LAST;
	set_before(after(b), size_of(b));
}

static size_t room_for(size_t size)
{
	size_t room = (size + sizeof(struct block) + 7) & ~(size_t)7;

	if (size > PTRDIFF_MAX - PAGE) {
		errno = ENOMEM;
		return 0;
	}
	return room < LEAST ? LEAST : room;
}

static struct block *mapped(size_t room)
{
	size_t size = (room + PAGE - 1) & -(size_t)PAGE;
	struct block *b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		return NULL;
	b->size = size | USED | ALONE | heap.own;
	return b;
}

static struct block *take(size_t room)
{
	struct vacant *v = heap.vacants.next;

	if (room >= LARGE)
		return mapped(room);
	while (v != &heap.vacants && size_of(&v->head) < room)
		v = v->next;
	if (v == &heap.vacants && !(v = grow()))
		return NULL;

	struct vacant *at = v->next, *rest = (struct vacant *)cut(&v->head, room);

	take_out(v);
	if (rest)
		put_in(rest, at);
	v->head.size |= USED | heap.own;
	return &v->head;
}

void *malloc(size_t size)
{
	size_t room = room_for(size);
	struct block *b = room ? take(room) : NULL;

	return b ? b + 1 : NULL;
}

/* NULL: not ours to free, inherited. What is no block in use is a mistake that must not go on. */
static struct block *block_of(void *data)
{
	struct block *b = (struct block *)data - 1;

	if ((b->size & OWN) != heap.own)
		return NULL;
	if (!(b->size & USED))
		__builtin_trap();
	return b;
}

void free(void *data)
{
	struct block *b = data ? block_of(data) : NULL;
	int kept = errno;

	if (!b)
		return;
	if (b->size & ALONE) {
		munmap(b, size_of(b));
		errno = kept;
		return;
	}
	b->size &= ~(uint32_t)FLAGS;

	struct block *next = after(b), *front = (struct block *)((char *)b - (b->before & ~(uint32_t)FLAGS));
	struct vacant *at = heap.vacants.next;

	if (next && !(next->size & USED)) {
		/* In its place in the list. */
		at = ((struct vacant *)next)->next;
		take_out((struct vacant *)next);
		join(b, next);
	}
	if (front != b && !(front->size & USED))
		join(front, b);
	else
		put_in((struct vacant *)b, at);
}

void *calloc(size_t count, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(count, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	char *data = malloc(all);

	if (data && !(((struct block *)data - 1)->size & ALONE))
		memset(data, 0, all);
	return data;
}

void *realloc(void *data, size_t size)
{
	size_t room = room_for(size);

	if (!data)
		return malloc(size);
	if (!room)
		return NULL;

	struct block *b = block_of(data);
	size_t had = size_of((struct block *)data - 1);

	if (b && b->size & ALONE && room >= LARGE) {
		size_t wanted = (room + PAGE - 1) & -(size_t)PAGE;
		struct block *moved = wanted == had ? b : mremap(b, had, wanted, MREMAP_MAYMOVE);

		if (moved == MAP_FAILED)
			return NULL;
		moved->size = wanted | USED | ALONE | heap.own;
		return moved + 1;
	}
	if (b && !(b->size & ALONE) && room < LARGE) {
		struct block *next = after(b);

		if (had < room && next && !(next->size & USED) && had + size_of(next) >= room) {
			take_out((struct vacant *)next);
			join(b, next);
			had = size_of(b);
		}
		if (had >= room) {
			struct block *tail = cut(b, room);

			if (tail) {
				tail->size |= USED | heap.own;
				free(tail + 1);
			}
			return data;
		}
	}
	void *new = malloc(size);

	if (new) {
		had -= sizeof(struct block);
		memcpy(new, data, had < size ? had : size);
		free(data);
	}
	return new;
}

void memory_shrink(void *data, size_t size)
{
	struct block *b = block_of(data);

	if (b && !(b->size & ALONE))
		realloc(data, size);
}

void memory_fresh(void)
{
	heap.own = OWN;
	heap.begun = false;
	heap.inherited = heap.chunks;
	heap.chunks = NULL;
	heap.vacants.next = heap.vacants.previous = &heap.vacants;
}

void memory_forget(void)
{
	for (struct chunk *c = heap.inherited, *next; c; c = next) {
		next = c->next;
		munmap(c, CHUNK);
	}
	heap.inherited = NULL;
	give_back(arenas[0], arenas[1]);
}

void memory_trim(void)
{
	for (struct vacant *v = heap.vacants.next; v != &heap.vacants; v = v->next)
		give_back((char *)(v + 1), (char *)v + size_of(&v->head));
	give_back(__start_scratch, __stop_scratch);
}
#endif

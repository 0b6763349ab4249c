/* Names for containers that were given none: adjective_surname, as docker's. */
#pragma once
#include <stddef.h>

/* The same for the same seed; `attempt` above 0 puts that number at the end. */
void name_make(char *name, size_t size, unsigned seed, unsigned attempt);

/* Text as docker shows commands: in double quotes, what does not print escaped as Go does it. */
#pragma once
#include <stddef.h>

/* `width` > 0: cut to so many characters first, the last of them "…". What does not fit into `out` is lost. */
void quote(const char *text, size_t width, char *out, size_t size);

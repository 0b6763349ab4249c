/* `exec`: one more program in a running container. */
#pragma once
#include "table.h"

/* In a process just forked from the engine; never returns. `request`: {"argv","env","user","workdir","tty","stdin",…}. */
void exec_main(const struct entry *entry, const struct json *request, int client) __attribute__((noreturn));

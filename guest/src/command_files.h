/* The engine's part of cp, diff and export: the files of a container, running or not. */
#pragma once
#include "commands.h"

int command_files(struct request *r, struct err *e);

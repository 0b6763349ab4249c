#include "strike.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "census") == 0)
		return census();
	if (argc == 6)
		return strike(atoi(argv[1]), strtoul(argv[2], NULL, 10), argv[3], atoi(argv[4]), argv[5]);
	fprintf(stderr, "usage: strike census | strike PID N kill|end|fail|count ERRNO REPORT (PID 1: what it starts next)\n");
	return 2;
}

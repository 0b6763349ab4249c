/* exec by a name that is looked for in $PATH. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

int execvp(const char *name, char *const argv[])
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];
	int denied = 0;

	if (strchr(name, '/'))
		return execv(name, argv);
	if (!path)
		path = "/usr/local/bin:/bin:/usr/bin";
	errno = ENOENT;
	for (size_t length; *name && path; path = path[length] ? path + length + 1 : NULL) {
		length = strcspn(path, ":");
		if (snprintf(file, sizeof(file), "%.*s%s%s", (int)length, path, length ? "/" : "", name) < (int)sizeof(file))
			execv(file, argv);
		/* One that may not be run is what is told of, if no other is found. */
		if (errno == EACCES)
			denied = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR)
			return -1;
	}
	if (denied)
		errno = denied;
	return -1;
}

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "io.h"
#include "seccomp.h"
#include "seccomp_tables.h"

int seccomp_load(enum profile profile, const struct seccomp_program *own, struct err *e)
{
	const struct sock_fprog program =
		own                        ? (struct sock_fprog){(unsigned short)own->length, (struct sock_filter *)own->code}
		: profile == PROFILE_PLAIN ? (struct sock_fprog){array_size(seccomp_plain), (struct sock_filter *)seccomp_plain}
					   : (struct sock_fprog){array_size(seccomp_nest), (struct sock_filter *)seccomp_nest};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, own ? own->flags : 0, &program) < 0)
		return err_errno(e, 125, "load the system call filter");
	return 0;
}

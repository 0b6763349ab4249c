#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include "io.h"
#include "kernel.h"
#include "ns.h"
#include "oci.h"
#include "oci_launch.h"
#include "process.h"

static void between(const struct launch *l, int answer) __attribute__((noreturn));

static void between(const struct launch *l, int answer)
{
	struct err e = {0};
	pid_t pid = -1;

	/* Before setns: root in there could else look into us (CVE-2016-9962). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		process_fail(l->report[1], &e);
	/* To raise one takes rights over the kernel, which nobody in a user namespace has. */
	if (oci_limits(l->limits, &e) < 0)
		process_fail(l->report[1], &e);
	/*
	 * Twice: most are entered with the rights we have now, and what belongs to a user namespace that is joined, the last of them,
	 * may want its.
	 */
	for (unsigned round = 0, done = 0; round < 2; round++) {
		for (size_t i = 0; i < l->join_count; i++) {
			if (!(done & 1u << i) && setns(l->join[i], (int)l->join_flags) == 0) {
				done |= 1u << i;
			} else if (!(done & 1u << i) && round) {
				err_errno(&e, 1, "join namespace %zu", i);
				process_fail(l->report[1], &e);
			}
		}
	}
	pid = ns_clone(CLONE_PARENT | l->flags, -1, NULL, &e);
	if (pid == 0) {
		close(answer);
		close(l->report[0]);
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		l->run(l->data);
	}
	if (pid < 0)
		process_fail(l->report[1], &e);
	_exit(write(answer, &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1);
}

int launch(struct launch *l, struct err *e)
{
	int answer[2];

	if (pipe2(l->report, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0)
		return err_errno(e, 1, "pipe");
	_cleanup_fd_ int ours = answer[0], theirs = answer[1];
	pid_t pid = ns_clone(0, l->cgroup, NULL, e);

	if (pid < 0)
		return -1;
	if (pid == 0)
		between(l, theirs);
	close_fd(&theirs);
	close_fd(&l->report[1]);
	if (read(ours, &l->pid, sizeof(l->pid)) != sizeof(l->pid))
		l->pid = 0;
	reap(pid);
	/* Our child and not yet reaped, so the number is nobody else's. */
	if (l->pid > 0 && (l->pidfd = sys_pidfd_open(l->pid)) < 0)
		return err_errno(e, 1, "pidfd");
	if (l->pid <= 0)
		return process_wait_started(l->report[0], -1, e) < 0 ? -1 : err_set(e, 1, "no process was made");
	return 0;
}

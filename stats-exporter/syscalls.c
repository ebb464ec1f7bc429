/* The filter of system calls: what no image of the exporter ever does. It names what is refused,
 * not what is allowed: another libc's choice of calls must not end a service. Files and the path of
 * an execution it cannot see; those are Landlock's. */
#include "stats-exporter/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#endif
#define FOREIGN 0x40000000u /* x86-64's third numbering */
#define STEPS_MAX 512

static const int refused[] = {
/* processes, and what is other processes' */
#ifdef SYS_fork
	SYS_fork, SYS_vfork,
#endif
	SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_tkill,
	SYS_pidfd_open, SYS_pidfd_send_signal, SYS_setns, SYS_unshare,
#ifdef SYS_pidfd_getfd
	SYS_pidfd_getfd,
#endif
	/* code and calls that come around the others */
	SYS_memfd_create, SYS_io_uring_setup, SYS_io_uring_enter, SYS_bpf, SYS_userfaultfd,
	SYS_perf_event_open,
#ifdef SYS_memfd_secret
	SYS_memfd_secret,
#endif
#ifdef SYS_modify_ldt
	SYS_modify_ldt, SYS_iopl, SYS_ioperm,
#endif
/* of files, what Landlock does not know */
#ifdef SYS_chmod
	SYS_chmod, SYS_chown, SYS_lchown, SYS_mknod, SYS_utime, SYS_utimes, SYS_futimesat,
#endif
	SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_mknodat, SYS_utimensat,
	SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr,
	SYS_fremovexattr, SYS_open_by_handle_at, SYS_name_to_handle_at,
	/* who we are */
	SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid,
	SYS_setgroups, SYS_setfsuid, SYS_setfsgid, SYS_capset, SYS_keyctl, SYS_add_key,
	SYS_request_key,
	/* the machine */
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount,
	SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_init_module, SYS_finit_module,
	SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct,
	SYS_quotactl, SYS_syslog, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex,
	SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname, SYS_vhangup, SYS_fanotify_init};

struct program {
	struct sock_filter at[STEPS_MAX];
	unsigned short n;
};

static void step(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->n < STEPS_MAX)
		p->at[p->n++] = (struct sock_filter){code, jt, jf, k};
}

static void load(struct program *p, size_t off)
{
	step(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)off, 0, 0);
}

static void result(struct program *p, uint32_t what)
{
	step(p, BPF_RET | BPF_K, what, 0, 0);
}

/* If what was loaded compares, n steps are done, else they are passed over. */
static void if_then(struct program *p, uint16_t how, uint32_t k, uint8_t n)
{
	step(p, BPF_JMP | how | BPF_K, k, 0, n);
}

static void refuse(struct program *p, int nr, int with)
{
	if_then(p, BPF_JEQ, (uint32_t)nr, 1);
	result(p, SECCOMP_RET_ERRNO | (uint32_t)with);
}

/* A call that is allowed if its first argument compares. */
static void only_if(struct program *p, int nr, uint16_t how, uint32_t arg)
{
	if_then(p, BPF_JEQ, (uint32_t)nr, 4);
	load(p, offsetof(struct seccomp_data, args[0])); /* the low half, on both machines */
	if_then(p, how, arg, 1);
	result(p, SECCOMP_RET_ALLOW);
	result(p, SECCOMP_RET_ERRNO | EPERM);
}

static void write_program(struct program *p, uint32_t machine)
{
	uint32_t self = (uint32_t)getpid(); /* it stays over an execution */

	load(p, offsetof(struct seccomp_data, arch));
	step(p, BPF_JMP | BPF_JEQ | BPF_K, machine, 1, 0);
	result(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
	if_then(p, BPF_JGE, FOREIGN, 1);
	result(p, SECCOMP_RET_ERRNO | ENOSYS);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		refuse(p, refused[i], EPERM);
	refuse(p, SYS_clone3, ENOSYS); /* its flags cannot be seen: libc then takes clone() */
	only_if(p, SYS_clone, BPF_JSET, CLONE_THREAD);
	only_if(p, SYS_socket, BPF_JEQ, AF_UNIX);
	only_if(p, SYS_kill, BPF_JEQ, self);
	only_if(p, SYS_tgkill, BPF_JEQ, self);
	only_if(p, SYS_rt_sigqueueinfo, BPF_JEQ, self);
	only_if(p, SYS_rt_tgsigqueueinfo, BPF_JEQ, self);
	result(p, SECCOMP_RET_ALLOW);
}

int sandbox_syscalls(void)
{
#ifdef MACHINE
	static struct program p;
	struct sock_fprog f = {.filter = p.at};

	write_program(&p, MACHINE);
	f.len = p.n;
	if (p.n == STEPS_MAX)
		return -E2BIG;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f, 0, 0) == 0 ? 0 : -errno;
#else
	return -ENOTSUP;
#endif
}

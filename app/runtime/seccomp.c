/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/runtime/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#define NATIVE 0 /* not known here: no filter */
#endif

#if defined(__SANITIZE_ADDRESS__) /* gcc */
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) /* clang */
#define SANITIZED
#endif
#endif

/* On x86_64 the same kernel takes the calls of a second interface, whose numbers begin here. */
enum { OTHER_INTERFACE = 0x40000000 };

static const uint32_t refused[] = {
    /* other programs */
    SYS_execve, SYS_execveat,
/* other processes; the sanitizers' search for leaks stops its own with ptrace */
#ifndef SANITIZED
    SYS_ptrace,
#endif
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_kcmp,
    /* a root, mounts and name spaces of its own */
    SYS_chroot, SYS_pivot_root, SYS_mount, SYS_umount2, SYS_move_mount, SYS_open_tree, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_unshare, SYS_setns, SYS_open_by_handle_at,
    /* the kernel itself */
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_bpf,
    SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_personality, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct,
    /* keys, clocks and names of the machine */
    SYS_add_key, SYS_keyctl, SYS_request_key, SYS_settimeofday, SYS_clock_settime, SYS_sethostname,
    SYS_setdomainname};

enum { REFUSED = sizeof(refused) / sizeof(refused[0]), AROUND = 7 };
_Static_assert(REFUSED < 250, "a jump goes over at most 255 instructions");

#define LOAD(member)                                                                               \
    (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define RETURN(what) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, what)
#define JUMP(test, value, yes, no)                                                                 \
    (struct sock_filter) BPF_JUMP(BPF_JMP | (test) | BPF_K, value, yes, no)

bool seccomp_install_filter(void)
{
    struct sock_filter code[REFUSED + AROUND];
    struct sock_fprog program = {.filter = code};
    unsigned short n = 0;

    if (NATIVE == 0)
        return false;
    code[n++] = LOAD(arch);
    code[n++] = JUMP(BPF_JEQ, NATIVE, 1, 0);
    code[n++] = RETURN(SECCOMP_RET_ERRNO | EPERM);
    code[n++] = LOAD(nr);
    code[n++] = JUMP(BPF_JGE, OTHER_INTERFACE, REFUSED + 1, 0);
    for (unsigned i = 0; i < REFUSED; i++)
        code[n++] = JUMP(BPF_JEQ, refused[i], (uint8_t)(REFUSED - i), 0);
    code[n++] = RETURN(SECCOMP_RET_ALLOW);
    code[n++] = RETURN(SECCOMP_RET_ERRNO | EPERM);
    program.len = n;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A seccomp filter: the kernel refuses a list of system calls that the engine never makes and an
 * intruder would make. A list of permitted calls would be stricter, but would break the service
 * when libc or libcurl uses another call. The filter is a program of classic BPF: it checks the
 * architecture, and then compares the number of the call with each number of the list. */
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
#define NATIVE 0 /* other architectures have no filter */
#endif

#if defined(__SANITIZE_ADDRESS__) /* gcc */
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) /* clang */
#define SANITIZED
#endif
#endif

/* Calls of x32, the second kernel interface of x86_64, have this bit set in their numbers. They are
 * refused. */
enum { X32_SYSCALL_BIT = 0x40000000 };

static const uint32_t refused_calls[] = {
    /* start of other programs */
    SYS_execve, SYS_execveat,
/* reading and control of other processes; LeakSanitizer itself calls ptrace */
#ifndef SANITIZED
    SYS_ptrace,
#endif
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_kcmp,
    /* other root directories, mounts, namespaces */
    SYS_chroot, SYS_pivot_root, SYS_mount, SYS_umount2, SYS_move_mount, SYS_open_tree, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_unshare, SYS_setns, SYS_open_by_handle_at,
    /* the kernel itself */
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_bpf,
    SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_personality, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct,
    /* kernel keys, clocks, host names */
    SYS_add_key, SYS_keyctl, SYS_request_key, SYS_settimeofday, SYS_clock_settime, SYS_sethostname,
    SYS_setdomainname};

/* Number of instructions of the filter: one comparison for each refused call, and seven others that
 * check the architecture and return (two LOAD, two JUMP, three RETURN). */
enum { REFUSED = sizeof(refused_calls) / sizeof(refused_calls[0]), OTHERS = 7 };
_Static_assert(REFUSED < 250, "a jump skips at most 255 instructions");

/* LOAD: reads a member of struct seccomp_data. JUMP: skips `yes` or `no` instructions. */
#define LOAD(member)                                                                               \
    (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define RETURN(action) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, action)
#define JUMP(test, value, yes, no)                                                                 \
    (struct sock_filter) BPF_JUMP(BPF_JMP | (test) | BPF_K, value, yes, no)

/* Builds the filter and installs it for this thread and the threads that it starts. A refused call
 * fails with EPERM. Returns false on an architecture without a filter, or if prctl fails. */
bool seccomp_install_filter(void)
{
    struct sock_filter code[REFUSED + OTHERS];
    struct sock_fprog program = {.filter = code};
    unsigned short n = 0;

    if (NATIVE == 0)
        return false;
    /* the numbers of another architecture mean other system calls, so all of them are refused */
    code[n++] = LOAD(arch);
    /* JUMP skips the RETURN when the architecture is the right one */
    code[n++] = JUMP(BPF_JEQ, NATIVE, 1, 0);
    code[n++] = RETURN(SECCOMP_RET_ERRNO | EPERM);
    code[n++] = LOAD(nr);
    code[n++] = JUMP(BPF_JGE, X32_SYSCALL_BIT, REFUSED + 1, 0);
    /* a refused call jumps to the last instruction; any other call reaches the one before it */
    for (unsigned i = 0; i < REFUSED; i++)
        code[n++] = JUMP(BPF_JEQ, refused_calls[i], (uint8_t)(REFUSED - i), 0);
    code[n++] = RETURN(SECCOMP_RET_ALLOW);
    code[n++] = RETURN(SECCOMP_RET_ERRNO | EPERM);
    program.len = n;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

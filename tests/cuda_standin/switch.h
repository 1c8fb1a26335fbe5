/* SPDX-License-Identifier: Apache-2.0 */
/* Changing stacks. swapcontext() asks the kernel for the signal mask each time, which a thread of a block that waits at a barrier cannot
 * afford; on x86-64 it is a dozen instructions. */
#ifndef TESTS_CUDA_STANDIN_SWITCH_H
#define TESTS_CUDA_STANDIN_SWITCH_H

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)

struct machine_context {
    void *sp;
};

/* Saves what the calling convention says is the caller's, and goes on where `to` was left. */
extern "C" void standin_switch(machine_context *from, const machine_context *to);
asm(".text\n.globl standin_switch\n.hidden standin_switch\n.type standin_switch, @function\nstandin_switch:\n"
    "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp, (%rdi)\nmov (%rsi), %rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
    ".size standin_switch, . - standin_switch\n");

static inline void standin_prepare(machine_context *c, char *stack, size_t size, void (*entry)())
{
    uintptr_t *top = (uintptr_t *)(((uintptr_t)stack + size) / 16 * 16);
    *--top = 0;                /* entry() never returns; at its start the stack is 8 off a multiple of 16 */
    *--top = (uintptr_t)entry; /* what `ret` takes */
    for (int i = 0; i < 6; i++) *--top = 0;
    c->sp = top;
}

#else
#include <ucontext.h>

struct machine_context {
    ucontext_t context;
};

static inline void standin_switch(machine_context *from, const machine_context *to)
{
    swapcontext(&from->context, &to->context);
}

static inline void standin_prepare(machine_context *c, char *stack, size_t size, void (*entry)())
{
    getcontext(&c->context);
    c->context.uc_stack.ss_sp = stack;
    c->context.uc_stack.ss_size = size;
    c->context.uc_link = nullptr;
    makecontext(&c->context, entry, 0);
}

#endif
#endif

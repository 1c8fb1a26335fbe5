/* SPDX-License-Identifier: Apache-2.0 */
/* Running a grid: blocks in turn, the threads of a block as fibers. One fiber runs thread after thread until one must wait at a barrier
 * or a shuffle; then another takes over. When all wait at the same barrier it opens; when nobody can go on, that is a violation. */
#include "state.h"

#include <cstdlib>
#include <sys/mman.h>

#include "switch.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace standin {

static const size_t STACK = 256 * 1024;

enum wait_kind { GO_ON, AT_BARRIER, AT_SHUFFLE, RETURNED };

struct fiber {
    machine_context context;
    char *stack = nullptr;
    void *fake = nullptr;
    bool busy = false; /* holds a thread that waits */
};

struct thread {
    uint3 index = {0, 0, 0};
    wait_kind state = GO_ON;
    fiber *on = nullptr;
    const char *file = nullptr;
    int line = 0;
    unsigned mask = 0;
};

/* Two sets of slots: a lane may be one exchange ahead of the slowest of its warp. */
struct warp {
    uint64_t slot[2][32];
    unsigned arrived = 0, turn = 0;
};

struct block {
    const operation *body = nullptr;
    std::vector<thread> threads;
    std::vector<warp> warps;
    std::vector<unsigned> order;
    size_t next = 0; /* of order: not yet begun */
    size_t now = 0;  /* the thread that runs */
    fiber *current = nullptr;
    std::vector<fiber *> idle;
    std::vector<char> shared;
};
static block &b = *new block; /* never destroyed: fibers rest in it */

static machine_context scheduler;
[[maybe_unused]] static void *scheduler_fake;
[[maybe_unused]] static const void *scheduler_stack;
[[maybe_unused]] static size_t scheduler_size;

/* ---- changing fibers, with AddressSanitizer told of it ---- */

static void enter(fiber *f)
{
    b.current = f;
#ifdef STANDIN_ASAN
    __sanitizer_start_switch_fiber(&scheduler_fake, f->stack, STACK);
#endif
    standin_switch(&scheduler, &f->context);
#ifdef STANDIN_ASAN
    __sanitizer_finish_switch_fiber(scheduler_fake, nullptr, nullptr);
#endif
}

static void leave(fiber *f)
{
#ifdef STANDIN_ASAN
    __sanitizer_start_switch_fiber(&f->fake, scheduler_stack, scheduler_size);
#endif
    standin_switch(&f->context, &scheduler);
#ifdef STANDIN_ASAN
    __sanitizer_finish_switch_fiber(f->fake, &scheduler_stack, &scheduler_size);
#endif
}

/* A fiber's whole life: begin threads while there are any, rest, begin again. */
static void live()
{
#ifdef STANDIN_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_size);
#endif
    for (;;) {
        fiber *self = b.current;
        while (b.next < b.order.size()) {
            b.now = b.order[b.next++];
            b.threads[b.now].on = self;
            threadIdx = b.threads[b.now].index;
            (*b.body)();
            b.threads[b.now].state = RETURNED;
        }
        self->busy = false;
        leave(self);
    }
}

static void prepare(fiber *f)
{
#ifdef STANDIN_ASAN
    __asan_unpoison_memory_region(f->stack, STACK);
#endif
    f->fake = nullptr;
    standin_prepare(&f->context, f->stack, STACK, live);
}

static fiber *take_fiber()
{
    if (!b.idle.empty()) {
        fiber *f = b.idle.back();
        b.idle.pop_back();
        return f;
    }
    fiber *f = new fiber;
    f->stack = (char *)mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (f->stack == MAP_FAILED) abort();
    prepare(f);
    return f;
}

static void wait_here(wait_kind kind, const char *file, int line)
{
    thread &t = b.threads[b.now];
    const size_t self = b.now;
    t.state = kind;
    t.file = file;
    t.line = line;
    t.on->busy = true;
    leave(t.on);
    b.now = self;
    b.current = t.on;
    threadIdx = t.index;
}

/* ---- one block ---- */

static void open_barrier()
{
    for (thread &t : b.threads) t.state = GO_ON;
}

/* Everybody waits at the same line: open. Else say what is wrong. */
static bool pass_barrier()
{
    const thread *first = nullptr;
    size_t waiting = 0, returned = 0;
    for (const thread &t : b.threads) {
        if (t.state == RETURNED) returned++;
        if (t.state != AT_BARRIER) continue;
        waiting++;
        if (!first) first = &t;
        if (t.line != first->line || strcmp(t.file, first->file) != 0) {
            violate("divergent barrier: in block (%u, %u, %u) threads wait at %s:%d and at line %d", blockIdx.x, blockIdx.y,
                    blockIdx.z, first->file, first->line, t.line);
            return false;
        }
    }
    if (waiting == b.threads.size()) {
        open_barrier();
        return true;
    }
    if (first) {
        violate("divergent barrier: in block (%u, %u, %u) %zu of %zu threads wait at %s:%d, %zu have returned", blockIdx.x,
                blockIdx.y, blockIdx.z, waiting, b.threads.size(), first->file, first->line, returned);
    } else {
        for (const thread &t : b.threads)
            if (t.state == AT_SHUFFLE) first = &t;
        violate("a shuffle or vote that not all lanes of its mask reach: %s:%d", first ? first->file : "?", first ? first->line : 0);
    }
    return false;
}

static void finish_block()
{
    std::vector<unsigned> order = b.order;
    for (;;) {
        while (b.next < b.order.size()) {
            fiber *f = take_fiber();
            enter(f);
            if (!f->busy) b.idle.push_back(f);
        }
        bool ran = false, left = false;
        for (unsigned i : order) {
            thread &t = b.threads[i];
            if (t.state == RETURNED) continue;
            left = true;
            if (t.state != GO_ON) continue;
            ran = true;
            fiber *f = t.on;
            b.now = i;
            f->busy = false;
            enter(f);
            if (!f->busy) b.idle.push_back(f);
        }
        if (!left) return;
        if (!ran && !pass_barrier()) break;
    }
    for (thread &t : b.threads) { /* what hangs is given up: its stack is used afresh */
        if (t.state == RETURNED || !t.on || !t.on->busy) continue;
        t.on->busy = false;
        prepare(t.on);
        b.idle.push_back(t.on);
    }
}

static void run_block(uint3 at, const cudaLaunchConfig_t &config, char *shared, size_t shared_bytes)
{
    const dim3 d = config.blockDim;
    const size_t n = (size_t)d.x * d.y * d.z;
    blockIdx = at;
    if (shared_bytes) memset(shared, 0xff, shared_bytes);
    b.shared.assign(config.dynamicSmemBytes + 16, (char)0xff);
    b.threads.assign(n, thread());
    for (size_t i = 0; i < n; i++)
        b.threads[i].index = {(unsigned)(i % d.x), (unsigned)(i / d.x % d.y), (unsigned)(i / d.x / d.y)};
    b.warps.assign((n + 31) / 32, warp());
    b.order = arrange(n);
    b.next = 0;
    finish_block();
}

void run_grid(const cudaLaunchConfig_t &config, const operation &body, char *shared, size_t shared_bytes)
{
    const dim3 g = config.gridDim;
    const size_t n = (size_t)g.x * g.y * g.z;
    b.body = &body;
    gridDim = g;
    blockDim = config.blockDim;
    for (unsigned i : arrange(n)) {
        run_block({i % g.x, i / g.x % g.y, i / g.x / g.y}, config, shared, shared_bytes);
        if (trouble() != cudaSuccess) break;
    }
    get().counts[CUDA_STANDIN_LAUNCHES]++;
}

/* All that are in the mask and exist. */
static unsigned members(size_t w, unsigned mask)
{
    const size_t lanes = b.threads.size() - 32 * w;
    return lanes >= 32 ? mask : mask & ((1u << lanes) - 1);
}

static void meet(unsigned mask, uint64_t value, const char *file, int line)
{
    const size_t w = b.now / 32, lane = b.now % 32;
    warp &own = b.warps[w];
    if (!(mask >> lane & 1)) violate("%s:%d: lane %zu is not in its own mask %08x", file, line, lane, mask);
    own.slot[own.turn & 1][lane] = value;
    own.arrived |= 1u << lane;
    b.threads[b.now].mask = mask;
    if (own.arrived != members(w, mask)) {
        wait_here(AT_SHUFFLE, file, line);
        return;
    }
    own.arrived = 0;
    own.turn++;
    for (size_t l = 0; l < 32 && 32 * w + l < b.threads.size(); l++) {
        thread &t = b.threads[32 * w + l];
        if (t.state != AT_SHUFFLE) continue;
        if (t.line != line || t.mask != mask)
            violate("lanes of a warp meet at %s:%d and at line %d, with masks %08x and %08x", file, line, t.line, mask, t.mask);
        t.state = GO_ON;
    }
}

}

using namespace standin;

void cuda_standin_barrier(const char *file, int line)
{
    wait_here(AT_BARRIER, file, line);
}

int cuda_standin_lane(void)
{
    return (int)(b.now % 32);
}

unsigned cuda_standin_lanes(void)
{
    return members(b.now / 32, 0xffffffffu);
}

uint64_t cuda_standin_exchange(unsigned mask, uint64_t value, int source, const char *file, int line)
{
    meet(mask, value, file, line);
    const size_t w = b.now / 32;
    const unsigned from = members(w, mask);
    if (source < 0 || source > 31 || !(from >> source & 1)) source = (int)(b.now % 32);
    return b.warps[w].slot[(b.warps[w].turn - 1) & 1][source];
}

unsigned cuda_standin_ballot(unsigned mask, int predicate, const char *file, int line)
{
    meet(mask, predicate != 0, file, line);
    const size_t w = b.now / 32;
    unsigned bits = 0;
    for (unsigned l = 0; l < 32; l++)
        if (members(w, mask) >> l & 1 && b.warps[w].slot[(b.warps[w].turn - 1) & 1][l]) bits |= 1u << l;
    return bits;
}

void *cuda_standin_dynamic_shared(void)
{
    return (void *)(((uintptr_t)b.shared.data() + 15) / 16 * 16);
}

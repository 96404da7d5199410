/* Runs mixture_cdf.cu on the CPU, so that every line of it is tested where there is no GPU.
 *
 * A block's threads are fibers. Each runs until it meets the others at a warp operation; the block goes on when
 * all are there, as a GPU's warp does. Blocks run one after another. Only what the kernels use is here.
 * (A fiber starts with setcontext, and goes on with longjmp, which makes no system call.)
 */
#include <math.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <tuple>
#include <utility>

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(threads)
#define __align__(bytes) alignas(bytes)

struct index3 {
  unsigned x;
};
static index3 threadIdx, blockIdx, blockDim, gridDim;

static const unsigned MOST = 128;
static const size_t STACK = 64 << 10;
static jmp_buf scheduler, fibers[MOST];
static bool started[MOST], done[MOST];
static uint64_t exchanged[2][MOST]; /* two, so that none is overwritten before all have read it */
static unsigned meetings[MOST];
static char *stacks;

static void meet() {
  unsigned thread = threadIdx.x;
  meetings[thread]++;
  if (!_setjmp(fibers[thread])) _longjmp(scheduler, 1);
}

template <class T>
static T exchange(T value, unsigned (*from)(unsigned, unsigned), unsigned argument) {
  uint64_t *slots = exchanged[meetings[threadIdx.x] & 1];
  slots[threadIdx.x] = 0;
  memcpy(&slots[threadIdx.x], &value, sizeof value);
  meet();
  T result;
  memcpy(&result, &slots[from(threadIdx.x, argument)], sizeof result);
  return result;
}

template <class T>
static T __shfl_xor_sync(unsigned, T value, unsigned mask) {
  return exchange(value, [](unsigned thread, unsigned by) { return thread ^ by; }, mask);
}

template <class T>
static T __shfl_sync(unsigned, T value, unsigned thread) {
  return exchange(value, [](unsigned, unsigned from) { return from; }, thread);
}

static unsigned __ballot_sync(unsigned, bool holds) {
  uint64_t *slots = exchanged[meetings[threadIdx.x] & 1];
  slots[threadIdx.x] = holds;
  meet();
  unsigned ballot = 0;
  for (unsigned i = 0; i < blockDim.x; i++) ballot |= (unsigned)slots[i] << i;
  return ballot;
}

static void __syncwarp() { meet(); }
static int __popc(unsigned bits) { return __builtin_popcount(bits); }
static void atomicOr(int32_t *at, int32_t bits) { *at |= bits; }

#include "mixture_cdf.cu"

static void (*body)(void **);
static void **arguments;

static void run_fiber() {
  body(arguments);
  done[threadIdx.x] = true;
  _longjmp(scheduler, 1);
}

/* Runs a thread until it meets the others or ends. */
static __attribute__((noinline)) void resume(unsigned thread) {
  static ucontext_t fresh;
  threadIdx.x = thread;
  if (_setjmp(scheduler)) return;
  if (started[thread]) _longjmp(fibers[thread], 1);
  started[thread] = true;
  if (!stacks) stacks = (char *)malloc(MOST * STACK);
  getcontext(&fresh);
  fresh.uc_stack.ss_sp = stacks + thread * STACK;
  fresh.uc_stack.ss_size = STACK;
  makecontext(&fresh, run_fiber, 0);
  setcontext(&fresh);
}

static void run(void (*kernel)(void **), unsigned blocks, unsigned threads, void **given) {
  if (threads > MOST) abort();
  body = kernel, arguments = given;
  gridDim.x = blocks, blockDim.x = threads;
  for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) {
    for (unsigned i = 0; i < threads; i++) started[i] = done[i] = false, meetings[i] = 0;
    for (unsigned left = threads; left;) {
      left = 0;
      for (unsigned i = 0; i < threads; i++) {
        if (!done[i]) resume(i);
        left += !done[i];
      }
      for (unsigned i = 0; i < threads && left; i++)
        if (done[i] || meetings[i] != meetings[0]) {
          fprintf(stderr, "thread %u left its warp\n", i);
          abort();
        }
    }
  }
}

template <class... Args, size_t... I>
static void call(void (*kernel)(Args...), void **given, std::index_sequence<I...>) {
  kernel(*(Args *)given[I]...);
}

/* The arguments arrive as for cuLaunchKernel: pointers to the values. */
template <class... Args>
static void call(void (*kernel)(Args...), void **given) {
  call(kernel, given, std::index_sequence_for<Args...>());
}

extern "C" void launch(const char *name, unsigned blocks, unsigned threads, void **given) {
  if (!strcmp(name, "l3c_intervals"))
    run([](void **a) { call(l3c_intervals, a); }, blocks, threads, given);
  else if (!strcmp(name, "l3c_cdf"))
    run([](void **a) { call(l3c_cdf, a); }, blocks, threads, given);
  else if (!strcmp(name, "l3c_encode"))
    run([](void **a) { call(l3c_encode, a); }, blocks, threads, given);
  else if (!strcmp(name, "l3c_decode"))
    run([](void **a) { call(l3c_decode, a); }, blocks, threads, given);
  else
    abort();
}

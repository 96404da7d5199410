/* Functions marked CLONES are compiled for several instruction sets, of which the loader takes the best one. Only where
 * loops do integer arithmetic, or that of IEEE 754 in a fixed order: all clones give the same results. */
#ifndef L3C_CLONES_H
#define L3C_CLONES_H

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && !defined(NO_CLONES)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

#endif

/* Included first where the compiler is neither gcc nor clang (setup.py). Attributes are about speed here: results are the
 * same without. */
#ifndef __GNUC__
#define __attribute__(list)
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share. A broken invariant ends the process, as libFuzzer wants it. */
#ifndef UKEY_TESTS_FUZZ_FUZZ_H
#define UKEY_TESTS_FUZZ_FUZZ_H

#include "common/bytes.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stands also where NDEBUG is set. */
#define FUZZ_REQUIRE(condition)                                                                                        \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

/* The range lies inside the other one. */
static inline bool fuzz_inside(struct bytes part, struct bytes whole)
{
	return part.len == 0 || (part.data >= whole.data && part.len <= whole.len &&
					(size_t)(part.data - whole.data) <= whole.len - part.len);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of libp11-kit-dev's header. */
#include <p11-kit/pkcs11.h>

#include "tests/unit/p11_theirs.h"

/* clang-format off */
const struct p11_fact p11_theirs_constants[] = {
#define CONSTANT(name) {#name, name},
#include "p11_constants.def"
	{NULL, 0},
};

const struct p11_fact p11_theirs_layout[] = {P11_LAYOUT {NULL, 0}};
/* clang-format on */

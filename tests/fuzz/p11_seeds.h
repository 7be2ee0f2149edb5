/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UKEY_TESTS_FUZZ_P11_SEEDS_H
#define UKEY_TESTS_FUZZ_P11_SEEDS_H

#include "tests/fuzz/p11_program.h"

/* For a module with so many mechanisms; ends the process where the folder cannot be written. */
void seeds_write(const char *folder, unsigned mechanisms);

#endif

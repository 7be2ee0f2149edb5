# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/budget/p11_steps
tests_budget_p11_steps_SOURCES = tests/budget/p11_steps.c
tests_budget_p11_steps_LDADD =

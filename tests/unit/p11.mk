# SPDX-License-Identifier: Apache-2.0
# pkcs11/: our header beside p11-kit's. The list of constants that both have is made from the two.
UNIT_TESTS += tests/unit/test_p11_header tests/unit/test_p11_tables
tests_unit_test_p11_header_SOURCES = tests/unit/test_p11_header.c tests/unit/p11_theirs.c tests/unit/p11_theirs.h
tests_unit_test_p11_header_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(P11KIT_CFLAGS)
tests_unit_test_p11_header_LDADD = $(CMOCKA_LIBS)
tests/unit/test_p11_header-test_p11_header.$(OBJEXT): p11_constants.def
tests/unit/test_p11_header-p11_theirs.$(OBJEXT): p11_constants.def
p11_constants.def: pkcs11/pkcs11.h pkcs11/constants.h
	$(AM_V_GEN)for h in pkcs11/pkcs11.h p11-kit/pkcs11.h; do \
		echo "#include <$$h>" | $(CC) -E -dM -I$(top_srcdir) $(P11KIT_CFLAGS) -x c - | \
		sed -n 's/^#define \(CK[ACDFGHKMNORSUZ]_[A-Za-z0-9_]*\) .*/CONSTANT(\1)/p' | sort -u; \
	done | sort | uniq -d >$@.new && mv $@.new $@
CLEANFILES += p11_constants.def
tests_unit_test_p11_tables_SOURCES = tests/unit/test_p11_tables.c
tests_unit_test_p11_tables_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_p11_tables_LDADD = libp11core.la libukeycore.la libcommon.la $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_assuan
tests_unit_test_assuan_SOURCES = tests/unit/test_assuan.c
tests_unit_test_assuan_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_assuan_LDADD = libp11core.la libukeycore.la libcommon.la $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_p11_returned
tests_unit_test_p11_returned_SOURCES = tests/unit/test_p11_returned.c
tests_unit_test_p11_returned_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_p11_returned_LDADD = libp11core.la libukeycore.la libcommon.la $(CMOCKA_LIBS)

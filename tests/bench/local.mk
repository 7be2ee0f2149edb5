# SPDX-License-Identifier: Apache-2.0
# make bench: what things cost (doc/benchmarks.md).
check_LTLIBRARIES += tests/bench/pcsc_shim.la
tests_bench_pcsc_shim_la_SOURCES = tests/bench/pcsc_shim.c
tests_bench_pcsc_shim_la_CFLAGS = $(AM_CFLAGS) $(PCSC_CFLAGS)
# -rpath: without one libtool makes no shared object.
tests_bench_pcsc_shim_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(abs_builddir)

bench_programs = tests/bench/p11_time tests/bench/bare
check_PROGRAMS += $(bench_programs)
tests_bench_p11_time_SOURCES = tests/bench/p11_time.c tests/bench/rate.c tests/bench/rate.h
tests_bench_bare_SOURCES = tests/bench/bare.c tests/bench/rate.c tests/bench/rate.h \
	tests/channel/tunnel.c tests/channel/tunnel.h
tests_bench_bare_CFLAGS = $(AM_CFLAGS) $(PCSC_CFLAGS) $(CRYPTO_CFLAGS)
tests_bench_bare_LDADD = libcommon.la $(PCSC_LIBS) $(CRYPTO_LIBS)

# A token and a libukey with larger limits than theirs: what depends on the limits is compiled once more, with these. It
# stands in front of the libraries that have the same, and so nothing of that is taken from there.
many_limits = -DFW_CONTAINERS=85 -DFW_CERTIFICATES=245 -DFW_DATA_OBJECTS=245 -DFW_ANSWER_DATA_MAX=65000 \
	-DDIRECTORY_CONTAINERS_MAX=85 -DDIRECTORY_CERTIFICATES_MAX=245 -DDIRECTORY_DATA_MAX=245
EXTRA_LTLIBRARIES += libmanycore.la
libmanycore_la_SOURCES = $(libfwcore_la_SOURCES)
libmanycore_la_CPPFLAGS = $(AM_CPPFLAGS) $(many_limits)
EXTRA_PROGRAMS += tests/bench/objects
CLEANFILES += tests/bench/objects libmanycore.la
tests_bench_objects_SOURCES = tests/bench/objects.c tests/bench/rate.c tests/bench/rate.h \
	driver/directory.c driver/key.c driver/card/info.c
tests_bench_objects_CPPFLAGS = $(AM_CPPFLAGS) $(many_limits)
tests_bench_objects_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
tests_bench_objects_LDADD = libp11core.la libloop.la libukeycore.la libramtoken.la libmanycore.la $(ramtoken_under_core)

bench: all $(bench_programs) tests/bench/pcsc_shim.la tests/bench/objects
	BUILD=$(abs_builddir) bash $(srcdir)/tests/bench/bench.sh $(BENCH_ARGUMENTS)
	BUILD=$(abs_builddir) bash $(srcdir)/tests/bench/piv.sh $(BENCH_ARGUMENTS)

# The ways to a token on USB; BENCH_ARGUMENTS=--vm: under a real kernel, in a virtual machine.
bench-usb: all check-usb-programs
	BUILD=$(abs_builddir) bash $(srcdir)/tests/bench/usb.sh $(BENCH_ARGUMENTS)
.PHONY: bench bench-usb check-usb-programs

EXTRA_DIST += tests/bench/usb.sh tests/bench/piv.sh tests/bench/bench.sh tests/bench/lib.sh

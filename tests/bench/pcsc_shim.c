/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a program and libpcsclite: counts what goes through, and changes nothing. It knows nothing of tokens or of
 * their commands, so it counts other people's modules as well as ours.
 *
 *	PCSC_SHIM_COUNTS=FILE LD_PRELOAD=.../pcsc_shim.so PROGRAM
 *
 * For a program that loads libpcsclite by its name and asks that for its functions (OpenSC does, see provider_library
 * in opensc.conf) name the shim there instead. The real library is PCSC_SHIM_REAL, or libpcsclite.so.1.
 *
 * FILE is a row of 64-bit numbers in the machine's order (tests/bench/pcsc_counts.sh reads them): APDUs, bytes sent,
 * bytes received, all calls of PC/SC, and then the calls of each function in the order of `names`. Programs that run at
 * the same time, and children, count into the same file.
 */
#include "config.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <winscard.h>

#define SHIM __attribute__((visibility("default")))

/* clang-format off */
enum function {
	ESTABLISH, RELEASE, VALID, CONNECT, RECONNECT, DISCONNECT, BEGIN, END, STATUS, STATUS_CHANGE, CONTROL, TRANSMIT,
	READERS, GROUPS, FREE, CANCEL, GET_ATTRIB, SET_ATTRIB, FUNCTIONS,
};
static const char *const names[FUNCTIONS] = {
	"SCardEstablishContext", "SCardReleaseContext", "SCardIsValidContext", "SCardConnect", "SCardReconnect",
	"SCardDisconnect", "SCardBeginTransaction", "SCardEndTransaction", "SCardStatus", "SCardGetStatusChange",
	"SCardControl", "SCardTransmit", "SCardListReaders", "SCardListReaderGroups", "SCardFreeMemory", "SCardCancel",
	"SCardGetAttrib", "SCardSetAttrib",
};
/* clang-format on */

struct counts {
	_Atomic uint64_t apdus, sent, received, calls;
	_Atomic uint64_t call[FUNCTIONS];
};

static struct counts nobodys; /* when there is no file */
static struct counts *counts = &nobodys;
static void *real[FUNCTIONS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void map_counts(void)
{
	const char *path = getenv("PCSC_SHIM_COUNTS");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return;
	if (ftruncate(fd, sizeof *counts) == 0) {
		void *at = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at != MAP_FAILED)
			counts = at;
	}
	close(fd);
}

static void begin(void)
{
	const char *path = getenv("PCSC_SHIM_REAL");
	void *library = dlopen(path ? path : "libpcsclite.so.1", RTLD_NOW | RTLD_LOCAL);

	for (unsigned i = 0; library && i < FUNCTIONS; i++)
		real[i] = dlsym(library, names[i]);
	map_counts();
}

/* The real function, counted; NULL when libpcsclite has none. */
static void *counted(enum function f)
{
	pthread_once(&once, begin);
	atomic_fetch_add_explicit(&counts->calls, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&counts->call[f], 1, memory_order_relaxed);
	return real[f];
}

/* A function with these parameters that hands its arguments through. */
#define PASS(function, name, parameters, arguments)                                                                    \
	SHIM LONG name parameters                                                                                      \
	{                                                                                                              \
		LONG(*next) parameters = (LONG(*) parameters)counted(function);                                        \
		return next ? next arguments : SCARD_F_INTERNAL_ERROR;                                                 \
	}

PASS(ESTABLISH, SCardEstablishContext, (DWORD scope, LPCVOID r1, LPCVOID r2, LPSCARDCONTEXT context),
	(scope, r1, r2, context))
PASS(RELEASE, SCardReleaseContext, (SCARDCONTEXT context), (context))
PASS(VALID, SCardIsValidContext, (SCARDCONTEXT context), (context))
PASS(CONNECT, SCardConnect,
	(SCARDCONTEXT context, LPCSTR reader, DWORD mode, DWORD protocols, LPSCARDHANDLE card, LPDWORD protocol),
	(context, reader, mode, protocols, card, protocol))
PASS(RECONNECT, SCardReconnect, (SCARDHANDLE card, DWORD mode, DWORD protocols, DWORD init, LPDWORD protocol),
	(card, mode, protocols, init, protocol))
PASS(DISCONNECT, SCardDisconnect, (SCARDHANDLE card, DWORD disposition), (card, disposition))
PASS(BEGIN, SCardBeginTransaction, (SCARDHANDLE card), (card))
PASS(END, SCardEndTransaction, (SCARDHANDLE card, DWORD disposition), (card, disposition))
PASS(STATUS, SCardStatus,
	(SCARDHANDLE card, LPSTR name, LPDWORD name_len, LPDWORD state, LPDWORD protocol, LPBYTE atr, LPDWORD atr_len),
	(card, name, name_len, state, protocol, atr, atr_len))
PASS(STATUS_CHANGE, SCardGetStatusChange, (SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count),
	(context, timeout, states, count))
PASS(CONTROL, SCardControl,
	(SCARDHANDLE card, DWORD code, LPCVOID in, DWORD in_len, LPVOID out, DWORD room, LPDWORD out_len),
	(card, code, in, in_len, out, room, out_len))
PASS(READERS, SCardListReaders, (SCARDCONTEXT context, LPCSTR groups, LPSTR readers, LPDWORD len),
	(context, groups, readers, len))
PASS(GROUPS, SCardListReaderGroups, (SCARDCONTEXT context, LPSTR groups, LPDWORD len), (context, groups, len))
PASS(FREE, SCardFreeMemory, (SCARDCONTEXT context, LPCVOID memory), (context, memory))
PASS(CANCEL, SCardCancel, (SCARDCONTEXT context), (context))
PASS(GET_ATTRIB, SCardGetAttrib, (SCARDHANDLE card, DWORD id, LPBYTE value, LPDWORD len), (card, id, value, len))
PASS(SET_ATTRIB, SCardSetAttrib, (SCARDHANDLE card, DWORD id, LPCBYTE value, DWORD len), (card, id, value, len))

SHIM LONG SCardTransmit(SCARDHANDLE card, const SCARD_IO_REQUEST *send, LPCBYTE command, DWORD command_len,
	SCARD_IO_REQUEST *receive, LPBYTE answer, LPDWORD answer_len)
{
	LONG(*next)
	(SCARDHANDLE, const SCARD_IO_REQUEST *, LPCBYTE, DWORD, SCARD_IO_REQUEST *, LPBYTE, LPDWORD) =
		(LONG(*)(SCARDHANDLE, const SCARD_IO_REQUEST *, LPCBYTE, DWORD, SCARD_IO_REQUEST *, LPBYTE,
			LPDWORD))counted(TRANSMIT);
	LONG rv = next ? next(card, send, command, command_len, receive, answer, answer_len) : SCARD_F_INTERNAL_ERROR;

	/* What did not reach a card is not a command. */
	if (rv == SCARD_S_SUCCESS) {
		atomic_fetch_add_explicit(&counts->apdus, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&counts->sent, command_len, memory_order_relaxed);
		atomic_fetch_add_explicit(&counts->received, answer_len ? *answer_len : 0, memory_order_relaxed);
	}
	return rv;
}

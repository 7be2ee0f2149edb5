/* SPDX-License-Identifier: Apache-2.0 */
/* driver/status.def as functions. */
#include "driver/ukey.h"

#include "common/i18n.h"

struct row {
	enum ukey_status status;
	const char *name;
	unsigned long ckr;
	uint32_t sar, scard;
	int exit_code;
	const char *message, *hint;
};

static const struct row rows[] = {
#define STATUS(name, ckr, sar, scard, exit_code, message, hint)                                                        \
	{UKEY_##name, #name, ckr, sar, scard, exit_code, message, hint},
#include "driver/status.def"
#undef STATUS
};

/* The enum and the table name the same outcomes in the same order. */
enum order {
#define STATUS(name, ckr, sar, scard, exit_code, message, hint) ROW_##name,
#include "driver/status.def"
#undef STATUS
	ROW_COUNT
};
#define STATUS(name, ckr, sar, scard, exit_code, message, hint)                                                        \
	_Static_assert((int)UKEY_##name == (int)ROW_##name, #name " is out of order in ukey.h or status.def");
#include "driver/status.def"
#undef STATUS
_Static_assert((int)UKEY_STATUS_COUNT == (int)ROW_COUNT, "ukey.h and status.def differ in length");

/* A number that is no outcome is itself a fault of ours. */
static const struct row *row(enum ukey_status s)
{
	return &rows[(unsigned)s < UKEY_STATUS_COUNT ? s : UKEY_INTERNAL];
}

const char *ukey_status_name(enum ukey_status s)
{
	return row(s)->name;
}

const char *ukey_status_message(enum ukey_status s)
{
	i18n_init();
	return _(row(s)->message);
}

const char *ukey_status_hint(enum ukey_status s)
{
	const char *hint = row(s)->hint;

	i18n_init();
	/* gettext answers "" with the catalogue's header. */
	return hint[0] ? _(hint) : "";
}

unsigned long ukey_status_ckr(enum ukey_status s)
{
	return row(s)->ckr;
}

uint32_t ukey_status_sar(enum ukey_status s)
{
	return row(s)->sar;
}

uint32_t ukey_status_scard(enum ukey_status s)
{
	return row(s)->scard;
}

int ukey_status_exit(enum ukey_status s)
{
	return row(s)->exit_code;
}

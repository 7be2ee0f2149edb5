/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/wire/trusted.h"

#include "common/tlv.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[64];
static pid_t maker;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void remove_home(void)
{
	if (getpid() == maker)
		nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void trusted_write_pem(const char *path, struct bytes ders)
{
	struct cursor c = cursor_of(ders);
	FILE *f = fopen(path, "w");

	must(f);
	while (c.left > 0) {
		struct bytes der = tlv_take_whole(&c, 0x30);
		const uint8_t *at = der.data;
		X509 *x = d2i_X509(NULL, &at, (long)der.len);
		must(x && PEM_write_X509(f, x) == 1);
		X509_free(x);
	}
	must(fclose(f) == 0);
}

static void write_configuration(const char *lines)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof path, "%s/openukey/openukey.conf", home);
	f = fopen(path, "w");
	must(f);
	if (!lines || !strstr(lines, "trusted-roots"))
		fprintf(f, "trusted-roots = %s/root.pem\n", home);
	fputs(lines ? lines : "", f);
	must(fclose(f) == 0);
}

static void make_home(void)
{
	char path[128];

	snprintf(home, sizeof home, "/tmp/ukey-home.XXXXXX");
	must(mkdtemp(home));
	maker = getpid();
	atexit(remove_home);
	snprintf(path, sizeof path, "%s/openukey", home);
	must(mkdir(path, 0700) == 0);
	snprintf(path, sizeof path, "%s/root.pem", home);
	trusted_write_pem(path, personal_root(PERSONAL_MAKER));
	snprintf(path, sizeof path, "%s/state", home);
	must(setenv("XDG_CONFIG_HOME", home, 1) == 0 && setenv("XDG_STATE_HOME", path, 1) == 0);
	snprintf(path, sizeof path, "%s/cache", home);
	must(setenv("XDG_CACHE_HOME", path, 1) == 0);
	unsetenv("OPENUKEY_DEBUG");
	write_configuration(NULL);
}

const char *trusted_home(void)
{
	if (!home[0])
		make_home();
	return home;
}

void trusted_configure(const char *lines)
{
	trusted_home();
	write_configuration(lines);
}

static void forget(const char *folder)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", trusted_home(), folder);
	must(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT);
}

void trusted_forget(void)
{
	forget("state");
	trusted_forget_cache();
}

void trusted_forget_cache(void)
{
	forget("cache");
}

bool trusted_personal(void)
{
	return strstr(program_invocation_short_name, "personal") != NULL;
}

struct ramtoken *trusted_token(struct ramtoken *t)
{
	struct personal p;

	if (trusted_personal())
		personal_make(t, NULL, &p);
	return t;
}

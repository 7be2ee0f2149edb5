/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: what applications need of this machine besides a token. */
#include "config.h"

#include "tools/doctor.h"

#include <dirent.h>
#include <dlfcn.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_NAME "ukey.module"
#define PATH_SIZE   DOCTOR_PATH

/* ---- the makers' roots ---- */

/* A statement of no bytes is never valid; but the roots are looked at before it is. */
void doctor_roots(struct doctor *d)
{
	struct ukey_attestation a;
	const enum ukey_status s = ukey_attestation_verify(NULL, NULL, 0, NULL, 0, NULL, 0, NULL, 0, &a);

	if (s == UKEY_NO_ROOTS)
		doctor_add(d, DOCTOR_WARNING, "roots",
			_("put the maker's root certificate (PEM) where trusted-roots in openukey.conf says"),
			_("no maker's root certificates are installed (%s): tokens with a device key need them"),
			ukey_attestation_problem());
	else if (s == UKEY_ATTEST_INVALID)
		doctor_add(d, DOCTOR_OK, "roots", "", _("makers' root certificates are installed"));
	/* a configuration that is wrong was told where the library could not be opened */
}

/* ---- the program that asks for PINs ---- */

/* As execvp(3) finds it. */
static bool in_path(const char *name)
{
	const char *path = getenv("PATH");
	char place[PATH_SIZE];

	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0;
	while (path != NULL && *path != '\0') {
		const size_t len = strcspn(path, ":");
		snprintf(place, sizeof(place), "%.*s/%s", (int)len, path, name);
		if (access(place, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

void doctor_pinentry(struct doctor *d)
{
	const char *name = d->t->library != NULL ? ukey_setting_pinentry(d->t->library) : NULL;

	if (name == NULL)
		return;
	if (in_path(name))
		doctor_add(d, DOCTOR_OK, "pinentry", "", _("PINs for programs are asked for by %s"), name);
	else
		doctor_add(d, DOCTOR_PROBLEM, "pinentry",
			_("install it (package pinentry-gtk2, pinentry-qt or pinentry-curses), or set pinentry = no in "
			  "openukey.conf"),
			_("the program that is to ask for PINs, %s, is not there"), name);
}

/* ---- the PKCS#11 module and its registration ---- */

static void trim(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	memmove(text, text + strspn(text, " \t"), strlen(text + strspn(text, " \t")) + 1);
}

/* The value of "module:" in a p11-kit module file (pkcs11.conf(5)). */
bool doctor_module_line(const char *path, char out[PATH_SIZE])
{
	FILE *f = fopen(path, "r");
	char line[PATH_SIZE];
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		trim(line);
		if (strncmp(line, "module:", 7) != 0)
			continue;
		trim(line + 7);
		memmove(out, line + 7, strlen(line + 7) + 1);
		trim(out);
		found = out[0] != '\0';
	}
	fclose(f);
	return found;
}

/* p11-kit's own folders and the one of this build; the user's and the administrator's come first, as in p11-kit. */
static bool find_config(char path[PATH_SIZE], char module[PATH_SIZE])
{
	const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME");
	char user[PATH_SIZE] = "";
	const char *const folders[] = {user, "/etc/pkcs11/modules", P11CONFIGDIR, "/usr/share/p11-kit/modules",
		"/usr/local/share/p11-kit/modules"};

	if (config != NULL && config[0] == '/')
		snprintf(user, sizeof(user), "%s/pkcs11/modules", config);
	else if (home != NULL)
		snprintf(user, sizeof(user), "%s/.config/pkcs11/modules", home);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		int n = snprintf(path, PATH_SIZE, "%s/" CONFIG_NAME, folders[i]);
		if (folders[i][0] != '\0' && n > 0 && n < PATH_SIZE && access(path, F_OK) == 0) {
			if (!doctor_module_line(path, module))
				module[0] = '\0';
			return true;
		}
	}
	return false;
}

/* A name without folder is looked for where p11-kit keeps modules. */
bool doctor_module_find(const char *name, char out[PATH_SIZE])
{
	static const char *const folders[] = {P11MODULEDIR, "/usr/lib/x86_64-linux-gnu/pkcs11",
		"/usr/lib/aarch64-linux-gnu/pkcs11", "/usr/lib64/pkcs11", "/usr/lib/pkcs11", "/usr/local/lib/pkcs11"};

	if (name[0] == '/') {
		snprintf(out, PATH_SIZE, "%s", name);
		return access(out, F_OK) == 0;
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		int n = snprintf(out, PATH_SIZE, "%s/%s", folders[i], name);
		if (n > 0 && n < PATH_SIZE && access(out, F_OK) == 0)
			return true;
	}
	return false;
}

/* In a child: a module that crashes when it is loaded must not take us with it. The reason comes through a pipe. */
bool doctor_module_loads(const char *path, char *why, size_t cap)
{
	int ends[2], status = 0;
	ssize_t n;
	pid_t child;

	why[0] = '\0';
	if (pipe(ends) != 0)
		return true; /* no judgement */
	fflush(NULL);
	child = fork();
	if (child == 0) {
		void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		const char *reason = NULL;
		close(ends[0]);
		if (module == NULL)
			reason = dlerror();
		else if (dlsym(module, "C_GetFunctionList") == NULL)
			reason = "no C_GetFunctionList";
		if (reason != NULL && write(ends[1], reason, strlen(reason)) < 0)
			_exit(2);
		_exit(reason != NULL);
	}
	close(ends[1]);
	n = child > 0 ? read(ends[0], why, cap - 1) : 0;
	why[n > 0 ? n : 0] = '\0';
	close(ends[0]);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return true;
	if (WIFSIGNALED(status))
		snprintf(why, cap, _("it crashed: signal %d"), WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void doctor_module(struct doctor *d)
{
	char config[PATH_SIZE], name[PATH_SIZE] = "", path[PATH_SIZE], why[512];

	if (!find_config(config, name)) {
		doctor_add(d, DOCTOR_PROBLEM, "module-registered",
			_("install OpenUKey completely (make install), or put a line \"module: "
			  "/path/to/ukey-pkcs11.so\" into ~/.config/pkcs11/modules/ukey.module"),
			_("the PKCS#11 module is not registered with p11-kit: programs do not see the token"));
		return;
	}
	if (name[0] == '\0') {
		doctor_add(d, DOCTOR_PROBLEM, "module-registered", _("write a line: module: /path/to/ukey-pkcs11.so"),
			_("%s names no module"), config);
		return;
	}
	if (!doctor_module_find(name, path)) {
		doctor_add(d, DOCTOR_PROBLEM, "module-registered",
			_("correct the line \"module:\" in that file, or install OpenUKey again"),
			_("%s points to %s, which does not exist"), config, name);
		return;
	}
	doctor_add(d, DOCTOR_OK, "module-registered", "", _("the PKCS#11 module is registered: %s"), config);
	if (doctor_module_loads(path, why, sizeof(why)))
		doctor_add(d, DOCTOR_OK, "module-loads", "", _("the PKCS#11 module loads: %s"), path);
	else
		doctor_add(d, DOCTOR_PROBLEM, "module-loads", _("install OpenUKey and the libraries it needs again"),
			_("the PKCS#11 module %s does not load: %s"), path, why);
}

/* ---- limits and language ---- */

/* Without it everything works, and takes longer. */
void doctor_cache(struct doctor *d)
{
	static const struct {
		enum doctor_level level;
		const char *found, *mend;
	} lines[] = {
		[UKEY_CACHE_USED] = {DOCTOR_OK,      N_("what is known of tokens is kept"),                            ""},
		[UKEY_CACHE_OFF] = {DOCTOR_OK,      N_("the cache is switched off in the configuration"),             ""},
		[UKEY_CACHE_NOWHERE] = {DOCTOR_WARNING,
				     N_("there is no home folder for the cache: every program reads each token anew"),
				     N_("set HOME, or XDG_CACHE_HOME")                                                   },
		[UKEY_CACHE_MISSING] = {DOCTOR_WARNING, N_("the cache is not used: its folder cannot be made"),
				     N_("see that the folder it is to be made in exists, is yours and is not full")      },
		[UKEY_CACHE_IN_PLACE] = {DOCTOR_WARNING,
				     N_("the cache is not used: something that is not a folder is in its place"),
				     N_("remove it, or move it away")                                                    },
		[UKEY_CACHE_FOREIGN] = {DOCTOR_WARNING, N_("the cache is not used: its folder belongs to another user"),
				     N_("remove it, or give it back to its user with chown -R")                          },
		[UKEY_CACHE_WRITABLE] = {DOCTOR_WARNING, N_("the cache is not used: others can write to its folder"),
				     N_("remove it, or take the others' right away with chmod 700")                      },
	};
	char path[PATH_SIZE];

	if (d->t->library == NULL)
		return;
	const enum ukey_cache_state s = ukey_cache_state(d->t->library, path, sizeof(path));
	doctor_add(d, lines[s].level, "cache", lines[s].mend[0] != '\0' ? _(lines[s].mend) : "", "%s%s%s",
		_(lines[s].found), path[0] != '\0' ? ": " : "", path);
}

#define LOCKED_ENOUGH (256u * 1024)

void doctor_locked_memory(struct doctor *d)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= LOCKED_ENOUGH)
		doctor_add(d, DOCTOR_OK, "locked-memory", "", _("PINs can be kept out of the swap"));
	else
		doctor_add(d, DOCTOR_WARNING, "locked-memory",
			_("raise it to 256 KiB or more: a line \"* - memlock 256\" in /etc/security/limits.conf"),
			_("only %lu KiB of memory can be locked: a PIN could get into the swap"),
			(unsigned long)(limit.rlim_cur / 1024));
}

void doctor_language(struct doctor *d)
{
	const char *locale = setlocale(LC_MESSAGES, NULL), *first = getenv("LANGUAGE");
	char path[PATH_SIZE], language[32];
	const char *codeset = nl_langinfo(CODESET);

	/* The first of several is gettext's choice; common/i18n.c asks so for a locale that this machine does not have.
	 */
	if (strcmp(locale, "C") == 0 || first == NULL || first[0] == '\0')
		first = locale;
	snprintf(language, sizeof(language), "%.*s", (int)strcspn(first, ".@:"), first);
	if (strcmp(codeset, "UTF-8") != 0 && strcmp(locale, "C") != 0 && strcmp(locale, "POSIX") != 0) {
		doctor_add(d, DOCTOR_WARNING, "language", _("choose a UTF-8 locale, such as LANG=zh_CN.UTF-8"),
			_("the locale %s is not UTF-8: labels in Chinese can't be shown"), locale);
		return;
	}
	snprintf(path, sizeof(path), LOCALEDIR "/%s/LC_MESSAGES/" I18N_DOMAIN ".mo", language);
	if (strncmp(language, "zh", 2) == 0 && access(path, R_OK) != 0)
		doctor_add(d, DOCTOR_WARNING, "language", _("install OpenUKey completely (make install)"),
			_("the messages in %s are not installed"), language);
	else
		doctor_add(d, DOCTOR_OK, "language", "", _("language: %s (%s)"), language, codeset);
}

/* ---- USB ---- */

static bool read_line(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");
	bool good = f != NULL && fgets(out, (int)cap, f) != NULL;

	if (f != NULL)
		fclose(f);
	if (good)
		trim(out);
	return good;
}

void doctor_usb_ccid(char *out, size_t cap)
{
	static const char root[] = "/sys/bus/usb/devices";
	DIR *folder = opendir(root);
	const struct dirent *entry;
	char path[PATH_SIZE], text[128];

	out[0] = '\0';
	while (folder != NULL && out[0] == '\0' && (entry = readdir(folder)) != NULL) {
		const char *colon = strchr(entry->d_name, ':');
		if (colon == NULL)
			continue;
		snprintf(path, sizeof(path), "%s/%.200s/bInterfaceClass", root, entry->d_name);
		if (!read_line(path, text, sizeof(text)) || strcmp(text, "0b") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%.*s/product", root, (int)(colon - entry->d_name), entry->d_name);
		snprintf(out, cap, "%s", read_line(path, text, sizeof(text)) ? text : entry->d_name);
	}
	if (folder != NULL)
		closedir(folder);
}

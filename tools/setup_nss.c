/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup: Firefox and Chromium. NSS keeps its list of modules in pkcs11.txt beside the certificates: blocks of lines
 * "name=value", with empty lines between them. Our block is put before all others: NSS 3.87 takes them in any order,
 * and then it can go again without leaving a trace.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/setup.h"

#define P11KIT_PROXY "p11-kit-proxy.so"

/* ---- pkcs11.txt ---- */

struct block {
	const char *start, *end; /* end: behind the empty line that follows, if there is one */
	char library[SETUP_PATH], name[256];
	bool has_library, internal, sound;
};

/* The value without its quotes; what is too long is nothing of ours. */
static void take_value(const char *value, size_t len, char *out, size_t cap)
{
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	snprintf(out, cap, "%.*s", len < cap ? (int)len : 0, value);
}

static void take_line(struct block *b, const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);
	const size_t key = equals != NULL ? (size_t)(equals - line) : 0;
	const char *value = equals != NULL ? equals + 1 : line;
	const size_t value_len = len - (size_t)(value - line);

	if (line[0] == '#')
		return;
	b->sound = b->sound && equals != NULL;
	if (key == 7 && strncasecmp(line, "library", key) == 0) {
		b->has_library = true;
		take_value(value, value_len, b->library, sizeof(b->library));
	} else if (key == 4 && strncasecmp(line, "name", key) == 0) {
		take_value(value, value_len, b->name, sizeof(b->name));
	} else if (key == 3 && strncasecmp(line, "nss", key) == 0) {
		b->internal = memmem(value, value_len, "internal", 8) != NULL;
	}
}

/* The block at `from`, empty lines before it skipped; false: there is none any more. */
static bool next_block(const char *from, struct block *b)
{
	memset(b, 0, sizeof(*b));
	b->sound = true;
	from += strspn(from, "\n");
	b->start = b->end = from;
	while (*from != '\0' && *from != '\n') {
		const size_t len = strcspn(from, "\n");
		take_line(b, from, len);
		from += len + (from[len] == '\n');
	}
	b->end = from + (*from == '\n');
	return b->end > b->start;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* What the blocks say together; `ours` is the one to change. */
static void look_at_blocks(const struct setup *s, const struct setup_file *f, struct setup_edit *e, struct block *ours)
{
	bool internal = false, proxy = false;
	char config[SETUP_PATH];
	struct block b;

	e->found = SETUP_NONE;
	for (const char *at = f->data; next_block(at, &b); at = b.end) {
		internal = internal || b.internal;
		proxy = proxy || strcmp(base_name(b.library), P11KIT_PROXY) == 0;
		if (!b.sound) {
			setup_problem(e,
				_("start the program and look at its list of security devices; or mend the file"),
				_("%s is damaged: it has lines without \"=\""), f->path);
			return;
		}
		if (e->found != SETUP_NONE && e->found != SETUP_THEIRS)
			continue;
		if (strcmp(base_name(b.library), SETUP_MODULE) == 0 && strcmp(b.name, SETUP_NAME) == 0) {
			e->found = strcmp(b.library, s->module) == 0 ? SETUP_OURS : SETUP_STALE;
			*ours = b;
		} else if (strcmp(base_name(b.library), SETUP_MODULE) == 0) {
			e->found = SETUP_THEIRS;
			snprintf(e->why, sizeof(e->why), _("the entry \"%s\" in %s was not made by ukey setup"), b.name,
				f->path);
			snprintf(e->mend, sizeof(e->mend), _("unload it in the program's list of security devices"));
		} else if (strcmp(b.name, SETUP_NAME) == 0 && s->mode != SETUP_REMOVE) {
			setup_problem(e, _("unload that entry in the program's list of security devices, and repeat"),
				_("%s has another module with the name %s: %s"), f->path, SETUP_NAME, b.library);
			return;
		}
	}
	if (!internal)
		setup_problem(e, _("start the program, which mends it, close it and repeat"),
			_("%s is damaged: NSS's own module is not in it"), f->path);
	else if (e->found == SETUP_NONE && proxy && setup_p11kit_has(s, false, config)) {
		e->found = SETUP_GIVEN;
		snprintf(e->why, sizeof(e->why), "%.500s", config);
	}
}

static void edit_nss(const struct setup *s, const struct setup_file *f, struct setup_edit *e)
{
	struct block ours = {.start = f->data, .end = f->data};
	const char *line;
	int n = 0;

	look_at_blocks(s, f, e, &ours);
	if (s->mode == SETUP_ADD && e->found == SETUP_NONE) {
		n = asprintf(&e->text, "library=%s\nname=" SETUP_NAME "\n\n%s", s->module, f->data);
	} else if (s->mode == SETUP_ADD && e->found == SETUP_STALE) {
		for (line = ours.start; strncasecmp(line, "library=", 8) != 0;)
			line += strcspn(line, "\n") + 1;
		n = asprintf(&e->text, "%.*slibrary=%s%s", (int)(line - f->data), f->data, s->module,
			line + strcspn(line, "\n"));
	} else if (s->mode == SETUP_REMOVE && (e->found == SETUP_OURS || e->found == SETUP_STALE)) {
		n = asprintf(&e->text, "%.*s%s", (int)(ours.start - f->data), f->data, ours.end);
	}
	if (n < 0) {
		e->text = NULL;
		setup_problem(e, "", "%s", ukey_status_message(UKEY_MEMORY));
	}
}

/* Fedora and its kin give every NSS program p11-kit's modules. */
static bool system_nss_has_p11kit(struct setup *s)
{
	static const char path[] = "/etc/crypto-policies/back-ends/nss.config";
	char config[SETUP_PATH];
	char *text = setup_read(path);
	const bool has = text != NULL && strstr(text, P11KIT_PROXY) != NULL && setup_p11kit_has(s, false, config);
	struct setup_edit e = {.found = SETUP_GIVEN};

	free(text);
	if (!has || s->mode == SETUP_REMOVE)
		return false; /* what was registered before can go */
	snprintf(e.why, sizeof(e.why), "%s", path);
	setup_report(s, path, &e, false, NULL);
	return true;
}

/* ---- Firefox ---- */

/* Firefox holds .parentlock, and its link "lock" names address and process, with a "+" when it holds .parentlock too.
 */
static bool firefox_runs(const char *profile)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[SETUP_PATH + 16], target[128];
	const char *pid;
	ssize_t n;
	int fd;
	bool held;

	snprintf(path, sizeof(path), "%s/.parentlock", profile);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	held = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "%s/lock", profile);
	n = readlink(path, target, sizeof(target) - 1);
	if (held || n <= 0)
		return held;
	target[n] = '\0';
	pid = strrchr(target, ':');
	return pid != NULL && pid[1] != '+' && atol(pid + 1) > 0 &&
	       (kill((pid_t)atol(pid + 1), 0) == 0 || errno == EPERM);
}

static void firefox_profile(struct setup *s, const char *profile)
{
	char path[SETUP_PATH + 16];

	snprintf(path, sizeof(path), "%s/pkcs11.txt", profile);
	if (access(profile, F_OK) != 0)
		return; /* profiles.ini names what was deleted by hand, too */
	if (access(path, F_OK) != 0 && errno == ENOENT) {
		setup_say(s, SETUP_UNUSED, profile, "", _("nothing to do: Firefox has not used the profile %s yet"),
			profile);
	} else if (s->mode != SETUP_LIST && firefox_runs(profile)) {
		s->usable++;
		setup_say(s, SETUP_PROBLEM, path, _("close Firefox and repeat"),
			_("Firefox is running with the profile %s"), profile);
	} else {
		setup_place(s, path, edit_nss);
	}
}

/* A section of profiles.ini has ended: a profile when it has a path. */
static void end_section(struct setup *s, const char *folder, bool profile, const char *path, bool relative)
{
	char full[SETUP_PATH];
	int n;

	if (!profile || path[0] == '\0')
		return;
	n = relative ? snprintf(full, sizeof(full), "%s/%s", folder, path) : snprintf(full, sizeof(full), "%s", path);
	if (n < (int)sizeof(full) && full[0] == '/')
		firefox_profile(s, full);
}

static void firefox_profiles(struct setup *s, const char *folder, const char *ini)
{
	char path[SETUP_PATH] = "";
	bool profile = false, relative = true;

	for (const char *line = ini; *line != '\0';) {
		const size_t len = strcspn(line, "\r\n");
		if (line[0] == '[') {
			end_section(s, folder, profile, path, relative);
			profile = strncmp(line, "[Profile", 8) == 0;
			relative = true;
			path[0] = '\0';
		} else if (strncmp(line, "Path=", 5) == 0 && len - 5 < sizeof(path)) {
			snprintf(path, sizeof(path), "%.*s", (int)len - 5, line + 5);
		} else if (strncmp(line, "IsRelative=", 11) == 0) {
			relative = line[11] != '0';
		}
		line += len + strspn(line + len, "\r\n");
	}
	end_section(s, folder, profile, path, relative);
}

static void firefox_folder(struct setup *s, const char *folder)
{
	char path[SETUP_PATH + 64];
	struct setup_file ini = {.data = NULL};
	struct setup_edit e = {.found = SETUP_PROBLEM};

	snprintf(path, sizeof(path), "%s/profiles.ini", folder);
	if (access(path, F_OK) != 0)
		return;
	if (!setup_file_load(s, path, &ini, &e)) {
		s->usable++;
		setup_report(s, path, &e, false, NULL);
	} else if (strstr(ini.data, "[Profile") == NULL) {
		s->usable++;
		setup_say(s, SETUP_PROBLEM, path, _("start Firefox, which makes a profile, close it and repeat"),
			_("%s names no profile"), path);
	} else {
		firefox_profiles(s, folder, ini.data);
	}
	setup_file_clear(&ini);
}

/* Programs that are shut in see neither the module nor the smart card service. */
static void closed_in(struct setup *s, const char *const *folders, const char *name)
{
	char path[SETUP_PATH + 64];

	for (; *folders != NULL; folders++) {
		snprintf(path, sizeof(path), "%s/%s", s->home, *folders);
		if (access(path, F_OK) == 0)
			setup_say(s, SETUP_CLOSED, path,
				_("install the package of the distribution or of the program's maker, and use that"),
				_("the %s of snap or flatpak (%s) runs shut in and cannot reach the module"), name,
				path);
	}
}

void setup_firefox(struct setup *s)
{
	static const char *const closed[] = {"snap/firefox", ".var/app/org.mozilla.firefox", NULL};
	char folder[SETUP_PATH + 32];

	s->usable = 0;
	if (system_nss_has_p11kit(s))
		return;
	snprintf(folder, sizeof(folder), "%s/.mozilla/firefox", s->home);
	firefox_folder(s, folder);
	snprintf(folder, sizeof(folder), "%s/mozilla/firefox", s->config); /* since 147 */
	firefox_folder(s, folder);
	closed_in(s, closed, "Firefox");
	if (s->usable > 0)
		return;
	if (s->mode == SETUP_ADD)
		setup_say(s, SETUP_PROBLEM, "", _("start Firefox once, close it and repeat"),
			_("there is no profile of Firefox in this home"));
	else
		setup_say(s, SETUP_UNUSED, "", "", _("nothing to do: there is no profile of Firefox in this home"));
}

/* ---- Chromium ---- */

/* certutil -N with an empty password, as Chromium's own first start does it. */
static bool make_database(const char *folder)
{
	char name[SETUP_PATH + 64];
	int status = 0;
	pid_t child;

	snprintf(name, sizeof(name), "sql:%s", folder);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		const int null = open("/dev/null", O_RDWR);
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp("certutil", "certutil", "-N", "-d", name, "--empty-password", (char *)NULL);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A folder made for a database that could not be made goes again. */
static bool new_database(const char *folder)
{
	char parent[SETUP_PATH + 32];

	if (make_database(folder))
		return true;
	snprintf(parent, sizeof(parent), "%s", folder);
	if (rmdir(folder) == 0) { /* only when it is empty */
		*strrchr(parent, '/') = '\0';
		rmdir(parent);
	}
	return false;
}

/* True when there is one to be changed now. */
static bool chromium_database(struct setup *s, const char *folder, const char *path)
{
	struct setup_file file = {.data = NULL};
	struct setup_edit e = {.found = SETUP_PROBLEM};
	bool good = setup_file_load(s, path, &file, &e);
	const bool exists = file.exists;

	if (!good || (!exists && s->mode == SETUP_ADD && !s->dry_run && !setup_make_folders(file.path, &e))) {
		setup_report(s, path, &e, false, NULL);
		good = false;
	} else if (!exists && s->mode != SETUP_ADD) {
		setup_say(s, SETUP_UNUSED, folder, "", _("nothing to do: there is no %s"), path);
		good = false;
	} else if (!exists && s->dry_run) {
		setup_say(s, SETUP_NONE, path, "", _("would make a new database in %s and register the module there"),
			folder);
		good = false;
	} else if (!exists && !new_database(folder)) {
		setup_say(s, SETUP_PROBLEM, path,
			_("start Chromium once, or install certutil (package libnss3-tools), and repeat"),
			_("there is no database in %s yet, and none could be made"), folder);
		good = false;
	}
	setup_file_clear(&file);
	return good;
}

void setup_chromium(struct setup *s)
{
	static const char *const closed[] = {
		"snap/chromium", ".var/app/org.chromium.Chromium", ".var/app/com.google.Chrome", NULL};
	char folder[SETUP_PATH + 32], path[SETUP_PATH + 64];

	if (system_nss_has_p11kit(s))
		return;
	snprintf(folder, sizeof(folder), "%s/.pki/nssdb", s->home);
	snprintf(path, sizeof(path), "%s/pkcs11.txt", folder);
	if (chromium_database(s, folder, path))
		setup_place(s, path, edit_nss);
	closed_in(s, closed, "Chromium");
}

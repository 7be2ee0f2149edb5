/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/enroll_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto.h"
#include "tools/ui.h"

/* The folder, made when `make` is set. */
static bool state_folder(char *out, size_t cap, bool make)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (base != NULL && base[0] == '/')
		n = snprintf(out, cap, "%s/openukey", base);
	else if (home != NULL && home[0] == '/')
		n = snprintf(out, cap, "%s/.local/state/openukey", home);
	else
		return false;
	if (n < 0 || (size_t)n >= cap)
		return false;
	for (char *slash = strchr(out + 1, '/'); make && slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(out, 0700);
		*slash = '/';
	}
	return !make || mkdir(out, 0700) == 0 || errno == EEXIST;
}

static bool state_path(const char *serial, char *out, size_t cap, bool make)
{
	char folder[3000];
	int n;

	if (!state_folder(folder, sizeof(folder), make))
		return false;
	n = snprintf(out, cap, "%s/enroll-%s.json", folder, serial);
	return n > 0 && (size_t)n < cap;
}

static bool take_text(const json_t *j, const char *name, char *out, size_t cap)
{
	const char *text = json_string_value(json_object_get(j, name));

	if (text == NULL || strlen(text) >= cap)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

bool enroll_state_load(const char *serial, struct enroll_state *out)
{
	char path[3100];
	json_t *j = NULL;
	const json_t *cert;
	json_int_t ref;
	bool good;

	memset(out, 0, sizeof(*out));
	if (!state_path(serial, path, sizeof(path), false))
		return false;
	j = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	ref = json_integer_value(json_object_get(j, "key_ref"));
	good = j != NULL && take_text(j, "serial", out->serial, sizeof(out->serial)) &&
	       strcmp(out->serial, serial) == 0 && take_text(j, "url", out->url, sizeof(out->url)) &&
	       take_text(j, "profile", out->profile, sizeof(out->profile)) &&
	       take_text(j, "algorithm", out->algorithm, sizeof(out->algorithm)) &&
	       take_text(j, "ca_sha256", out->ca_sha256, sizeof(out->ca_sha256)) && ref >= 0 && ref < 64;
	out->ref = (ukey_key_ref)ref;
	out->pair = (enum ukey_pair)(ref & 1);
	out->renew = json_is_true(json_object_get(j, "renew"));
	cert = json_object_get(j, "certificate");
	if (good && json_is_string(cert)) {
		out->certificate = strdup(json_string_value(cert));
		good = out->certificate != NULL;
	}
	json_decref(j);
	if (!good)
		enroll_state_clear(out);
	return good;
}

enum ukey_status enroll_state_save(struct tool *t, const struct enroll_state *state)
{
	char path[3100];
	json_t *j;
	char *text;
	enum ukey_status s;

	if (!state_path(state->serial, path, sizeof(path), true))
		return tool_fail(t, UKEY_FILE, _("no folder to keep the enrolment in; set HOME or XDG_STATE_HOME"));
	j = json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:i, s:s}", "version", 1, "serial", state->serial, "url",
		state->url, "profile", state->profile, "algorithm", state->algorithm, "renew", state->renew, "key_ref",
		state->ref, "ca_sha256", state->ca_sha256);
	if (j != NULL && state->certificate != NULL)
		json_object_set_new(j, "certificate", json_string(state->certificate));
	text = j != NULL ? json_dumps(j, JSON_INDENT(2)) : NULL;
	s = text != NULL ? ui_write_file(t, path, text, strlen(text), 0600) : UKEY_MEMORY;
	free(text);
	json_decref(j);
	return s;
}

void enroll_state_remove(const char *serial)
{
	char path[3100];

	if (state_path(serial, path, sizeof(path), false))
		unlink(path);
}

void enroll_state_clear(struct enroll_state *state)
{
	free(state->certificate);
	memset(state, 0, sizeof(*state));
}

bool enroll_state_same(const struct enroll_state *kept, const struct enroll_state *wanted)
{
	return strcmp(kept->serial, wanted->serial) == 0 && strcmp(kept->url, wanted->url) == 0 &&
	       strcmp(kept->profile, wanted->profile) == 0 && kept->pair == wanted->pair &&
	       kept->renew == wanted->renew &&
	       (wanted->algorithm[0] == '\0' || strcmp(kept->algorithm, wanted->algorithm) == 0);
}

bool enroll_id(const struct enroll_state *state, uint8_t id[ENROLL_ID_SIZE])
{
	static const char mark[] = "enrol:";
	uint8_t digest[32];
	char text[700];
	int n = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s\n%d\n%d", state->serial, state->url, state->profile,
		state->algorithm, (int)state->pair, state->renew);

	if (n < 0 || (size_t)n >= sizeof(text) ||
		!crypto_digest(CRYPTO_SHA256, BYTES((const uint8_t *)text, (size_t)n), digest))
		return false;
	memcpy(id, mark, sizeof(mark) - 1);
	memcpy(id + sizeof(mark) - 1, digest, ENROLL_ID_SIZE - (sizeof(mark) - 1));
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/p11_uri.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "common/i18n.h"
#include "common/secmem.h"

#define SLOTS_MAX      64
#define ATTRIBUTES_MAX 16
#define PIN_MAX        255

struct p11_uri {
	P11KitUri *uri;
	CK_FUNCTION_LIST *one;   /* module-path: the module */
	CK_FUNCTION_LIST **list; /* else: all of them, ended by NULL */
	CK_FUNCTION_LIST *functions;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
	bool open, logged_in;
};

static _Thread_local char message[512];

const char *p11_uri_message(void)
{
	return message;
}

static enum p11_uri_result __attribute__((format(printf, 2, 3)))
failed(enum p11_uri_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return result;
}

static enum p11_uri_result refused(const char *what, CK_RV rv)
{
	return failed(P11_URI_TOKEN, "%s: %s", what, p11_kit_strerror(rv));
}

/* ---- the token ---- */

static enum p11_uri_result load_modules(struct p11_uri *p)
{
	const char *path = p11_kit_uri_get_module_path(p->uri);
	CK_RV rv;

	if (path == NULL) {
		p->list = p11_kit_modules_load_and_initialize(0);
		return p->list != NULL ? P11_URI_OK : failed(P11_URI_TOKEN, "p11-kit: %s", p11_kit_message());
	}
	p->one = p11_kit_module_load(path, 0);
	if (p->one == NULL)
		return failed(P11_URI_TOKEN, "%s: %s", path, p11_kit_message());
	rv = p11_kit_module_initialize(p->one);
	if (rv != CKR_OK) {
		p11_kit_module_release(p->one);
		p->one = NULL;
		return refused("C_Initialize", rv);
	}
	return P11_URI_OK;
}

/* Counts the tokens of a module that fit; the last one is kept. */
static unsigned search_module(struct p11_uri *p, CK_FUNCTION_LIST *module)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_TOKEN_INFO info;
	unsigned found = 0;

	if (module->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
		return 0;
	for (CK_ULONG i = 0; i < count; i++) {
		if (module->C_GetTokenInfo(slots[i], &info) != CKR_OK || !(info.flags & CKF_TOKEN_INITIALIZED) ||
			!p11_kit_uri_match_token_info(p->uri, &info))
			continue;
		found++;
		p->functions = module;
		p->slot = slots[i];
	}
	return found;
}

static enum p11_uri_result find_token(struct p11_uri *p)
{
	CK_FUNCTION_LIST *single[2] = {p->one, NULL}, **list = p->list != NULL ? p->list : single;
	unsigned found = 0;

	for (size_t i = 0; list[i] != NULL; i++) {
		CK_INFO info;
		if (list[i]->C_GetInfo(&info) == CKR_OK && p11_kit_uri_match_module_info(p->uri, &info))
			found += search_module(p, list[i]);
	}
	if (found == 0 || p->functions == NULL)
		return failed(P11_URI_TOKEN, "%s", _("no token fits the URI"));
	return found == 1 ? P11_URI_OK
			  : failed(P11_URI_TOKEN, "%s", _("more than one token fits the URI; name its serial number"));
}

/* ---- its PIN ---- */

/* The first line of the file of pin-source. */
static enum p11_uri_result pin_of_file(const char *source, char **out)
{
	const char *path = strncmp(source, "file:", 5) == 0 ? source + 5 : source;
	char *line = secmem_alloc(PIN_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd >= 0 && line != NULL ? read(fd, line, PIN_MAX) : -1;
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		secmem_free(line);
		return failed(P11_URI_TOKEN, "%s: %s", path, strerror(error));
	}
	line[strcspn(line, "\r\n")] = '\0';
	*out = line;
	return P11_URI_OK;
}

static enum p11_uri_result get_pin(struct p11_uri *p, const CK_TOKEN_INFO *info, p11_uri_pin pin, void *arg, char **out)
{
	const char *source = p11_kit_uri_get_pin_source(p->uri);
	char label[sizeof(info->label) + 1];
	size_t n = sizeof(info->label);

	if (source != NULL)
		return pin_of_file(source, out);
	if (pin == NULL)
		return failed(
			P11_URI_PIN, "%s", _("nobody can be asked for the PIN: add pin-source=file:... to the URI"));
	while (n > 0 && info->label[n - 1] == ' ')
		n--;
	memcpy(label, info->label, n);
	label[n] = '\0';
	return pin(arg, label, out) ? P11_URI_OK : P11_URI_NO_PIN;
}

static enum p11_uri_result log_in(struct p11_uri *p, p11_uri_pin pin, void *arg)
{
	CK_TOKEN_INFO info;
	char *text = NULL;
	enum p11_uri_result result = P11_URI_OK;
	CK_RV rv = p->functions->C_GetTokenInfo(p->slot, &info);

	if (rv != CKR_OK)
		return refused("C_GetTokenInfo", rv);
	if (!(info.flags & CKF_LOGIN_REQUIRED))
		return P11_URI_OK;
	if (!(info.flags & CKF_PROTECTED_AUTHENTICATION_PATH))
		result = get_pin(p, &info, pin, arg, &text);
	if (result != P11_URI_OK)
		return result;
	rv = p->functions->C_Login(
		p->session, CKU_USER, (CK_UTF8CHAR *)text, text != NULL ? (CK_ULONG)strlen(text) : 0);
	secmem_free(text);
	p->logged_in = rv == CKR_OK;
	if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID)
		return failed(P11_URI_PIN, "%s", p11_kit_strerror(rv));
	return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN ? P11_URI_OK : refused("C_Login", rv);
}

enum p11_uri_result p11_uri_open(const char *uri, p11_uri_pin pin, void *pin_arg, struct p11_uri **out)
{
	struct p11_uri *p = calloc(1, sizeof(*p));
	enum p11_uri_result result = P11_URI_OK;
	CK_RV rv;

	if (p == NULL)
		return P11_URI_MEMORY;
	p->uri = p11_kit_uri_new();
	if (p->uri == NULL || p11_kit_uri_parse(uri, P11_KIT_URI_FOR_ANY, p->uri) != P11_KIT_URI_OK)
		result = failed(P11_URI_TOKEN, "%s", _("this is no PKCS#11 URI such as \"pkcs11:token=NAME\""));
	else if (p11_kit_uri_get_pin_value(p->uri) != NULL)
		result = failed(P11_URI_TOKEN, "%s", _("a URI with a PIN in it is not used: others can read it"));
	if (result == P11_URI_OK)
		result = load_modules(p);
	if (result == P11_URI_OK)
		result = find_token(p);
	if (result == P11_URI_OK && p->functions != NULL) {
		rv = p->functions->C_OpenSession(p->slot, CKF_SERIAL_SESSION, NULL, NULL, &p->session);
		p->open = rv == CKR_OK;
		result = rv == CKR_OK ? log_in(p, pin, pin_arg) : refused("C_OpenSession", rv);
	}
	if (result == P11_URI_OK)
		*out = p;
	else
		p11_uri_close(p);
	return result;
}

void p11_uri_close(struct p11_uri *p)
{
	if (p == NULL)
		return;
	if (p->logged_in)
		p->functions->C_Logout(p->session);
	if (p->open)
		p->functions->C_CloseSession(p->session);
	if (p->one != NULL) {
		p11_kit_module_finalize(p->one);
		p11_kit_module_release(p->one);
	}
	if (p->list != NULL)
		p11_kit_modules_finalize_and_release(p->list);
	p11_kit_uri_free(p->uri);
	free(p);
}

/* ---- its objects ---- */

/* The URI's attributes but its class, then those given. */
static size_t template_of(struct p11_uri *p, CK_OBJECT_CLASS *class, bool by_uri, const CK_ATTRIBUTE *attributes,
	size_t count, CK_ATTRIBUTE out[ATTRIBUTES_MAX])
{
	CK_ULONG uri_count = 0;
	CK_ATTRIBUTE *uri = p11_kit_uri_get_attributes(p->uri, &uri_count);
	size_t n = 0;

	out[n++] = (CK_ATTRIBUTE){CKA_CLASS, class, sizeof(*class)};
	for (size_t i = 0; by_uri && i < uri_count && n < ATTRIBUTES_MAX; i++)
		if (uri[i].type != CKA_CLASS)
			out[n++] = uri[i];
	for (size_t i = 0; i < count && n < ATTRIBUTES_MAX; i++)
		out[n++] = attributes[i];
	return n;
}

enum p11_uri_result p11_uri_find(struct p11_uri *p, CK_OBJECT_CLASS class, bool by_uri, const CK_ATTRIBUTE *attributes,
	size_t count, CK_OBJECT_HANDLE *out)
{
	CK_ATTRIBUTE template[ATTRIBUTES_MAX];
	size_t n = template_of(p, &class, by_uri, attributes, count, template);
	CK_OBJECT_HANDLE found[2];
	CK_ULONG got = 0;
	CK_RV rv = p->functions->C_FindObjectsInit(p->session, template, (CK_ULONG)n);

	if (rv == CKR_OK) {
		rv = p->functions->C_FindObjects(p->session, found, 2, &got);
		p->functions->C_FindObjectsFinal(p->session);
	}
	if (rv != CKR_OK)
		return refused("C_FindObjects", rv);
	if (got == 0)
		return failed(P11_URI_TOKEN, "%s", _("the key or certificate is not on the token"));
	if (got > 1)
		return failed(P11_URI_TOKEN, "%s", _("more than one key fits; name it by object= or id="));
	*out = found[0];
	return P11_URI_OK;
}

bool p11_uri_attribute(
	struct p11_uri *p, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, uint8_t *out, size_t cap, size_t *len)
{
	CK_ATTRIBUTE a = {type, out, (CK_ULONG)cap};

	if (p->functions->C_GetAttributeValue(p->session, object, &a, 1) != CKR_OK || a.ulValueLen > cap)
		return false;
	*len = a.ulValueLen;
	return true;
}

enum p11_uri_result p11_uri_sign(
	struct p11_uri *p, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, struct bytes in, struct builder *out)
{
	CK_MECHANISM m = {mechanism, NULL, 0};
	CK_ULONG n = (CK_ULONG)(out->cap - out->len);
	CK_RV rv = p->functions->C_SignInit(p->session, &m, key);

	if (rv != CKR_OK)
		return refused("C_SignInit", rv);
	rv = p->functions->C_Sign(
		p->session, (CK_BYTE *)(uintptr_t)in.data, (CK_ULONG)in.len, out->data + out->len, &n);
	if (rv != CKR_OK)
		return refused("C_Sign", rv);
	builder_room(out, n);
	return P11_URI_OK;
}

/* ---- a master key ---- */

enum p11_uri_result p11_uri_aes(struct p11_uri *p, CK_OBJECT_HANDLE *out)
{
	CK_KEY_TYPE type = CKK_AES;
	CK_ATTRIBUTE aes = {CKA_KEY_TYPE, &type, sizeof(type)};

	return p11_uri_find(p, CKO_SECRET_KEY, true, &aes, 1, out);
}

enum p11_uri_result p11_uri_cmac(struct p11_uri *p, CK_OBJECT_HANDLE key, struct bytes in, uint8_t mac[16])
{
	struct builder b = builder_of(mac, 16);
	enum p11_uri_result result = p11_uri_sign(p, CKM_AES_CMAC, key, in, &b);

	if (result == P11_URI_OK && b.len != 16)
		return failed(P11_URI_TOKEN, "%s", _("the module's CKM_AES_CMAC does not give 16 bytes"));
	return result;
}

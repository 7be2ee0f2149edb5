/* SPDX-License-Identifier: Apache-2.0 */
/* Scaffold: the calls that still wait for their file. */
#include "driver/ukey.h"

enum ukey_status ukey_open(struct ukey **out)
{
	(void)out;
	return UKEY_NOT_SUPPORTED;
}

void ukey_close(struct ukey *u)
{
	(void)u;
}

void ukey_forked(struct ukey *u)
{
	(void)u;
}

enum ukey_status ukey_refresh(struct ukey *u)
{
	(void)u;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_tokens(struct ukey *u, struct ukey_token ***list, size_t *count)
{
	(void)u;
	(void)list;
	(void)count;
	return UKEY_NOT_SUPPORTED;
}

void ukey_tokens_free(struct ukey_token **list, size_t count)
{
	(void)list;
	(void)count;
}

enum ukey_status ukey_readers(struct ukey *u, struct ukey_reader_info **list, size_t *count)
{
	(void)u;
	(void)list;
	(void)count;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_wait(struct ukey *u, int milliseconds)
{
	(void)u;
	(void)milliseconds;
	return UKEY_NOT_SUPPORTED;
}

void ukey_wait_cancel(struct ukey *u)
{
	(void)u;
}

struct ukey_token *ukey_token_ref(struct ukey_token *t)
{
	(void)t;
	return NULL;
}

void ukey_token_unref(struct ukey_token *t)
{
	(void)t;
}

void ukey_token_info(struct ukey_token *t, struct ukey_token_info *out)
{
	(void)t;
	(void)out;
}

enum ukey_status ukey_token_reload(struct ukey_token *t)
{
	(void)t;
	return UKEY_NOT_SUPPORTED;
}

void ukey_token_idle(struct ukey_token *t)
{
	(void)t;
}

bool ukey_token_supports(struct ukey_token *t, enum ukey_algorithm a)
{
	(void)t;
	(void)a;
	return false;
}

enum ukey_status ukey_login(struct ukey_token *t, enum ukey_role role, const uint8_t *pin, size_t len)
{
	(void)t;
	(void)role;
	(void)pin;
	(void)len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_login_again(struct ukey_token *t, const uint8_t *pin, size_t len)
{
	(void)t;
	(void)pin;
	(void)len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_logout(struct ukey_token *t)
{
	(void)t;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_change_pin(struct ukey_token *t, enum ukey_role role, const uint8_t *old_pin, size_t old_len,
	const uint8_t *new_pin, size_t new_len)
{
	(void)t;
	(void)role;
	(void)old_pin;
	(void)old_len;
	(void)new_pin;
	(void)new_len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_unlock_pin(
	struct ukey_token *t, const uint8_t *so_pin, size_t so_len, const uint8_t *new_pin, size_t new_len)
{
	(void)t;
	(void)so_pin;
	(void)so_len;
	(void)new_pin;
	(void)new_len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_set_user_pin(struct ukey_token *t, const uint8_t *new_pin, size_t new_len)
{
	(void)t;
	(void)new_pin;
	(void)new_len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_initialize(struct ukey_token *t, const struct ukey_initialize *how)
{
	(void)t;
	(void)how;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_factory_reset(struct ukey_token *t)
{
	(void)t;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_set_label(struct ukey_token *t, const char *label)
{
	(void)t;
	(void)label;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_directory(struct ukey_token *t, const struct ukey_directory **out)
{
	(void)t;
	(void)out;
	return UKEY_NOT_SUPPORTED;
}

void ukey_directory_unref(const struct ukey_directory *d)
{
	(void)d;
}

const struct ukey_key *ukey_directory_key(const struct ukey_directory *d, ukey_key_ref ref)
{
	(void)d;
	(void)ref;
	return NULL;
}

enum ukey_status ukey_key_spki(const struct ukey_key *k, uint8_t **der, size_t *len)
{
	(void)k;
	(void)der;
	(void)len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_read_certificate(struct ukey_token *t, ukey_key_ref ref, uint8_t **der, size_t *len)
{
	(void)t;
	(void)ref;
	(void)der;
	(void)len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_read_other_certificate(struct ukey_token *t, uint8_t number, uint8_t **der, size_t *len)
{
	(void)t;
	(void)number;
	(void)der;
	(void)len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_write_certificate(
	struct ukey_token *t, ukey_key_ref ref, const uint8_t *der, size_t len, const char *label)
{
	(void)t;
	(void)ref;
	(void)der;
	(void)len;
	(void)label;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_delete_certificate(struct ukey_token *t, ukey_key_ref ref)
{
	(void)t;
	(void)ref;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_write_other_certificate(struct ukey_token *t, int number, const uint8_t *der, size_t len,
	const uint8_t *id, size_t id_len, const char *label, uint8_t category, uint8_t *number_out)
{
	(void)t;
	(void)number;
	(void)der;
	(void)len;
	(void)id;
	(void)id_len;
	(void)label;
	(void)category;
	(void)number_out;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_delete_other_certificate(struct ukey_token *t, uint8_t number)
{
	(void)t;
	(void)number;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_read_data(struct ukey_token *t, uint8_t number, struct ukey_data *out)
{
	(void)t;
	(void)number;
	(void)out;
	return UKEY_NOT_SUPPORTED;
}

void ukey_data_clear(struct ukey_data *d)
{
	(void)d;
}

enum ukey_status ukey_write_data(struct ukey_token *t, int number, const struct ukey_data *in, uint8_t *number_out)
{
	(void)t;
	(void)number;
	(void)in;
	(void)number_out;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_delete_data(struct ukey_token *t, uint8_t number)
{
	(void)t;
	(void)number;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_generate(struct ukey_token *t, const struct ukey_generate *how, ukey_key_ref *ref)
{
	(void)t;
	(void)how;
	(void)ref;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_delete_key(struct ukey_token *t, ukey_key_ref ref)
{
	(void)t;
	(void)ref;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_delete_container(struct ukey_token *t, uint8_t number)
{
	(void)t;
	(void)number;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_set_key_attributes(struct ukey_token *t, ukey_key_ref ref, const uint8_t *id, size_t id_len,
	const char *label, const char *certificate_label)
{
	(void)t;
	(void)ref;
	(void)id;
	(void)id_len;
	(void)label;
	(void)certificate_label;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_set_container_name(struct ukey_token *t, uint8_t container, const char *name)
{
	(void)t;
	(void)container;
	(void)name;
	return UKEY_NOT_SUPPORTED;
}

size_t ukey_result_size(enum ukey_algorithm a)
{
	(void)a;
	return 0;
}

enum ukey_status ukey_sign(struct ukey_token *t, ukey_key_ref ref, const struct ukey_scheme *scheme, const uint8_t *in,
	size_t in_len, uint8_t *out, size_t *len)
{
	(void)t;
	(void)ref;
	(void)scheme;
	(void)in;
	(void)in_len;
	(void)out;
	(void)len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_decrypt(struct ukey_token *t, ukey_key_ref ref, const struct ukey_scheme *scheme,
	const uint8_t *in, size_t in_len, uint8_t *out, size_t *len)
{
	(void)t;
	(void)ref;
	(void)scheme;
	(void)in;
	(void)in_len;
	(void)out;
	(void)len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_derive(
	struct ukey_token *t, ukey_key_ref ref, const uint8_t *peer, size_t peer_len, uint8_t *out, size_t *len)
{
	(void)t;
	(void)ref;
	(void)peer;
	(void)peer_len;
	(void)out;
	(void)len;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status ukey_random(struct ukey_token *t, uint8_t *out, size_t len)
{
	(void)t;
	(void)out;
	(void)len;
	return UKEY_NOT_SUPPORTED;
}

uint64_t ukey_token_commands(struct ukey_token *t)
{
	(void)t;
	return 0;
}

void ukey_set_log(void (*line)(void *arg, const char *text), void *arg)
{
	(void)line;
	(void)arg;
}

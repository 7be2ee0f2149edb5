/* SPDX-License-Identifier: Apache-2.0 */
/* info: all about one token. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tools/names.h"
#include "tools/piv_card.h"
#include "tools/token_session.h"
#include "tools/ui.h"

static void algorithms_text(const struct ukey_token_info *info, char *out, size_t cap, json_t *array)
{
	static const enum ukey_algorithm all[] = {
		UKEY_RSA_2048, UKEY_RSA_3072, UKEY_RSA_4096, UKEY_P256, UKEY_P384, UKEY_P521};
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct algorithm_name *a = name_algorithm(all[i]);
		if ((info->algorithms & a->bit) == 0)
			continue;
		if (at < cap)
			at += (size_t)snprintf(out + at, cap - at, "%s%s", at > 0 ? ", " : "", a->shown);
		json_array_append_new(array, json_string(a->option));
	}
}

/* ---- where it comes from ---- */

/* Opens the channel: that is the proof. What came of it is an answer, not a failure of this command. */
static enum ukey_status prove(struct session *s, enum ukey_status *proof)
{
	*proof = session_told(s);
	switch (*proof) {
	case UKEY_NOT_GENUINE:
	case UKEY_NO_ROOTS:
	case UKEY_CHANNEL_FULL:
	case UKEY_CHANNEL_LOST:
		return UKEY_OK;
	default:
		return *proof;
	}
}

static const char *genuine_text(const struct ukey_token_info *info, enum ukey_status proof)
{
	if (proof == UKEY_NO_ROOTS)
		return _("not known: no maker's root certificate is installed (trusted-roots in openukey.conf)");
	if (proof == UKEY_NOT_GENUINE || info->genuine == UKEY_GENUINE_NO)
		return info->device_key ? _("NO: it could not prove its device key; give it no PIN")
					: _("NO: it has no device key to prove it; give it no PIN");
	switch (info->genuine) {
	case UKEY_GENUINE_YES:
		return _("yes: it proved its device key, certified by a maker that is trusted here");
	case UKEY_GENUINE_NONE:
		return _("not known: it has no device key, and can prove nothing");
	default:
		return _("not known: the secure channel could not be opened");
	}
}

static const char *genuine_id(const struct ukey_token_info *info, enum ukey_status proof)
{
	if (proof == UKEY_NOT_GENUINE || info->genuine == UKEY_GENUINE_NO)
		return "no";
	if (info->genuine == UKEY_GENUINE_YES)
		return "yes";
	return info->genuine == UKEY_GENUINE_NONE ? "none" : "unknown";
}

static void factory_text(const struct ukey_token_info *info, char *out, size_t cap)
{
	char tries[64];

	snprintf(tries, sizeof(tries), "%s", _("no unlock by phone"));
	if (info->unlock_key.exists && info->unlock_key.tries_left == 0)
		snprintf(tries, sizeof(tries), "%s", _("unlock by phone BLOCKED"));
	else if (info->unlock_key.exists)
		snprintf(tries, sizeof(tries), _("unlock by phone (%u of %u tries)"), info->unlock_key.tries_left,
			info->unlock_key.tries_max);
	snprintf(out, cap, "%s, %s, %s", info->device_key ? _("device key") : _("no device key"),
		info->attestation_key ? _("attestation key") : _("no attestation key"), tries);
}

/* ---- printing ---- */

static void append(char *out, size_t cap, const char *text)
{
	size_t at = strlen(out);

	snprintf(out + at, cap - at, "; %s", text);
}

static void policy_text(const struct ukey_token_info *info, char *out, size_t cap)
{
	char history[128];

	pin_policy_text(info, out, cap);
	if (info->pin_history > 0) {
		snprintf(history, sizeof(history),
			ngettext_("not the last %u again", "none of the last %u again", info->pin_history),
			info->pin_history);
		append(out, cap, history);
	}
	if (info->pin_change_first)
		append(out, cap, _("a PIN that the SO set must be changed first"));
	append(out, cap,
		info->pin_in_channel ? _("PINs only inside a secure channel: yes")
				     : _("PINs only inside a secure channel: no"));
}

/* What else is on the card. */
static const char *piv_text(const struct ukey_token_info *info)
{
	if (!info->piv)
		return _("no");
	return info->piv_yubico ? _("yes, with Yubico's extensions; its PIN is its own, and sent in the clear")
				: _("yes; its PIN is its own, and sent in the clear");
}

struct holdings {
	size_t keys, certificates, data;
};

static void print_info(const struct ukey_token_info *info, enum ukey_status proof, const char *algorithms,
	const struct holdings *holds)
{
	char user[128], so[64], policy[400], space[64], version[64], objects[160], factory[200];

	name_tries(&info->user_pin, user, sizeof(user));
	if (info->user_pin.exists && info->user_pin.must_change)
		append(user, sizeof(user), _("must be changed before use"));
	name_tries(&info->so_pin, so, sizeof(so));
	policy_text(info, policy, sizeof(policy));
	factory_text(info, factory, sizeof(factory));
	snprintf(space, sizeof(space), _("%u of %u bytes free"), info->free_bytes, info->total_bytes);
	snprintf(version, sizeof(version), "%u.%u.%u, %s %u.%u", info->firmware[0], info->firmware[1],
		info->firmware[2], _("protocol"), info->protocol_major, info->protocol_minor);
	snprintf(objects, sizeof(objects), _("keys: %zu, certificates: %zu, data objects: %zu"), holds->keys,
		holds->certificates, holds->data);
	ui_pairs(stdout, _("Serial"), info->serial, _("Label"), info->label, _("State"),
		name_life_cycle(info->life_cycle), _("Genuine"), genuine_text(info, proof), _("Reader"), info->reader,
		_("Model"), info->model, _("Manufacturer"), info->manufacturer, _("Firmware"), version, _("Factory"),
		factory, _("User PIN"), user, _("SO PIN"), so, _("PIN policy"), policy, _("Memory"), space, _("Holds"),
		objects, _("Keys it makes"), algorithms, _("PIV application"), piv_text(info), (const char *)NULL);
	printf(_("Largest certificate: %zu bytes. At most %u containers, %u other certificates, %u data objects.\n"),
		info->max_object, info->max_containers, info->max_certificates, info->max_data_objects);
}

/* What a PIV card cannot tell is left out: its memory, its limits, where it comes from. */
static void print_piv(const struct ukey_token_info *info, const char *algorithms, const struct holdings *holds)
{
	char user[64], puk[64], policy[400], objects[160];

	name_tries(&info->user_pin, user, sizeof(user));
	name_tries(&info->so_pin, puk, sizeof(puk));
	pin_policy_text(info, policy, sizeof(policy));
	snprintf(objects, sizeof(objects), _("keys: %zu, certificates: %zu"), holds->keys, holds->certificates);
	ui_pairs(stdout, _("Serial"), info->serial, _("Label"), info->label, _("Application"),
		_("PIV (NIST SP 800-73)"), _("Reader"), info->reader, _("Model"), info->model, _("Manufacturer"),
		info->manufacturer, _("User PIN"), user, _("PUK"), puk, _("PIN policy"), policy, _("Holds"), objects,
		_("Keys it makes"), algorithms, _("Use"),
		_("sign, decrypt, agree on keys, request certificates: with the PIN, for slot 9e without"),
		_("Administration"),
		_("new keys and certificates: with the management key, or the PIN where the card keeps the key "
		  "behind it"),
		_("Log-in"),
		_("no log-in isolation on this card: other programs of this machine can use its keys while anyone "
		  "is logged in"),
		(const char *)NULL);
}

static json_t *policy_json(const struct ukey_token_info *info)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:b, s:b}", "min", (int)info->pin_min, "max", (int)info->pin_max,
		"classes", (int)info->pin_classes, "history", (int)info->pin_history, "must_change",
		info->pin_change_first, "channel_only", info->pin_in_channel);
}

static json_t *info_json(const struct ukey_token_info *info, enum ukey_status proof, json_t *algorithms)
{
	json_t *j = token_json(info);
	char firmware[16], protocol[16];

	snprintf(firmware, sizeof(firmware), "%u.%u.%u", info->firmware[0], info->firmware[1], info->firmware[2]);
	snprintf(protocol, sizeof(protocol), "%u.%u", info->protocol_major, info->protocol_minor);
	json_object_update_new(
		j, json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:O, s:{s:i, s:i, s:i, s:I}}", "firmware", firmware,
			   "protocol", protocol, "pin_policy", policy_json(info), "generation",
			   (json_int_t)info->generation, "free_bytes", (json_int_t)info->free_bytes, "total_bytes",
			   (json_int_t)info->total_bytes, "algorithms", algorithms, "limits", "containers",
			   (int)info->max_containers, "certificates", (int)info->max_certificates, "data_objects",
			   (int)info->max_data_objects, "object_bytes", (json_int_t)info->max_object));
	json_object_update_new(j, json_pack("{s:s, s:s, s:b, s:b, s:b}", "genuine", genuine_id(info, proof), "proof",
					  ukey_status_name(proof), "channel", info->channel, "device_key",
					  info->device_key, "attestation_key", info->attestation_key));
	json_object_update_new(j, json_pack("{s:b, s:b, s:s, s:b}", "piv", info->piv, "piv_yubico", info->piv_yubico,
					  "application", info->application == UKEY_APPLICATION_PIV ? "piv" : "openukey",
					  "login_isolation", info->channel));
	return j;
}

static struct holdings count(const struct ukey_directory *d)
{
	struct holdings h = {d->key_count, d->certificate_count, d->data_count};

	for (size_t i = 0; i < d->key_count; i++)
		h.certificates += d->keys[i].certificate.exists;
	return h;
}

static void warn(struct tool *t, const struct ukey_token_info *info, enum ukey_status proof)
{
	if (proof == UKEY_NOT_GENUINE || proof == UKEY_NO_ROOTS)
		ui_warn(t, "%s (%s); %s", ukey_status_message(proof), ukey_protect_problem(), ukey_status_hint(proof));
	else if (proof != UKEY_OK)
		ui_warn(t, "%s; %s", ukey_status_message(proof), ukey_status_hint(proof));
	else if (info->application == UKEY_APPLICATION_PIV)
		return;
	else if (!info->device_key)
		ui_warn(t, "%s",
			_("this token has no device key: its PIN goes over the bus in the clear, for anybody "
			  "there to read"));
	else if (!info->pin_in_channel)
		ui_warn(t, "%s",
			_("this token takes PINs outside a secure channel too: a program that does so sends "
			  "them in the clear"));
}

enum ukey_status cmd_info(struct tool *t)
{
	const struct ukey_directory *d = NULL;
	enum ukey_status proof = UKEY_OK;
	json_t *algorithms = json_array(), *j;
	struct session s;
	char text[128];
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = prove(&s, &proof);
	/* Of its tries such a card tells only when it is asked. */
	if (r == UKEY_OK && session_is_piv(&s))
		r = ukey_token_reload(s.token);
	if (r == UKEY_OK)
		r = ukey_directory(s.token, &d);
	if (r == UKEY_OK) {
		const struct holdings holds = count(d);
		ukey_token_info(s.token, &s.info);
		algorithms_text(&s.info, text, sizeof(text), algorithms);
		if (!tool_has(t, OPT_JSON) && session_is_piv(&s))
			print_piv(&s.info, text, &holds);
		else if (!tool_has(t, OPT_JSON))
			print_info(&s.info, proof, text, &holds);
		j = info_json(&s.info, proof, algorithms);
		json_object_set_new(j, "keys", json_integer((json_int_t)holds.keys));
		json_object_set_new(j, "certificates", json_integer((json_int_t)holds.certificates));
		json_object_set_new(j, "data_objects", json_integer((json_int_t)holds.data));
		json_object_set_new(t->result, "token", j);
		warn(t, &s.info, proof);
		ukey_directory_unref(d);
	}
	json_decref(algorithms);
	session_close(&s);
	return r;
}

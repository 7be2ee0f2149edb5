/* SPDX-License-Identifier: Apache-2.0 */
/* The register of tokens: whose they are, and whether they may be unlocked at all. */
#include "config.h"

#include "desk/private.h"

#include <string.h>

#include "common/hex.h"
#include "common/i18n.h"

bool desk_serial(const char *text, char out[17], uint8_t bytes[8])
{
	struct builder b = builder_of(bytes, 8);

	if (strlen(text) != 16 || !hex_decode(text, &b))
		return false;
	for (size_t i = 0; i <= 16; i++)
		out[i] = text[i] >= 'a' && text[i] <= 'f' ? (char)(text[i] - 'a' + 'A') : text[i];
	return true;
}

enum desk_status desk_token_active(struct desk *desk, const char *serial, bool *unlock)
{
	int64_t active = 0, version = 0;
	enum desk_status status =
		desk_number(desk, &active, "SELECT state = 'active' FROM token WHERE serial = ?1", "t", serial);

	if (status == DESK_NOT_FOUND)
		return desk_fail(DESK_NOT_FOUND, _("token %s is not registered"), serial);
	if (status == DESK_OK && active == 0)
		return DESK_TOKEN_STATE;
	if (status == DESK_OK)
		status = desk_number(
			desk, &version, "SELECT version IS NOT NULL FROM token WHERE serial = ?1", "t", serial);
	*unlock = version != 0;
	return status;
}

static enum desk_status add_certificates(struct desk *desk, const char *serial, const char *const *certificates)
{
	enum desk_status status = DESK_OK;

	for (size_t i = 0; status == DESK_OK && certificates != NULL && certificates[i] != NULL; i++) {
		const char *digits = certificates[i];
		if (*digits == '\0' || strlen(digits) > 64 ||
			strspn(digits, "0123456789abcdefABCDEF") != strlen(digits))
			return desk_fail(DESK_USAGE, _("\"%s\" is no serial number of a certificate"), digits);
		status = desk_run(desk, "INSERT INTO certificate VALUES (upper(?1), ?2)", "tt", digits, serial);
	}
	return status;
}

enum desk_status desk_token_register(struct desk *desk, const struct desk_person *by, const struct desk_token *token)
{
	const char *profile = token->profile != NULL ? token->profile : "standard";
	uint8_t bytes[8];
	int64_t known = 0;
	char serial[17];
	enum desk_status status;

	if (!desk_serial(token->serial, serial, bytes))
		return DESK_SERIAL;
	if (token->holder == NULL || *token->holder == '\0')
		return desk_fail(DESK_USAGE, _("a token has a holder"));
	status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = desk_allowed(desk, by, DESK_OPERATOR);
	if (status == DESK_OK)
		status = desk_number(desk, &known, "SELECT count(*) FROM profile WHERE name = ?1", "t", profile);
	if (status == DESK_OK && known == 0)
		status = desk_fail(DESK_PROFILE, _("there is no profile \"%s\""), profile);
	if (status == DESK_OK && token->key_version != 0)
		status = desk_number(desk, &known, "SELECT version FROM master WHERE version = ?1 AND active = 1", "i",
			(int64_t)token->key_version);
	if (status == DESK_NOT_FOUND)
		status = desk_fail(DESK_NOT_FOUND, _("key version %u is not in use"), token->key_version);
	if (status == DESK_OK)
		status = desk_run(desk,
			"INSERT INTO token (serial, holder, unit, contact, profile, state, version) VALUES"
			" (?1, ?2, ?3, ?4, ?5, 'active', CASE WHEN ?6 THEN NULL WHEN ?7 THEN ?7 ELSE"
			" (SELECT min(version) FROM master WHERE active = 1) END)",
			"tttttii", serial, token->holder, token->unit, token->contact, profile,
			(int64_t)token->no_unlock, (int64_t)token->key_version);
	if (status == DESK_EXISTS)
		status = desk_fail(DESK_EXISTS, _("token %s is registered already"), serial);
	if (status == DESK_OK)
		status = add_certificates(desk, serial, token->certificates);
	if (status == DESK_OK)
		status = desk_record(desk, "token-registered", by,
			json_pack("{s:s, s:s, s:s, s:b}", "token", serial, "token-state", "active", "profile", profile,
				"unlock", !token->no_unlock));
	return desk_end(desk, status, "token-register", by);
}

enum desk_status desk_token_update(struct desk *desk, const struct desk_person *by, const struct desk_token *token)
{
	uint8_t bytes[8];
	int64_t known = 0;
	char serial[17];
	enum desk_status status;

	if (!desk_serial(token->serial, serial, bytes))
		return DESK_SERIAL;
	if (token->holder != NULL && *token->holder == '\0')
		return desk_fail(DESK_USAGE, _("a token has a holder"));
	status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = desk_allowed(desk, by, DESK_OPERATOR);
	if (status == DESK_OK)
		status = desk_number(desk, &known, "SELECT 1 FROM token WHERE serial = ?1", "t", serial);
	if (status == DESK_NOT_FOUND)
		status = desk_fail(DESK_NOT_FOUND, _("token %s is not registered"), serial);
	if (status == DESK_OK)
		status = desk_not_own(desk, by, serial);
	if (status == DESK_OK)
		status = desk_run(desk,
			"UPDATE token SET holder = coalesce(?2, holder), unit = coalesce(?3, unit),"
			" contact = coalesce(?4, contact) WHERE serial = ?1",
			"tttt", serial, token->holder, token->unit, token->contact);
	if (status == DESK_OK)
		status = add_certificates(desk, serial, token->certificates);
	if (status == DESK_EXISTS)
		status = desk_fail(DESK_EXISTS, _("a certificate is registered for this token already"));
	if (status == DESK_OK)
		status = desk_record(desk, "token-updated", by,
			json_pack("{s:s, s:b, s:b, s:b, s:b}", "token", serial, "holder", token->holder != NULL, "unit",
				token->unit != NULL, "contact", token->contact != NULL, "certificates",
				token->certificates != NULL && token->certificates[0] != NULL));
	return desk_end(desk, status, "token-update", by);
}

enum desk_status desk_token_find(struct desk *desk, const char *what, json_t **out)
{
	return desk_rows(desk, out,
		"SELECT serial, holder, unit, contact, profile, state, version, counter,"
		" (SELECT group_concat(c.serial, ' ') FROM certificate c WHERE c.token = t.serial) AS certificates,"
		" (SELECT count(*) FROM escrow e WHERE e.token = t.serial AND e.state = 'held') AS escrow,"
		" (SELECT count(*) FROM escrow e WHERE e.token = t.serial AND e.state = 'pending') AS escrow_pending"
		" FROM token t WHERE ?1 IS NULL OR serial = upper(?1) OR instr(lower(holder), lower(?1)) > 0"
		" OR serial IN (SELECT token FROM certificate WHERE ltrim(serial, '0') = ltrim(upper(replace(?1, ':', "
		"'')), '0'))"
		" ORDER BY serial",
		"t", what);
}

static enum desk_status present_state(struct desk *desk, const char *serial, char out[16])
{
	sqlite3_stmt *s;
	enum desk_status status = desk_query(desk, &s, "SELECT state FROM token WHERE serial = ?1", "t", serial);
	int step = status == DESK_OK ? sqlite3_step(s) : SQLITE_DONE;

	if (step == SQLITE_ROW)
		snprintf(out, 16, "%s", sqlite3_column_text(s, 0));
	else if (status == DESK_OK)
		status = step == SQLITE_DONE ? desk_fail(DESK_NOT_FOUND, _("token %s is not registered"), serial)
					     : desk_sql_failed(desk);
	sqlite3_finalize(s);
	return status;
}

enum desk_status desk_token_state(
	struct desk *desk, const struct desk_person *by, const char *serial_text, const char *state, const char *reason)
{
	char serial[17], present[16];
	uint8_t bytes[8];
	unsigned roles = 0;
	enum desk_status status;

	if (!desk_serial(serial_text, serial, bytes))
		return DESK_SERIAL;
	if (reason == NULL || *reason == '\0')
		return desk_fail(DESK_USAGE, _("give the reason"));
	status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = present_state(desk, serial, present);
	if (status == DESK_OK && !desk_token_may(present, state, &roles))
		status = desk_fail(DESK_TRANSITION, _("a token that is %s does not become %s"), present, state);
	if (status == DESK_OK)
		status = desk_allowed(desk, by, roles);
	if (status == DESK_OK && strcmp(state, "active") == 0)
		status = desk_not_own(desk, by, serial);
	if (status == DESK_OK)
		status = desk_run(desk, "UPDATE token SET state = ?2 WHERE serial = ?1", "tt", serial, state);
	if (status == DESK_OK)
		status = desk_record(desk, "token-state", by,
			json_pack("{s:s, s:s, s:s}", "token", serial, "token-state", state, "reason", reason));
	return desk_end(desk, status, "token-state", by);
}

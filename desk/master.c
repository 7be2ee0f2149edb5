/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of the master key: a desk works with one, and with two while tokens of both are about. */
#include "config.h"

#include "desk/private.h"

#include "common/i18n.h"

enum desk_status desk_master_try(struct desk *desk, uint8_t version)
{
	const struct desk_master *master = NULL;
	uint8_t mac[16] = {0};
	enum desk_status status = desk_master_open(desk, &master);

	if (status == DESK_OK)
		status = master->cmac(master->arg, version, BYTES((const uint8_t *)"try", 3), mac);
	bytes_wipe(mac, sizeof(mac));
	return status;
}

enum desk_status desk_master_add(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	uint8_t version, const char *master_uri)
{
	enum desk_status status;

	if (version == 0 || master_uri == NULL)
		return DESK_USAGE;
	status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = desk_allowed_two(desk, by, DESK_APPROVER, second);
	if (status == DESK_OK)
		status = desk_run(
			desk, "INSERT INTO master (version, uri) VALUES (?1, ?2)", "it", (int64_t)version, master_uri);
	if (status == DESK_EXISTS)
		status = desk_fail(DESK_EXISTS, _("key version %u"), version);
	if (status == DESK_OK)
		status = desk_master_try(desk, version);
	if (status == DESK_OK)
		status = desk_record(desk, "key-added", by,
			json_pack(
				"{s:i, s:s, s:s}", "version", (int)version, "key", master_uri, "second", second->name));
	return desk_end(desk, status, "key-add", by);
}

enum desk_status desk_master_retire(
	struct desk *desk, const struct desk_person *by, const struct desk_person *second, uint8_t version)
{
	int64_t active = 0;
	enum desk_status status = desk_begin(desk);

	if (status != DESK_OK)
		return status;
	status = desk_allowed_two(desk, by, DESK_APPROVER, second);
	if (status == DESK_OK)
		status = desk_number(
			desk, &active, "SELECT active FROM master WHERE version = ?1", "i", (int64_t)version);
	if (status == DESK_NOT_FOUND || (status == DESK_OK && active == 0))
		status = desk_fail(DESK_NOT_FOUND, _("key version %u is not in use"), version);
	if (status == DESK_OK)
		status = desk_run(desk, "UPDATE master SET active = 0 WHERE version = ?1", "i", (int64_t)version);
	if (status == DESK_OK)
		status = desk_number(desk, &active, "SELECT count(*) FROM master WHERE active = 1", "");
	if (status == DESK_OK && active == 0)
		status = DESK_LAST_KEY;
	if (status == DESK_OK)
		status = desk_record(desk, "key-retired", by,
			json_pack("{s:i, s:s}", "version", (int)version, "second", second->name));
	return desk_end(desk, status, "key-retire", by);
}

enum desk_status desk_master_list(struct desk *desk, json_t **out)
{
	return desk_rows(desk, out,
		"SELECT version, uri, CASE active WHEN 1 THEN 'active' ELSE 'retired' END AS state,"
		" (SELECT count(*) FROM token t WHERE t.version = m.version AND t.state <> 'terminated') AS tokens,"
		" (SELECT count(*) FROM escrow e WHERE e.version = m.version AND e.sealed IS NOT NULL) AS escrow"
		" FROM master m ORDER BY version",
		"");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The checklists of identification, by profile: JSON {"NAME": ["item", ...], ...}. */
#include "config.h"

#include "desk/private.h"

#include <stdlib.h>

/* Every profile is a list of different, non-empty texts. */
static bool profiles_good(const json_t *profiles)
{
	const char *name;
	json_t *items;

	if (json_object_size(profiles) == 0)
		return false;
	json_object_foreach((json_t *)(uintptr_t)profiles, name, items)
	{
		if (*name == '\0' || json_array_size(items) == 0)
			return false;
		for (size_t i = 0; i < json_array_size(items); i++) {
			if (json_string_length(json_array_get(items, i)) == 0)
				return false;
			for (size_t j = 0; j < i; j++)
				if (json_equal(json_array_get(items, i), json_array_get(items, j)))
					return false;
		}
	}
	return true;
}

enum desk_status desk_profiles_write(struct desk *desk, const char *text)
{
	json_error_t error;
	json_t *profiles = json_loads(text, JSON_REJECT_DUPLICATES, &error), *items;
	enum desk_status status = profiles_good(profiles) ? DESK_OK : desk_fail(DESK_PROFILE, "%s", error.text);
	const char *name;

	json_object_foreach(profiles, name, items)
	{
		char *list = json_dumps(items, JSON_COMPACT);
		if (status == DESK_OK)
			status = list == NULL ? DESK_MEMORY
					      : desk_run(desk, "INSERT OR REPLACE INTO profile VALUES (?1, ?2)", "tt",
							name, list);
		free(list);
	}
	json_decref(profiles);
	return status;
}

enum desk_status desk_profiles_set(
	struct desk *desk, const struct desk_person *by, const struct desk_person *second, const char *profiles)
{
	enum desk_status status = desk_begin(desk);

	if (status != DESK_OK)
		return status;
	status = desk_allowed_two(desk, by, DESK_APPROVER, second);
	if (status == DESK_OK)
		status = desk_profiles_write(desk, profiles);
	if (status == DESK_OK)
		status = desk_record(desk, "profiles-set", by,
			json_pack("{s:s, s:o}", "second", second->name, "profiles", json_loads(profiles, 0, NULL)));
	return desk_end(desk, status, "profiles-set", by);
}

enum desk_status desk_profiles_list(struct desk *desk, json_t **out)
{
	json_t *rows = NULL, *row;
	size_t i;
	enum desk_status status = desk_rows(desk, &rows, "SELECT name, items FROM profile ORDER BY name", "");

	json_array_foreach(rows, i, row)
	{
		json_t *items = json_loads(json_string_value(json_object_get(row, "items")), 0, NULL);
		if (json_object_set_new(row, "items", items) != 0)
			status = DESK_DAMAGED;
	}
	if (status == DESK_OK)
		*out = rows;
	else
		json_decref(rows);
	return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The PIV application: its commands, SELECT, its slots (protocol 9.1 to 9.3). */
#include "firmware-emu/core/piv.h"
#include "common/tlv.h"
#include "firmware-emu/core/directory.h"

#define IO FW_IN_I | FW_IN_O

/* One command, one line; those of Yubico last. */
/* clang-format off */
static const struct fw_row rows[] = {
/*	 80?    INS   P1               P2 from, to  data              life access                 way          handler */
	{false, 0xCB, FW_P1_IS,  0x3F, 0xFF, 0xFF,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_READ,    FW_WAY_ANY,  fw_piv_get_data},
	{false, 0xDB, FW_P1_IS,  0x3F, 0xFF, 0xFF,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_ADMIN,   FW_WAY_ANY,  fw_piv_put_data},
	{false, 0x20, FW_P1_IS,  0x00, 0x00, 0xFF,  FW_DATA_OPTIONAL, IO,  FW_ACCESS_ALWAYS,      FW_WAY_ANY,  fw_piv_verify},
	{false, 0x20, FW_P1_IS,  0xFF, 0x00, 0xFF,  FW_DATA_NONE,     IO,  FW_ACCESS_ALWAYS,      FW_WAY_ANY,  fw_piv_log_out},
	{false, 0x24, FW_P1_IS,  0x00, 0x00, 0xFF,  FW_DATA_REQUIRED, IO,  FW_ACCESS_ALWAYS,      FW_WAY_ANY,  fw_piv_change_reference_data},
	{false, 0x2C, FW_P1_IS,  0x00, 0x00, 0xFF,  FW_DATA_REQUIRED, IO,  FW_ACCESS_ALWAYS,      FW_WAY_ANY,  fw_piv_reset_retry_counter},
	{false, 0x87, FW_P1_ANY, 0x00, 0x9B, 0x9B,  FW_DATA_REQUIRED, IO,  FW_ACCESS_ALWAYS,      FW_WAY_ANY,  fw_piv_authenticate},
	{false, 0x87, FW_P1_ANY, 0x00, 0x82, 0x95,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_KEY,     FW_WAY_ANY,  fw_piv_use_key},
	{false, 0x87, FW_P1_ANY, 0x00, 0x9A, 0x9A,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_KEY,     FW_WAY_ANY,  fw_piv_use_key},
	{false, 0x87, FW_P1_ANY, 0x00, 0x9C, 0x9E,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_KEY,     FW_WAY_ANY,  fw_piv_use_key},
	{false, 0x47, FW_P1_IS,  0x00, 0x82, 0x95,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_ADMIN,   FW_WAY_ANY,  fw_piv_generate},
	{false, 0x47, FW_P1_IS,  0x00, 0x9A, 0x9A,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_ADMIN,   FW_WAY_ANY,  fw_piv_generate},
	{false, 0x47, FW_P1_IS,  0x00, 0x9C, 0x9E,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_ADMIN,   FW_WAY_ANY,  fw_piv_generate},

	{false, 0xFD, FW_P1_IS,  0x00, 0x00, 0x00,  FW_DATA_NONE,     IO,  FW_ACCESS_ALWAYS,      FW_WAY_ANY,  fw_piv_version},
	{false, 0xF8, FW_P1_IS,  0x00, 0x00, 0x00,  FW_DATA_NONE,     IO,  FW_ACCESS_ALWAYS,      FW_WAY_ANY,  fw_piv_serial},
	{false, 0xF7, FW_P1_IS,  0x00, 0x00, 0xFF,  FW_DATA_NONE,     IO,  FW_ACCESS_ALWAYS,      FW_WAY_ANY,  fw_piv_metadata},
	{false, 0xF9, FW_P1_ANY, 0x00, 0x00, 0x00,  FW_DATA_NONE,     IO,  FW_ACCESS_ALWAYS,      FW_WAY_ANY,  fw_piv_attest},
	{false, 0xFA, FW_P1_ANY, 0x00, 0x01, 0xFF,  FW_DATA_NONE,     IO,  FW_ACCESS_PIV_BOTH,    FW_WAY_ANY,  fw_piv_set_retries},
	{false, 0xFB, FW_P1_IS,  0x00, 0x00, 0x00,  FW_DATA_NONE,     IO,  FW_ACCESS_PIV_BLOCKED, FW_WAY_ANY,  fw_piv_reset},
	{false, 0xFE, FW_P1_ANY, 0x00, 0x82, 0x95,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_ADMIN,   FW_WAY_ANY,  fw_piv_import},
	{false, 0xFE, FW_P1_ANY, 0x00, 0x9A, 0x9A,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_ADMIN,   FW_WAY_ANY,  fw_piv_import},
	{false, 0xFE, FW_P1_ANY, 0x00, 0x9C, 0x9E,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_ADMIN,   FW_WAY_ANY,  fw_piv_import},
	{false, 0xFF, FW_P1_IS,  0xFF, 0xFD, 0xFF,  FW_DATA_REQUIRED, IO,  FW_ACCESS_PIV_ADMIN,   FW_WAY_ANY,  fw_piv_set_management_key},
};
#define ROWS        (sizeof(rows) / sizeof(rows[0]))
#define YUBICO_ROWS 10
/* clang-format on */

static const uint8_t aid[] = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00};
#define RID_SIZE 5

/* Whether what is selected is the plain application or the extended one depends on the token, never on the host. */
static bool plain_present(const struct fw *fw)
{
	return (fw->policy.flags & (FW_POLICY_PIV | FW_POLICY_YUBICO)) == FW_POLICY_PIV;
}

static bool yubico_present(const struct fw *fw)
{
	return (fw->policy.flags & FW_POLICY_PIV) && (fw->policy.flags & FW_POLICY_YUBICO);
}

/*
 * PIN policy "always" means that VERIFY is the very command before, and a challenge is good for the very next one
 * (SP 800-73-4 part 1, table 4b; part 2, 3.2.4).
 */
static void before(struct fw_channel *channel)
{
	channel->piv_fresh = channel->security & FW_PIV_FRESH;
	channel->security = (uint8_t)(channel->security & ~FW_PIV_FRESH);
	channel->piv_step = channel->piv_next;
	bytes_wipe(&channel->piv_next, sizeof(channel->piv_next));
}

const struct fw_application fw_piv_application = {
	.aid = {aid, sizeof(aid)},
	.aid_least = RID_SIZE,
	.row = rows,
	.rows = ROWS - YUBICO_ROWS,
	.select = fw_piv_select,
	.present = plain_present,
	.before = before,
	.lenient = true,
};

const struct fw_application fw_piv_yubico_application = {
	.aid = {aid, sizeof(aid)},
	.aid_least = RID_SIZE,
	.row = rows,
	.rows = ROWS,
	.select = fw_piv_select,
	.present = yubico_present,
	.before = before,
	.lenient = true,
};

/* ---- algorithms ---- */

/* SP 800-78-4, table 6-2, and where Yubico's extensions are what they have beside them (05 is in SP 800-78-5, too). */
static const struct {
	uint8_t number;
	bool yubico;
} algorithms[] = {
	{0x07, false},
	{0x05, true },
	{0x16, true },
	{0x11, false},
	{0x14, false},
};

const struct fw_algorithm *fw_piv_algorithm(const struct fw *fw, uint8_t number)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (algorithms[i].number == number && (!algorithms[i].yubico || yubico_present(fw)) &&
			hal_key_supported(fw->hal, number))
			return fw_algorithm(number);
	return NULL;
}

/* ---- SELECT ---- */

/* The application property template (SP 800-73-4 part 2, table 3). */
uint16_t fw_piv_select(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	static const uint8_t label[] = {'O', 'p', 'e', 'n', 'U', 'K', 'e', 'y', ' ', 'P', 'I', 'V'};
	static const uint8_t object_identifier[] = {0x00};
	size_t whole = tlv_begin(answer, 0x61);

	(void)command;
	tlv_put(answer, 0x4F, BYTES(aid + RID_SIZE, sizeof(aid) - RID_SIZE));
	size_t authority = tlv_begin(answer, 0x79);
	tlv_put(answer, 0x4F, BYTES(aid, RID_SIZE));
	tlv_end(answer, authority);
	tlv_put(answer, 0x50, BYTES_OF(label));
	size_t list = tlv_begin(answer, 0xAC);
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (fw_piv_algorithm(fw, algorithms[i].number))
			tlv_put_u8(answer, 0x80, algorithms[i].number);
	tlv_put(answer, 0x06, BYTES_OF(object_identifier));
	tlv_end(answer, list);
	tlv_end(answer, whole);
	return SW_OK;
}

/* ---- slots ---- */

#define RETIRED_FIRST 0x82
#define RETIRED_LAST  0x95

/* In the order of SP 800-73-4, part 1, table 4b: the four, then the retired ones. */
static const uint8_t slots[] = {0x9A, 0x9C, 0x9D, 0x9E};

_Static_assert(FW_PIV_KEYS == sizeof(slots) + RETIRED_LAST - RETIRED_FIRST + 1, "a place for each slot");

bool fw_piv_slot(uint8_t reference, uint8_t *number)
{
	for (size_t i = 0; i < sizeof(slots); i++)
		if (slots[i] == reference) {
			*number = (uint8_t)i;
			return true;
		}
	*number = (uint8_t)(sizeof(slots) + reference - RETIRED_FIRST);
	return reference >= RETIRED_FIRST && reference <= RETIRED_LAST;
}

enum fw_piv_pin_policy fw_piv_slot_policy(uint8_t reference)
{
	switch (reference) {
	case 0x9C:
		return FW_PIV_PIN_ALWAYS;
	case 0x9E:
		return FW_PIV_PIN_NEVER;
	default:
		return FW_PIV_PIN_ONCE;
	}
}

bool fw_piv_key_open(struct fw *fw, const struct fw_command *command)
{
	struct fw_key key;
	uint8_t number;

	if (!fw_piv_slot(command->p2, &number) || !fw_object_exists(fw, FW_OBJECT(FW_TYPE_PIV_KEY, number)))
		return true;
	if (!fw_key_load_from(fw, FW_OBJECT(FW_TYPE_PIV_KEY, number), &key))
		return false;
	switch (key.pin_policy) {
	case FW_PIV_PIN_NEVER:
		return true;
	case FW_PIV_PIN_ONCE:
		return command->channel->security & FW_PIV_PIN;
	default:
		return (command->channel->security & FW_PIV_PIN) && command->channel->piv_fresh;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Gates 4 and 5 of protocol 1.3: life cycle and access condition, for every command and every object. */
#include "firmware-emu/core/access.h"
#include "common/tlv.h"
#include "firmware-emu/core/directory.h"
#include "firmware-emu/core/factory.h"
#include "firmware-emu/core/piv.h"

static uint8_t life_bit(enum fw_life life)
{
	switch (life) {
	case FW_BLANK:
		return FW_IN_B;
	case FW_INITIALISED:
		return FW_IN_I;
	case FW_OPERATIONAL:
		return FW_IN_O;
	default:
		return FW_IN_T;
	}
}

static uint16_t check(struct fw *fw, const struct fw_command *command, enum fw_access access, uint8_t number)
{
	uint8_t security = command->channel->security;
	bool open = false;

	switch (access) {
	case FW_ACCESS_ALWAYS:
		open = true;
		break;
	case FW_ACCESS_USER:
		open = security & FW_USER;
		break;
	case FW_ACCESS_SO:
		open = security & FW_SO;
		break;
	case FW_ACCESS_USER_OR_SO:
		open = security & (FW_USER | FW_SO);
		break;
	case FW_ACCESS_SO_OR_BLOCKED:
		open = (security & FW_SO) || fw->tries[FW_PIN_SO] == 0;
		break;
	case FW_ACCESS_USER_IF_PRIVATE:
		open = (security & FW_USER) || !fw_data_private(fw, number);
		break;
	case FW_ACCESS_FACTORY:
		return fw->gave ? SW_CONDITIONS : SW_OK;
	case FW_ACCESS_NEVER:
		return SW_NOT_FOUND;
	case FW_ACCESS_PIV_PIN:
		open = security & FW_PIV_PIN;
		break;
	case FW_ACCESS_PIV_ADMIN:
		open = security & FW_PIV_ADMIN;
		break;
	case FW_ACCESS_PIV_BOTH:
		open = (security & FW_PIV_ADMIN) && (security & FW_PIV_PIN);
		break;
	case FW_ACCESS_PIV_KEY:
		open = fw_piv_key_open(fw, command);
		break;
	case FW_ACCESS_PIV_BLOCKED:
		return fw->tries[FW_PIN_PIV] == 0 && fw->tries[FW_PIN_PUK] == 0 ? SW_OK : SW_CONDITIONS;
	case FW_ACCESS_READ:
	case FW_ACCESS_WRITE:
	case FW_ACCESS_PIV_READ:
		break;
	}
	return open ? SW_OK : SW_SECURITY_STATUS;
}

bool fw_object_command(struct bytes data, uint16_t *object, struct bytes *body)
{
	struct bytes name, none;
	const struct tlv_field fields[] = {
		{0x5C, TLV_REQUIRED, 2, 2,                   &name              },
		{0x53, TLV_REQUIRED, 0, FW_COMMAND_DATA_MAX, body ? body : &none},
	};

	if (!tlv_parse(data, fields, body ? 2 : 1))
		return false;
	struct cursor c = cursor_of(name);
	*object = cursor_u16(&c);
	return true;
}

static uint16_t check_object(struct fw *fw, const struct fw_row *row, const struct fw_command *command)
{
	bool writing = row->access == FW_ACCESS_WRITE;
	struct bytes body;
	uint16_t object;

	if (!fw_object_command(command->data, &object, writing ? &body : NULL))
		return SW_WRONG_DATA;
	const struct fw_object_row *o = fw_object_row(object);
	if (!o)
		return SW_NOT_FOUND;
	if (!((writing ? o->write_life : o->read_life) & life_bit(fw->life)))
		return SW_CONDITIONS;
	return check(fw, command, writing ? o->write : o->read, (uint8_t)object);
}

/* Who may read an object is asked before whether there is one. */
static uint16_t check_piv_object(struct fw *fw, const struct fw_command *command)
{
	const struct fw_piv_object *object = NULL;

	if (!fw_piv_object_named(command->data, &object))
		return SW_WRONG_DATA;
	return object ? check(fw, command, object->read, 0) : SW_NOT_FOUND;
}

uint16_t fw_access(struct fw *fw, const struct fw_row *row, const struct fw_command *command)
{
	if (!(row->life & life_bit(fw->life)))
		return SW_CONDITIONS;
	if (row->way == FW_WAY_PIN && command->data.len > 0 && !command->secured &&
		(fw->policy.flags & FW_POLICY_CHANNEL))
		return SW_SECURITY_STATUS;
	if (row->way == FW_WAY_KEY && !command->secured && fw_factory_has(fw, FW_GAVE_DEVICE_KEY))
		return SW_SECURITY_STATUS;
	if (row->access == FW_ACCESS_READ || row->access == FW_ACCESS_WRITE)
		return check_object(fw, row, command);
	if (row->access == FW_ACCESS_PIV_READ)
		return check_piv_object(fw, command);
	return check(fw, command, row->access, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT, MANAGE CHANNEL, GET CHALLENGE, INITIALIZE, FACTORY RESET (protocol 4.1, 4.2, 4.4, 4.10, 4.11). */
#include "common/tlv.h"
#include "firmware-emu/core/factory.h"
#include "firmware-emu/core/messaging.h"
#include "firmware-emu/core/pin.h"
#include "firmware-emu/core/piv.h"
#include "firmware-emu/core/text.h"

static bool only_piv(const struct fw *fw)
{
	return fw->card == FW_CARD_PIV;
}

static uint16_t select_another(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	(void)fw;
	(void)command;
	(void)answer;
	return SW_OK;
}

/*
 * A card that shows only PIV has one more application for tests, which knows no command: as OTP and OpenPGP lie beside
 * PIV on other people's. It is selected from the start where PIV is not switched on.
 */
static const uint8_t another_aid[] = {0xF0, 0x54, 0x45, 0x53, 0x54};

static const struct fw_application another_application = {
	.aid = {another_aid, sizeof(another_aid)},
	.aid_least = sizeof(another_aid),
	.select = select_another,
	.present = only_piv,
	.lenient = true,
};

static const struct fw_application *const applications[] = {
	&fw_ukey_application,
	&fw_piv_application,
	&fw_piv_yubico_application,
	&another_application,
};
#define APPLICATIONS (sizeof(applications) / sizeof(applications[0]))

static bool names(const struct fw_application *a, struct bytes name)
{
	struct cursor c = cursor_of(a->aid);

	return name.len >= a->aid_least && name.len <= a->aid.len && bytes_equal(cursor_take(&c, name.len), name);
}

static bool present(const struct fw *fw, const struct fw_application *a)
{
	return !a->present || a->present(fw);
}

const struct fw_application *fw_first_application(const struct fw *fw)
{
	for (size_t i = 0; i < APPLICATIONS; i++)
		if (present(fw, applications[i]))
			return applications[i];
	return &another_application;
}

/* As opened, or (without an application) closed: whatever it had is gone. */
static void reset_channel(struct fw_channel *channel, const struct fw_application *application)
{
	fw_session_end(channel);
	*channel = (struct fw_channel){.open = application != NULL, .application = application};
}

uint16_t fw_select(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	for (size_t i = 0; i < APPLICATIONS; i++) {
		const struct fw_application *a = applications[i];
		if (!names(a, command->data) || !present(fw, a))
			continue;
		/* Selecting what is selected ends a session, and else nothing: looking at a token logs nobody out
		 * (1.4). */
		if (command->channel->application != a)
			reset_channel(command->channel, a);
		else
			fw_session_end(command->channel);
		return a->select(fw, command, answer);
	}
	return SW_NOT_FOUND;
}

/* ---- MANAGE CHANNEL ---- */

static void open_channel(const struct fw *fw, struct fw_channel *channel)
{
	reset_channel(channel, fw_first_application(fw));
}

static uint16_t close_channel(struct fw *fw, uint8_t number)
{
	if (number == 0)
		return SW_WRONG_P1P2;
	if (!fw->channel[number].open)
		return SW_CHANNEL_NOT_SUPPORTED;
	reset_channel(&fw->channel[number], NULL);
	return SW_OK;
}

uint16_t fw_manage_channel(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	uint8_t number = command->p2;

	if (command->p1 == 0x80)
		return close_channel(fw, number ? number : command->number);
	if (number != 0) {
		if (fw->channel[number].open)
			return SW_FUNCTION_NOT_SUPPORTED;
		open_channel(fw, &fw->channel[number]);
		return SW_OK;
	}
	for (number = 1; number < FW_CHANNELS; number++) {
		if (!fw->channel[number].open) {
			open_channel(fw, &fw->channel[number]);
			builder_u8(answer, number);
			return SW_OK;
		}
	}
	return SW_FUNCTION_NOT_SUPPORTED;
}

uint16_t fw_get_challenge(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	size_t n = command->le < FW_ANSWER_DATA_MAX ? command->le : FW_ANSWER_DATA_MAX;

	if (n == 0)
		return SW_WRONG_LENGTH;
	uint8_t *room = builder_room(answer, n);
	return room && hal_random(fw->hal, room, n) ? SW_OK : SW_INTERNAL;
}

/* ---- INITIALIZE, FACTORY RESET ---- */

struct setup {
	struct bytes label, so_pin, present_so_pin, user_pin;
	struct fw_policy policy;
	uint8_t user_tries;
	struct fw_piv_setup piv;
};

/* Without a device key there is no channel, and no PIN could ever be given; extensions are of something. */
static bool policy_flags_good(const struct fw *fw, uint8_t flags)
{
	return (flags & ~(FW_POLICY_CHANNEL | FW_POLICY_CHANGE | FW_POLICY_PIV | FW_POLICY_YUBICO)) == 0 &&
	       (!(flags & FW_POLICY_YUBICO) || (flags & FW_POLICY_PIV)) &&
	       (!(flags & FW_POLICY_CHANNEL) || fw_factory_has(fw, FW_GAVE_DEVICE_KEY));
}

static bool take_setup(const struct fw *fw, struct bytes policy, struct bytes tries, struct setup *s)
{
	struct cursor p = cursor_of(policy), t = cursor_of(tries);

	s->policy = fw_policy_default(fw);
	s->user_tries = 6;
	if (policy.data) {
		s->policy.min = cursor_u8(&p);
		s->policy.max = cursor_u8(&p);
		s->policy.classes = cursor_u8(&p);
		s->policy.history = cursor_u8(&p);
		s->policy.flags = cursor_u8(&p);
	}
	if (tries.data)
		s->user_tries = cursor_u8(&t);
	return s->policy.min >= FW_PIN_MIN && s->policy.min <= s->policy.max && s->policy.max <= FW_PIN_MAX &&
	       s->policy.classes <= 4 && s->policy.history <= FW_HISTORY_MAX &&
	       policy_flags_good(fw, s->policy.flags) && s->user_tries >= 3 && s->user_tries <= FW_TRIES_MAX;
}

/* Its codes come with the application, and it with them: there are none that everybody knows. */
static bool take_piv(struct bytes template, struct setup *s)
{
	if (!(s->policy.flags & FW_POLICY_PIV))
		return !template.data;
	return template.data && fw_piv_setup_parse(template, &s->piv);
}

static bool parse_initialize(struct fw *fw, struct bytes data, struct setup *s)
{
	struct bytes policy, tries, piv;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED,				       0,          FW_LABEL_MAX,        &s->label         },
		{0x81, TLV_REQUIRED,				       FW_PIN_MIN, FW_PIN_MAX,          &s->so_pin        },
		{0x82, fw->life == FW_BLANK ? TLV_OPTIONAL : TLV_REQUIRED, FW_PIN_MIN, FW_PIN_MAX,          &s->present_so_pin},
		{0x83, TLV_OPTIONAL,				       FW_PIN_MIN, FW_PIN_MAX,          &s->user_pin      },
		{0x8A, TLV_OPTIONAL,				       5,          5,                   &policy           },
		{0x8B, TLV_OPTIONAL,				       1,          1,                   &tries            },
		{0xA9, TLV_OPTIONAL,				       1,          FW_COMMAND_DATA_MAX, &piv              },
	};

	return tlv_parse(data, fields, sizeof(fields) / sizeof(fields[0])) && take_setup(fw, policy, tries, s) &&
	       take_piv(piv, s) && fw_text_valid(s->label) && fw_pin_meets(&s->policy, s->so_pin) &&
	       (!s->user_pin.data || fw_pin_meets(&s->policy, s->user_pin));
}

/* What a channel was allowed or asked before, it is not any more; an answer of the desk to the holder before, neither.
 */
static void end_states(struct fw *fw)
{
	fw_state_revoke(fw, 0xFF, FW_CHANNELS);
	for (size_t i = 0; i < FW_CHANNELS; i++) {
		struct fw_channel *channel = &fw->channel[i];
		bytes_wipe(&channel->unlock, sizeof(channel->unlock));
		if (channel->open && !present(fw, channel->application))
			channel->application = fw_first_application(fw);
	}
}

static uint16_t set_up(struct fw *fw, const struct setup *s)
{
	struct fw_transaction t = {.count = 0};
	const struct fw_policy *p = &s->policy;
	const uint8_t fixed[6] = {p->min, p->max, p->classes, p->history, p->flags, s->user_tries};
	struct fw_pin_new so, user;
	struct fw_piv_new piv;
	uint16_t sw = SW_INTERNAL;

	fw_transaction_put(&t, FW_OBJECT_TOKEN, BYTES_OF(fixed), s->label);
	fw_transaction_tries(fw, &t, FW_PIN_USER, s->user_tries);
	fw_transaction_tries(fw, &t, FW_PIN_SO, FW_SO_TRIES);
	fw_transaction_tries(fw, &t, FW_PIN_UNLOCK, fw->tries_max[FW_PIN_UNLOCK]);
	if (!fw_pin_put(fw, &t, p, FW_PIN_SO, FW_PIN_AT_INITIALIZE, s->so_pin, &so))
		goto out;
	if (s->user_pin.data && !fw_pin_put(fw, &t, p, FW_PIN_USER, FW_PIN_AT_INITIALIZE, s->user_pin, &user))
		goto out;
	if ((p->flags & FW_POLICY_PIV) && !fw_piv_put_setup(fw, &t, &s->piv, &piv))
		goto out;
	sw = fw_commit_replace(fw, &t);
	if (sw == SW_OK)
		end_states(fw);
out:
	bytes_wipe(&so, sizeof(so));
	bytes_wipe(&user, sizeof(user));
	bytes_wipe(&piv, sizeof(piv));
	return sw;
}

uint16_t fw_initialize(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct setup s;
	uint16_t sw = SW_OK;

	s.piv = (struct fw_piv_setup){.record = {0}};
	if (!parse_initialize(fw, command->data, &s))
		sw = SW_WRONG_DATA;
	if (sw == SW_OK && fw->life != FW_BLANK)
		sw = fw_pin_try(fw, command, FW_PIN_SO, s.present_so_pin);
	if (sw == SW_OK)
		sw = set_up(fw, &s);
	bytes_wipe(&s, sizeof(s));
	return fw_answer_generation(fw, command, answer, sw);
}

uint16_t fw_factory_reset(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_transaction t = {.count = 0};
	uint16_t sw = fw_commit_replace(fw, &t);

	if (sw == SW_OK)
		end_states(fw);
	return fw_answer_generation(fw, command, answer, sw);
}

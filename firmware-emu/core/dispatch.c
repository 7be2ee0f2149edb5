/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/dispatch.h"
#include "common/tlv.h"
#include "firmware-emu/core/algorithm.h"
#include "firmware-emu/core/messaging.h"

#define INS_GET_RESPONSE 0xC0
#define ROWS(table)      (sizeof(table) / sizeof((table)[0]))

/* ---- the command table: protocol 4 ---- */

/* One command, one line. */
/* clang-format off */
/* Commands of the card: they work whatever application is selected on the channel. */
static const struct fw_row card_rows[] = {
/*	 80?    INS   P1                     P2 from, to            data              life                 access */
	{false, 0xA4, FW_P1_IS, 0x04,        0x00, 0x00,            FW_DATA_REQUIRED, FW_IN_ANY | FW_IN_T, FW_ACCESS_ALWAYS, fw_select},
	{false, 0x70, FW_P1_IS, 0x00,        0x00, FW_CHANNELS - 1, FW_DATA_NONE,     FW_IN_ANY,           FW_ACCESS_ALWAYS, fw_manage_channel},
	{false, 0x70, FW_P1_IS, 0x80,        0x00, FW_CHANNELS - 1, FW_DATA_NONE,     FW_IN_ANY,           FW_ACCESS_ALWAYS, fw_manage_channel},
	{false, 0xC0, FW_P1_IS, 0x00,        0x00, 0x00,            FW_DATA_NONE,     FW_IN_ANY | FW_IN_T, FW_ACCESS_ALWAYS, fw_get_response},
};

static const struct fw_row ukey_rows[] = {
	{false, 0x84, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_NONE,     FW_IN_ANY,           FW_ACCESS_ALWAYS,        fw_get_challenge},
	{false, 0xCB, FW_P1_IS, 0x3F,        0xFF, 0xFF, FW_DATA_REQUIRED, FW_IN_ANY | FW_IN_T, FW_ACCESS_READ,          fw_get_data},
	{false, 0xDB, FW_P1_IS, 0x3F,        0xFF, 0xFF, FW_DATA_REQUIRED, FW_IN_I | FW_IN_O,   FW_ACCESS_WRITE,         fw_put_data},
	{false, 0x20, FW_P1_IS, 0x00,        0x81, 0x82, FW_DATA_OPTIONAL, FW_IN_I | FW_IN_O,   FW_ACCESS_ALWAYS,        fw_verify},
	{false, 0x20, FW_P1_IS, 0xFF,        0x81, 0x82, FW_DATA_NONE,     FW_IN_I | FW_IN_O,   FW_ACCESS_ALWAYS,        fw_log_out},
	{false, 0x24, FW_P1_IS, 0x00,        0x81, 0x82, FW_DATA_REQUIRED, FW_IN_I | FW_IN_O,   FW_ACCESS_ALWAYS,        fw_change_reference_data},
	{false, 0x2C, FW_P1_IS, 0x00,        0x81, 0x81, FW_DATA_REQUIRED, FW_IN_I | FW_IN_O,   FW_ACCESS_ALWAYS,        fw_reset_by_so_pin},
	{false, 0x2C, FW_P1_IS, 0x01,        0x81, 0x81, FW_DATA_REQUIRED, FW_IN_O,             FW_ACCESS_ALWAYS,        fw_reset_by_response},
	{false, 0x2C, FW_P1_IS, 0x02,        0x81, 0x81, FW_DATA_REQUIRED, FW_IN_I | FW_IN_O,   FW_ACCESS_SO,            fw_reset_by_so},
	{false, 0x47, FW_P1_ALGORITHM, 0x00, 0x00, 0xFF, FW_DATA_REQUIRED, FW_IN_O,             FW_ACCESS_USER,          fw_generate},
	{false, 0x87, FW_P1_ALGORITHM, 0x00, 0x00, 0xFF, FW_DATA_REQUIRED, FW_IN_O,             FW_ACCESS_USER,          fw_general_authenticate},
	{true,  0x84, FW_P1_IS, 0x00,        0x83, 0x83, FW_DATA_NONE,     FW_IN_O,             FW_ACCESS_ALWAYS,        fw_unlock_challenge},
	{true,  0x84, FW_P1_IS, 0x01,        0x83, 0x83, FW_DATA_NONE,     FW_IN_O,             FW_ACCESS_ALWAYS,        fw_unlock_proof},
	{true,  0xCC, FW_P1_IS, 0x00,        0x00, 0xFF, FW_DATA_REQUIRED, FW_IN_O,             FW_ACCESS_ALWAYS,        fw_attest},
	{true,  0xE0, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_REQUIRED, FW_IN_ANY,           FW_ACCESS_ALWAYS,        fw_initialize},
	{true,  0xE4, FW_P1_IS, 0x00,        0x00, 0xFF, FW_DATA_NONE,     FW_IN_O,             FW_ACCESS_USER,          fw_delete_key},
	{true,  0xE4, FW_P1_IS, 0x01,        0x00, 0xFF, FW_DATA_NONE,     FW_IN_O,             FW_ACCESS_USER,          fw_delete_container},
	{true,  0xEE, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_NONE,     FW_IN_I | FW_IN_O,   FW_ACCESS_SO_OR_BLOCKED, fw_factory_reset},
	{true,  0xF0, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_NONE,     FW_IN_B,             FW_ACCESS_FACTORY,       fw_factory_keys},
	{true,  0xF2, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_REQUIRED, FW_IN_B,             FW_ACCESS_FACTORY,       fw_factory_close},
};
/* clang-format on */

static const uint8_t ukey_aid[] = {0xF0, 0x4F, 0x70, 0x65, 0x6E, 0x55, 0x4B, 0x65, 0x79, 0x01};

const struct fw_application fw_ukey_application = {
	.aid = {ukey_aid, sizeof(ukey_aid)},
	.aid_least = 5,
	.row = ukey_rows,
	.rows = ROWS(ukey_rows),
	.select = fw_token_information,
};

/* ---- gates 2 to 5 ---- */

struct lookup {
	const struct fw_row *row;
	bool ins_known;
};

static void look_up(
	struct lookup *l, const struct fw_row *row, size_t rows, bool proprietary, const struct fw_command *c)
{
	for (size_t i = 0; i < rows && !l->row; i++) {
		if (row[i].ins != c->ins || row[i].proprietary != proprietary)
			continue;
		l->ins_known = true;
		bool p1 = row[i].p1_is == FW_P1_ALGORITHM ? fw_algorithm(c->p1) != NULL : row[i].p1 == c->p1;
		if (p1 && c->p2 >= row[i].p2_first && c->p2 <= row[i].p2_last)
			l->row = &row[i];
	}
}

static uint16_t execute(struct fw *fw, bool proprietary, const struct fw_command *c, struct builder *answer)
{
	const struct fw_application *application = c->channel->application;
	struct lookup l = {0};

	look_up(&l, card_rows, ROWS(card_rows), proprietary, c);
	look_up(&l, application->row, application->rows, proprietary, c);
	if (!l.ins_known)
		return SW_INS_NOT_SUPPORTED;
	if (!l.row)
		return SW_WRONG_P1P2;
	if ((l.row->data == FW_DATA_NONE && c->data.len > 0) || (l.row->data == FW_DATA_REQUIRED && c->data.len == 0))
		return SW_WRONG_LENGTH;
	uint16_t sw = fw_access(fw, l.row, c);
	if (sw != SW_OK)
		return sw;
	sw = l.row->handler(fw, c, answer);
	return sw == SW_OK && answer->failed ? SW_INTERNAL : sw;
}

/* ---- gate 1: class, channel, chain ---- */

static uint16_t check_class(struct fw *fw, const struct apdu *a, struct apdu_class *class)
{
	if (!apdu_class_parse(a->cla, class))
		return SW_CLA_NOT_SUPPORTED;
	if (class->secure)
		return SW_SM_NOT_SUPPORTED;
	if (class->channel >= FW_CHANNELS || !fw->channel[class->channel].open)
		return SW_CHANNEL_NOT_SUPPORTED;
	return SW_OK;
}

static bool same_chain(const struct fw_chain *k, const struct apdu *a, const struct apdu_class *class)
{
	return k->proprietary == class->proprietary && k->channel == class->channel && k->ins == a->ins &&
	       k->p1 == a->p1 && k->p2 == a->p2;
}

/* Add the command's data to what its chain brought before. */
static uint16_t join(struct fw *fw, const struct apdu *a, const struct apdu_class *class)
{
	if (fw->chain.running && !same_chain(&fw->chain, a, class))
		return SW_LAST_OF_CHAIN_EXPECTED;
	if (a->data.len > FW_COMMAND_DATA_MAX - fw->command_len)
		return SW_WRONG_LENGTH;
	bytes_copy(fw->command + fw->command_len, a->data);
	fw->command_len += a->data.len;
	fw->chain = (struct fw_chain){class->chained, class->proprietary, class->channel, a->ins, a->p1, a->p2};
	return SW_OK;
}

static void forget_command(struct fw *fw)
{
	bytes_wipe(fw->command, fw->command_len);
	fw->command_len = 0;
	fw->chain.running = false;
}

static void forget_answer(struct fw *fw)
{
	bytes_wipe(fw->answer, fw->answer_len);
	bytes_wipe(fw->chunk, sizeof(fw->chunk));
	fw->answer_len = fw->answer_sent = 0;
}

/* Run the command, once its chain is complete. The answer is what fw->answer holds then. */
static uint16_t receive(struct fw *fw, const struct apdu *a)
{
	struct apdu_class class;
	uint16_t sw = check_class(fw, a, &class);

	if (sw == SW_OK)
		sw = join(fw, a, &class);
	if (sw == SW_OK && fw->chain.running)
		return sw;
	if (sw == SW_OK) {
		const struct fw_command c = {class.channel, &fw->channel[class.channel], a->ins, a->p1, a->p2,
			BYTES(fw->command, fw->command_len), a->le};
		struct builder answer = builder_of(fw->answer, FW_ANSWER_DATA_MAX);
		answer.len = fw->answer_len; /* not 0 for GET RESPONSE, which fetches what is there */
		sw = execute(fw, class.proprietary, &c, &answer);
		if (fw->answer_len < answer.len)
			fw->answer_len = answer.len;
		fw->answer_channel = class.channel;
	}
	forget_command(fw);
	return sw;
}

/* ---- the answer ---- */

static struct bytes send_whole(struct fw *fw, uint16_t sw)
{
	struct builder b = builder_of(fw->answer, sizeof(fw->answer));
	size_t from = fw->answer_sent;

	b.len = fw->answer_sent = fw->answer_len;
	builder_u16(&b, sw);
	return BYTES(fw->answer + from, b.len - from);
}

static struct bytes send_part(struct fw *fw, uint32_t le)
{
	struct builder b = builder_of(fw->chunk, sizeof(fw->chunk));
	size_t left = fw->answer_len - fw->answer_sent;
	size_t n = left < le ? left : le;

	builder_put(&b, BYTES(fw->answer + fw->answer_sent, n));
	fw->answer_sent += n;
	left -= n;
	builder_u16(&b, left == 0 ? SW_OK : (uint16_t)(SW_BYTES_REMAIN | (left > 0xFF ? 0 : left)));
	return builder_bytes(&b);
}

/*
 * GET RESPONSE keeps what waits, and only its handler says for whom it waits. A segment of a chain has no handler: it
 * is as any other command.
 */
static bool fetches(const struct apdu *a)
{
	struct apdu_class class;

	return a->ins == INS_GET_RESPONSE && apdu_class_parse(a->cla, &class) && !class.chained;
}

struct bytes fw_transceive(struct fw *fw, struct bytes command)
{
	struct apdu a;
	bool parsed = command.len <= FW_COMMAND_MAX && apdu_parse(command, &a);
	bool fetching = parsed && fetches(&a);
	uint16_t sw = SW_WRONG_LENGTH;

	if (!fetching)
		forget_answer(fw);
	if (parsed)
		sw = receive(fw, &a);
	else
		forget_command(fw);
	if (sw != SW_OK) {
		forget_answer(fw);
		return send_whole(fw, sw);
	}
	if (a.extended)
		return send_whole(fw, sw);
	return send_part(fw, fetching && a.le == APDU_LE_NONE ? APDU_LE_SHORT_MAX : a.le);
}

uint16_t fw_get_response(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	(void)answer;
	if (fw->answer_sent == fw->answer_len || fw->answer_channel != command->number)
		return SW_CONDITIONS;
	return SW_OK;
}

uint16_t fw_answer_generation(struct fw *fw, const struct fw_command *command, struct builder *answer, uint16_t sw)
{
	if (sw == SW_OK && command->le != APDU_LE_NONE)
		tlv_put_u32(answer, 0x88, fw->generation);
	return sw;
}

/* ---- power ---- */

size_t fw_size(void)
{
	return sizeof(struct fw);
}

struct fw *fw_power_on(void *memory, struct hal *hal)
{
	struct fw *fw = memory;

	bytes_wipe(fw, sizeof(*fw));
	fw->hal = hal;
	fw->crypto = fw_crypto(hal);
	fw->channel[0] = (struct fw_channel){.open = true, .application = &fw_ukey_application};
	fw_journal_mount(fw);
	fw_state_load(fw);
	return fw;
}

struct bytes fw_atr(void)
{
	static const uint8_t atr[] = {
		0x3B, 0x8B, 0x80, 0x01, 0x80, 0x73, 0x80, 0x01, 0xD7, 0x65, 0x55, 0x4B, 0x45, 0x59, 0x01, 0xC9};

	return BYTES_OF(atr);
}

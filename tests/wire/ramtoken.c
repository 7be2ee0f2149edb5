/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/ramtoken.h"

#include <stdlib.h>
#include <string.h>

struct ramtoken *ramtoken_new(const struct ramtoken_options *options)
{
	struct ramtoken *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	ramhal_init(&t->hal, options && options->flash_size ? options->flash_size : 1u << 20,
		options && options->sector ? options->sector : 4096);
	if (options && options->image)
		ramhal_load(&t->hal, options->image);
	t->memory = malloc(fw_size());
	if (!t->memory)
		abort();
	ramtoken_power_cycle(t);
	return t;
}

void ramtoken_free(struct ramtoken *t)
{
	if (!t)
		return;
	ramhal_free(&t->hal);
	free(t->memory);
	free(t);
}

void ramtoken_power_cycle(struct ramtoken *t)
{
	t->off = false;
	t->fw = fw_power_on(t->memory, &t->hal, t->piv_only ? FW_CARD_PIV : FW_CARD_UKEY);
	t->atr = fw_atr(t->piv_only ? FW_CARD_PIV : FW_CARD_UKEY);
}

struct bytes ramtoken_transceive(struct ramtoken *t, struct bytes command)
{
	jmp_buf cut;

	if (t->off)
		return BYTES_NONE;
	t->apdus++;
	t->bytes_in += command.len;
	t->hal.cut = &cut;
	if (setjmp(cut)) {
		t->off = true;
		return BYTES_NONE;
	}
	struct bytes answer = fw_transceive(t->fw, command);
	t->hal.cut = NULL;
	t->bytes_out += answer.len;
	return answer;
}

uint8_t *ramtoken_snapshot(const struct ramtoken *t)
{
	uint8_t *image = malloc(t->hal.size);

	if (!image)
		abort();
	memcpy(image, t->hal.flash, t->hal.size);
	return image;
}

void ramtoken_restore(struct ramtoken *t, const uint8_t *image)
{
	ramhal_load(&t->hal, image);
	ramtoken_power_cycle(t);
}

struct ramtoken_moment {
	struct hal hal;
	bool off;
	uint8_t *flash, *programmed, *ram;
};

static uint8_t *copy_of(const void *from, size_t n)
{
	uint8_t *copy = malloc(n);

	if (!copy)
		abort();
	return memcpy(copy, from, n);
}

struct ramtoken_moment *ramtoken_moment_take(const struct ramtoken *t)
{
	struct ramtoken_moment *m = malloc(sizeof *m);

	if (!m)
		abort();
	*m = (struct ramtoken_moment){.hal = t->hal,
		.off = t->off,
		.flash = copy_of(t->hal.flash, t->hal.size),
		.programmed = copy_of(t->hal.programmed, t->hal.size),
		.ram = copy_of(t->memory, fw_size())};
	return m;
}

void ramtoken_moment_return(const struct ramtoken_moment *m, struct ramtoken *t)
{
	memcpy(t->hal.flash, m->flash, m->hal.size);
	memcpy(t->hal.programmed, m->programmed, m->hal.size);
	memcpy(t->memory, m->ram, fw_size());
	t->hal = m->hal;
	t->off = m->off;
}

void ramtoken_moment_free(struct ramtoken_moment *m)
{
	if (!m)
		return;
	free(m->flash);
	free(m->programmed);
	free(m->ram);
	free(m);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a pinentry says to the module, and what we say to it: any text survives our escaping. */
#include "pkcs11/assuan.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void fuzz_server(struct bytes line)
{
	struct assuan_line said = assuan_parse(line);
	uint8_t store[ASSUAN_LINE_MAX];
	struct builder b = builder_of(store, sizeof store);

	if (said.kind == ASSUAN_BAD || said.kind == ASSUAN_COMMENT)
		return;
	FUZZ_REQUIRE(fuzz_inside(said.rest, line));
	FUZZ_REQUIRE(said.rest.len < ASSUAN_LINE_MAX);
	FUZZ_REQUIRE(said.kind != ASSUAN_ERR || said.error <= 0xFFFF);
	if (assuan_unescape(said.rest, &b))
		FUZZ_REQUIRE(builder_bytes(&b).len <= said.rest.len);
	assuan_names(&said, "QUALITY");
}

static void fuzz_client(struct bytes text)
{
	char copy[ASSUAN_LINE_MAX];
	uint8_t line[ASSUAN_LINE_MAX + 2], back[ASSUAN_LINE_MAX];
	struct builder out = builder_of(line, sizeof line), undone = builder_of(back, sizeof back);
	struct bytes said;

	if (text.len >= sizeof copy)
		text.len = sizeof copy - 1;
	bytes_copy((uint8_t *)copy, text);
	copy[text.len] = '\0';
	assuan_command(&out, "D", copy);
	said = builder_bytes(&out);
	/* One line, of a lawful length, that says what it was told to, or the beginning of it. */
	FUZZ_REQUIRE(said.len > 1 && said.len <= ASSUAN_LINE_MAX + 1);
	FUZZ_REQUIRE(memchr(said.data, '\n', said.len) == said.data + said.len - 1);
	said.len--;
	if (said.len < 2)
		return;
	FUZZ_REQUIRE(assuan_unescape(assuan_parse(said).rest, &undone));
	FUZZ_REQUIRE(builder_bytes(&undone).len <= strlen(copy));
	FUZZ_REQUIRE(memcmp(back, copy, undone.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(BYTES(data, size));

	fuzz_client(BYTES(data, size));
	while (c.left) {
		const uint8_t *feed = memchr(c.at, '\n', c.left);

		fuzz_server(cursor_take(&c, feed ? (size_t)(feed - c.at) : c.left));
		if (c.left)
			cursor_u8(&c);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole answers of PIV cards to driver/card/piv_object.h: real ones, and what hostile and broken cards send. The PIV
 * entries of OpenSC's and Yubico's security advisories are among them by their numbers.
 */
#include "driver/card/piv_object.h"

#include "common/tlv.h"
#include "tests/unit/piv_text.h"

/* ---- one parser for each kind of answer, from the whole answer on -------------------------------------------------
 */

static bool with_application(struct bytes answer)
{
	struct piv_application a;
	return piv_application_parse(answer, &a);
}

static bool with_chuid(struct bytes answer)
{
	struct piv_chuid c;
	struct bytes content;
	return piv_unwrap(answer, 0x53, &content) && piv_chuid_parse(content, &c);
}

static bool with_discovery(struct bytes answer)
{
	struct bytes content;
	uint8_t reference;
	return piv_unwrap(answer, 0x7E, &content) && piv_discovery_parse(content, &reference);
}

static bool with_history(struct bytes answer)
{
	struct bytes content;
	struct piv_history h;
	return piv_unwrap(answer, 0x53, &content) && piv_history_parse(content, &h);
}

static bool with_certificate(struct bytes answer)
{
	struct bytes content;
	uint8_t *der;
	size_t len;

	if (!piv_unwrap(answer, 0x53, &content) || piv_certificate_parse(content, &der, &len) != UKEY_OK)
		return false;
	assert_in_range(len, 2, PIV_CERTIFICATE_MAX);
	assert_int_equal(der[0], 0x30);
	free(der);
	return true;
}

static bool with_metadata(struct bytes answer)
{
	struct piv_metadata m;
	return piv_metadata_parse(answer, &m);
}

static bool with_generated_rsa(struct bytes answer)
{
	struct card_public key;
	return piv_generated_parse(answer, 0x06, &key);
}

static bool with_generated_p256(struct bytes answer)
{
	struct card_public key;
	return piv_generated_parse(answer, 0x11, &key);
}

static bool with_response(struct bytes answer)
{
	struct bytes value;
	return piv_dynamic_parse(answer, 0x82, &value);
}

static bool with_challenge(struct bytes answer)
{
	struct bytes value;
	return piv_dynamic_parse(answer, 0x81, &value);
}

static bool with_admin(struct bytes answer)
{
	struct bytes content;
	struct piv_admin a;
	return piv_unwrap(answer, 0x53, &content) && piv_admin_parse(content, &a);
}

static bool with_protected(struct bytes answer)
{
	struct bytes content, key;
	return piv_unwrap(answer, 0x53, &content) && piv_protected_parse(content, &key);
}

static bool with_ecdsa(struct bytes answer)
{
	uint8_t rs[64];
	return piv_ecdsa_parse(answer, 32, rs);
}

typedef bool (*parser)(struct bytes answer);

/* ---- answers of real cards, and of the standard's tables ----------------------------------------------------------
 */

static const struct {
	const char *name;
	parser parse;
	const char *answer;
} good[] = {
	{"YubiKey, SELECT",						   with_application,    "61 11 4F 06 000010000100 79 07 4F 05 A000000308"                      },
	{"full AID in both places",					   with_application,    "61 {4F {" FULL "} 79 {4F {" FULL "}}}"                                },
	{"AID without version, no authority",                                 with_application,    "61 {4F {" AID "}}"                                                    },
 /* OpenSC issue 2242, with the length that the card meant. */
	{"PivApplet, SELECT",						 with_application,
         "61 81 81 4F 06 000010000100 79 0D 4F 0B " FULL
		" 50 22 50697641 70706C65 74207630 2E382E32 2D646576 2F524565"
		"50534173 784C7261 4458 5F50 26 68747470 733A2F2F 67697468 75622E63 6F6D2F61 72656B69 6E617468 2F506976"
		"4170706C 6574 AC 1B 800103 800108 80010A 80010C 800106 800107 800111 800114 060100"                                                                      },
 /* OpenSC issue 3072: the first byte of the PIX is lost. */
	{"G&D, SELECT",						       with_application,    "61 11 4F 06 001000010000 79 07 4F 05 A000000308"                      },
	{"yubico-piv-tool, CHUID",					    with_chuid,          "53 3B 30 19 " FASC " 34 10 " X16 " 35 08 3230333030313031 3E 00 FE 00"},
	{"CHUID of SP 800-73-1 to -3: EE, 32, 33, authentication key map 3D", with_chuid,
         "53 {EE {0123} 30 {" FASC "} 32 {31323334} 33 {313233343536373839} 34 {" X16
		"} 35 {3230333030313031} 3D {} 3E {00} FE {}}"													    },
	{"CHUID with the holder's UUID 36",                                   with_chuid,
         "53 {30 {" FASC "} 34 {" X16 "} 35 {3230333030313031} 36 {" X16 "} 3E {} FE {}}"                                                                                 },
	{"CHUID without 34",						  with_chuid,          "53 {30 {" FASC "} 3E {} FE {}}"                                       },
	{"CHUID, 34 empty",						   with_chuid,          "53 {30 {" FASC "} 34 {} 3E {} FE {}}"                                 },
	{"CHUID, elements in another order",                                  with_chuid,          "53 {FE {} 34 {" X16 "} 3E {} 30 {" FASC "}}"                          },
	{"discovery: the application's PIN",                                  with_discovery,      "7E 12 4F 0B " FULL " 5F2F 02 40 00"                                   },
	{"discovery: all kinds, the Global PIN first",                        with_discovery,      "7E 12 4F 0B " FULL " 5F2F 02 7C 20"                                   },
	{"key history: none",						 with_history,        "53 {C1 {00} C2 {00} F3 {} FE {}}"                                     },
	{"key history: 20",						   with_history,        "53 {C1 {14} C2 {00} FE {}}"                                           },
	{"key history: 3 and 17, and where",                                  with_history,
         "53 {C1 {03} C2 {11} F3 {687474703A2F2F 7069762E6E6973742E676F76 2F " SHA "} FE {}}"                                                                             },
	{"key history: F3 without /",					 with_history,        "53 {C1 {03} C2 {11} F3 {687474703A} FE {}}"                           },
	{"key history: F3 of 118 bytes",                                      with_history,        "53 {C1 {03} C2 {11} F3 {" X64 X32 X16 "313233343536} FE {}}"          },
	{"certificate",						       with_certificate,    "53 {70 {30 05 02 03 112233} 71 {00} FE {}}"                           },
	{"certificate with MSCUID 72",					with_certificate,    "53 {70 {30 05 02 03 112233} 71 {00} 72 {3132} FE {}}"                 },
	{"certificate without 71",					    with_certificate,    "53 {70 {30 05 02 03 112233} FE {}}"                                   },
	{"certificate alone",						 with_certificate,    "53 {70 {30 05 02 03 112233}}"                                         },
	{"certificate of Net iD",					     with_certificate,    "53 {70 {0100 0700 789C336065621654320600023500A1} 71 {01} FE {}}"     },
	{"certificate, 71 empty",					     with_certificate,    "53 {70 {30 05 02 03 112233} 71 {} FE {}}"                             },
	{"certificate behind 71",					     with_certificate,    "53 {71 {00} FE {} 70 {30 05 02 03 112233}}"                           },
 /* Yubico's documentation of GET METADATA. */
	{"metadata of 9B",						    with_metadata,       "01 01 03 02 02 00 01 05 01 00"                                        },
	{"metadata of the PIN",					       with_metadata,       "01 01 FF 05 01 01 06 02 05 05"                                        },
	{"metadata of a P-256 key",					   with_metadata,       "01 {11} 02 {02 01} 03 {01} 04 {86 {04" X64 "}}"                       },
	{"metadata of a key in 5.7",					  with_metadata,       "01 {E0} 02 {02 01} 03 {02} 04 {86 {" X32 "}}"                         },
	{"metadata of a finger",					      with_metadata,       "07 {01} 06 {03 03} 08 {00}"                                           },
	{"metadata of a key of a kind not yet known",                         with_metadata,       "01 {51} 02 {02 01} 03 {01} 04 {99 {00}}"                              },
	{"GENERATE, RSA",						     with_generated_rsa,  "7F49 81 88 81 81 80 " X128 " 82 03 010001"                            },
	{"GENERATE, RSA, exponent first, filled up",                          with_generated_rsa,  "7F49 {82 {00010001} 81 {" X128 "}}"                                   },
	{"GENERATE, P-256",						   with_generated_p256, "7F49 43 86 41 04" X64                                                 },
	{"a response",							with_response,       "7C {82 {" X16 "}}"                                                    },
	{"a challenge",						       with_challenge,      "7C 0A 81 08 1122334455667788"                                         },
	{"admin data, protected",					     with_admin,          "53 {80 {81 {02} 83 {00112233}}}"                                      },
	{"admin data, derived",					       with_admin,          "53 {80 {81 {00} 82 {" X16 "} 83 {00112233}}}"                         },
	{"admin data, nothing known",					 with_admin,          "53 {80 {}}"                                                           },
	{"protected key",						     with_protected,      "53 1C 88 1A 89 18 " X16 "1122334455667788"                            },
	{"protected AES-256 key with flags",                                  with_protected,      "53 {88 {81 {01} 89 {" X32 "}}}"                                       },
	{"signature",							 with_ecdsa,          "30 06 02 01 01 02 01 7F"                                              },
};

static void answers_of_real_cards_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct bytes b = spell(good[i].answer);
		if (!good[i].parse(b)) {
			print_message("%s\n", good[i].name);
			fail();
		}
		test_drop(b);
	}
}

/* In a block of its own length, so that a sanitizer sees a read beyond. */
static bool parse_copy(parser parse, struct bytes b)
{
	struct bytes exact = test_copy(b);
	const bool ok = parse(exact);

	test_drop(exact);
	return ok;
}

/* CVE-2020-13131, -13132, CVE-2025-13763: lengths that claim more than came. Metadata has no length around it, so it
 * may end with any of its elements. */
static void an_answer_cut_off_anywhere_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct bytes b = spell(good[i].answer);
		for (size_t n = 0; n < b.len; n++)
			if (parse_copy(good[i].parse, BYTES(b.data, n)) && good[i].parse != with_metadata) {
				print_message("%s, first %zu bytes\n", good[i].name, n);
				fail();
			}
		test_drop(b);
	}
}

/* No answer whose bytes were damaged leads out of it (what the sanitizers and valgrind watch). */
static void any_byte_may_be_any_other(void **state)
{
	size_t read = 0, refused = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct bytes b = spell(good[i].answer);
		uint8_t *at = (uint8_t *)(uintptr_t)b.data;
		for (size_t n = 0; n < b.len; n++) {
			const uint8_t was = at[n];
			for (unsigned v = 0; v < 256; v += 1 + (v & 3)) {
				at[n] = (uint8_t)v;
				good[i].parse(b) ? read++ : refused++;
			}
			at[n] = was;
		}
		test_drop(b);
	}
	assert_true(read > 1000 && refused > 1000);
}

/* ---- lengths in every form ----------------------------------------------------------------------------------------
 */

static bool holds_elements(uint32_t tag)
{
	return tag == 0x61 || tag == 0x53 || tag == 0x7E || tag == 0x7F49 || tag == 0x7C || tag == 0x88 ||
	       tag == 0xAC || tag == 0x79 || tag == 0x04;
}

/* Every length in it in this form, and this much filler before and behind each element. */
static bool again(struct builder *out, struct bytes in, unsigned form, unsigned filler)
{
	struct cursor c = cursor_of(in);
	struct bytes value;
	uint32_t tag;
	bool ok = true;

	while (tlv_next(&c, &tag, &value)) {
		uint8_t room[1024];
		struct builder inside = builder_of(room, sizeof room);
		if (holds_elements(tag))
			ok = again(&inside, value, form, filler) && ok;
		else
			builder_put(&inside, value);
		for (unsigned i = 0; i < filler; i++)
			builder_u8(out, 0);
		for (unsigned shift = 24; shift > 0; shift -= 8)
			if (tag >> shift)
				builder_u8(out, (uint8_t)(tag >> shift));
		builder_u8(out, (uint8_t)tag);
		ok = put_length(out, inside.len, form) && ok;
		builder_put(out, builder_bytes(&inside));
		for (unsigned i = 0; i < filler; i++)
			builder_u8(out, 0);
	}
	assert_true(cursor_done(&c));
	return ok;
}

static void lengths_come_in_every_definite_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct bytes b = spell(good[i].answer);
		for (unsigned form = 0; form <= 4; form++)
			for (unsigned filler = 0; filler < 3; filler++) {
				uint8_t room[2048];
				struct builder out = builder_of(room, sizeof room);
				if (good[i].parse == with_ecdsa || !again(&out, b, form, filler))
					continue;
				if (!parse_copy(good[i].parse, builder_bytes(&out))) {
					print_message("%s, form %u, filler %u\n", good[i].name, form, filler);
					fail();
				}
			}
		test_drop(b);
	}
}

/* X.690 8.1.3.6 has 80 for "until two zeros", ISO 7816-4 has not; 85 and more mean nothing that fits. */
static void other_forms_of_a_length_are_refused(void **state)
{
	static const char *const bad[] = {
		"53 80 30 01 00 0000",                                   /* indefinite */
		"53 85 0000000003 30 01 00",                             /* five bytes */
		"53 FF 30 01 00",                                        /* reserved */
		"53 84 FFFFFFFF 30 01 00", "53 84 00000004 30 01 00",    /* one more than there is */
		"53 83 000004 30 01 00", "53 82 0004 30 01 00",          /* likewise */
		"53 81 04 30 01 00", "53 04 30 01 00", "53 82 00", "53", /* likewise; cut in the length */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct bytes b = test_hex(bad[i]), content;
		if (piv_unwrap(b, 0x53, &content)) {
			print_message("%s\n", bad[i]);
			fail();
		}
		test_drop(b);
	}
}

/* ---- what a hostile or broken card sends --------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	parser parse;
	const char *answer;
} bad[] = {
	{"CVE-2025-13763: SELECT answered by nothing",      with_application,    ""                                                       },
	{"SELECT: no 4F",				   with_application,    "61 {79 {4F {A000000308}}}"                              },
	{"SELECT: empty 4F",				with_application,    "61 {4F {}}"                                             },
	{"SELECT: another application",                     with_application,    "61 {4F {A00000030800002000}}"                           },
	{"SELECT: only the RID",                            with_application,    "61 {4F {A000000308}}"                                   },
	{"SELECT: a longer PIX",                            with_application,    "61 {4F {00001000010000}}"                               },
	{"SELECT: an AID of 17 bytes",                      with_application,    "61 {4F {" AID "0100000000000000}}"                      },
	{"SELECT: 4F twice",				with_application,    "61 {4F {000010000100} 4F {000010000100}}"               },
	{"SELECT: a FCI",				   with_application,    "6F {4F {000010000100}}"                                 },
	{"SELECT: 4F longer than the rest",                 with_application,    "61 {4F 07 000010000100}"                                },
	{"SELECT: AC with an empty number",                 with_application,    "61 {4F {000010000100} AC {80 {}}}"                      },
	{"SELECT: AC with a number of two bytes",           with_application,    "61 {4F {000010000100} AC {80 {0011}}}"                  },
	{"SELECT: AC cut off",                              with_application,    "61 {4F {000010000100} AC {80 01}}"                      },
 /* OpenSC issue 2242: what a development version of PivApplet really sent. */
	{"SELECT: 61 81 4F for 61 81 81 4F",                with_application,    "61 81 4F 06 000010000100 79 07 4F 05 A000000308"        },
 /* OpenSC issue 1581: a stream of 61 61 61, whose length claims 4 bytes of length. */
	{"issue 1581: SELECT",                              with_application,    "61 84 61616161 61 61 61"                                },
	{"issue 1581: an object",                           with_chuid,          "61 84 61616161 61 61 61"                                },
	{"issue 1581: 53",				  with_chuid,          "53 84 61616161 61 61 61"                                },
 /* OpenSC commits 86eabd42e, 781568f64: a length that is negative when it is an int. */
	{"86eabd42e: 84 FFFFFFFF",                          with_certificate,    "53 84 FFFFFFFF 70 02 30 00"                             },
	{"781568f64: 84 80000000",                          with_certificate,    "53 {70 84 80000000 30 02 0500}"                         },
	{"53 longer than the data",                         with_chuid,          "53 13 34 {" X16 "}"                                     },
	{"53 shorter than the data",                        with_chuid,          "53 11 34 {" X16 "}"                                     },
	{"something behind 53",                             with_chuid,          "53 {34 {" X16 "}} 01"                                   },
	{"FF behind 53",				    with_chuid,          "53 {34 {" X16 "}} FF FF"                                },
	{"another object behind 53",                        with_chuid,          "53 {34 {" X16 "}} 53 {}"                                },
	{"53 in another object",                            with_chuid,          "7E {53 {34 {" X16 "}}}"                                 },
	{"CHUID: FASC-N too short",                         with_chuid,          "53 {30 {D4E739DA}}"                                     },
	{"CHUID: FASC-N too long",                          with_chuid,          "53 {30 {" FASC "00}}"                                   },
	{"CHUID: GUID too short",                           with_chuid,          "53 {34 {1122334455667788}}"                             },
	{"CHUID: GUID too long",                            with_chuid,          "53 {34 {" X16 "00}}"                                    },
	{"CHUID: GUID twice",			       with_chuid,          "53 {34 {" X16 "} 34 {" X16 "}}"                         },
	{"CHUID: signature longer than the rest",           with_chuid,          "53 {34 {" X16 "} 3E 82 01}"                             },
	{"discovery: 7E with a foreign AID",                with_discovery,      "7E {4F {A0000000790100010000FF} 5F2F {40 00}}"          },
	{"discovery: only the RID",                         with_discovery,      "7E {4F {A000000308} 5F2F {40 00}}"                      },
	{"discovery: no policy",                            with_discovery,      "7E {4F {" FULL "}}"                                     },
	{"discovery: a policy of one byte",                 with_discovery,      "7E {4F {" FULL "} 5F2F {40}}"                           },
	{"discovery: a policy of three bytes",              with_discovery,      "7E {4F {" FULL "} 5F2F {40 00 00}}"                     },
	{"discovery: no AID",			       with_discovery,      "7E {5F2F {40 00}}"                                      },
	{"discovery: no application PIN",                   with_discovery,      "7E {4F {" FULL "} 5F2F {20 20}}"                        },
	{"discovery: another PIN first",                    with_discovery,      "7E {4F {" FULL "} 5F2F {60 30}}"                        },
	{"discovery in 53",				 with_discovery,      "53 {4F {" FULL "} 5F2F {40 00}}"                        },
	{"discovery empty",				 with_discovery,      "7E {}"                                                  },
	{"key history: C1 = 21",                            with_history,        "53 {C1 {15} C2 {00} FE {}}"                             },
	{"key history: 255 and 1",                          with_history,        "53 {C1 {FF} C2 {01} FE {}}"                             },
	{"key history: 21 together",                        with_history,        "53 {C1 {14} C2 {01} FE {}}"                             },
	{"key history: C1 of two bytes",                    with_history,        "53 {C1 {0001} C2 {00} FE {}}"                           },
	{"key history: C1 empty",                           with_history,        "53 {C1 {} C2 {00} FE {}}"                               },
	{"key history: broken from the first byte",         with_history,        "53 {C1 02 14}"                                          },
	{"key history: no C2",                              with_history,        "53 {C1 {01} FE {}}"                                     },
	{"key history: no C1",                              with_history,        "53 {C2 {01} FE {}}"                                     },
	{"CVE-2026-40510: a URL of 119 bytes",              with_history,        "53 {C1 {01} C2 {01} F3 {" X64 X32 X16 "31323334353637}}"},
	{"CVE-2026-40510: a URL of 65535",                  with_history,        "53 {C1 {01} C2 {01} F3 82 FFFF 687474703A2F2F}"         },
	{"certificate: 70 length 0",                        with_certificate,    "53 {70 {} 71 {00} FE {}}"                               },
	{"certificate: no 70",                              with_certificate,    "53 {71 {00} FE {}}"                                     },
	{"certificate: 70 twice",                           with_certificate,    "53 {70 {3000} 70 {3000}}"                               },
	{"certificate: 71 of two bytes",                    with_certificate,    "53 {70 {3000} 71 {0000}}"                               },
	{"certificate: no SEQUENCE",                        with_certificate,    "53 {70 {0400} 71 {00} FE {}}"                           },
	{"certificate: DER longer than 70",                 with_certificate,    "53 {70 {3001} 71 {00} FE {}}"                           },
	{"certificate: something behind the DER",           with_certificate,    "53 {70 {300000} 71 {00} FE {}}"                         },
	{"CVE-2025-66037: DER without an end",              with_certificate,    "53 {70 {3080 0201 00 0000}}"                            },
	{"certificate: said to be compressed, and nothing", with_certificate,    "53 {70 {} 71 {01}}"                                     },
	{"certificate: a gzip header alone",                with_certificate,    "53 {70 {1F8B0800000000000003} 71 {01}}"                 },
	{"certificate: two bytes of gzip",                  with_certificate,    "53 {70 {1F8B} 71 {01}}"                                 },
	{"CVE-2025-13763: metadata answered by nothing",    with_metadata,       ""                                                       },
	{"metadata: algorithm of two bytes",                with_metadata,       "01 {0011}"                                              },
	{"metadata: empty algorithm",                       with_metadata,       "01 {}"                                                  },
	{"metadata: one policy",                            with_metadata,       "01 {11} 02 {02}"                                        },
	{"metadata: origin 0",                              with_metadata,       "01 {11} 03 {00}"                                        },
	{"metadata: origin 3",                              with_metadata,       "01 {11} 03 {03}"                                        },
	{"metadata: is-default 2",                          with_metadata,       "01 {FF} 05 {02}"                                        },
	{"metadata: more tries left than there are",        with_metadata,       "01 {FF} 06 {03 04}"                                     },
	{"metadata: tries in one byte",                     with_metadata,       "01 {FF} 06 {03}"                                        },
	{"metadata: point of another curve",                with_metadata,       "01 {14} 04 {86 {04" X64 "}}"                            },
	{"metadata: no key in 04",                          with_metadata,       "01 {11} 04 {}"                                          },
	{"metadata: ends in a tag",                         with_metadata,       "01 {11} 04"                                             },
	{"CVE-2020-13131: 7F49 longer than the data",       with_generated_rsa,  "7F49 82 0108 81 {" X128 "} 82 {010001}"                 },
	{"CVE-2020-13131: 81 longer than 7F49",             with_generated_rsa,  "7F49 {81 82 0180 " X128 " 82 {010001}}"                 },
	{"CVE-2020-13131: 81 of 4 GB",                      with_generated_rsa,  "7F49 {81 84 FFFFFFF0 " X128 " 82 {010001}}"             },
	{"7F49 with 81 before a missing 82",                with_generated_rsa,  "7F49 {81 {" X128 "}}"                                   },
	{"7F49 with 82 alone",                              with_generated_rsa,  "7F49 {82 {010001}}"                                     },
	{"7F49 with 81 and 86",                             with_generated_rsa,  "7F49 {81 {" X128 "} 82 {010001} 86 {04}}"               },
	{"7F49: a modulus of another size",                 with_generated_rsa,  "7F49 {81 {81" X64 "} 82 {010001}}"                      },
	{"7F49: a modulus of 1023 bits",                    with_generated_rsa,
         "7F49 {81 {" X64 X32 X16 "112233445566778899AABBCCDDEEFF01} 82 {010001}}"                                                        },
	{"7F49: an even modulus",                           with_generated_rsa,
         "7F49 {81 {80" X64 X32 X16 "112233445566778899AABBCCDDEEF0} 82 {03}}"                                                            },
	{"7F49: exponent 0",				with_generated_rsa,  "7F49 {81 {" X128 "} 82 {000000}}"                       },
	{"7F49: exponent 1",				with_generated_rsa,  "7F49 {81 {" X128 "} 82 {0001}}"                         },
	{"7F49: an even exponent",                          with_generated_rsa,  "7F49 {81 {" X128 "} 82 {04}}"                           },
	{"7F49: no exponent",			       with_generated_rsa,  "7F49 {81 {" X128 "} 82 {}}"                             },
	{"7F49: a point for RSA",                           with_generated_rsa,  "7F49 {86 {04" X64 "}}"                                  },
	{"7F49: RSA for a point",                           with_generated_p256, "7F49 {81 {" X128 "} 82 {010001}}"                       },
	{"7F49: RSA and a point",                           with_generated_p256, "7F49 {82 {010001} 86 {04" X64 "}}"                      },
	{"7F49: EC point 86 one byte short",                with_generated_p256,
         "7F49 {86 {04" X32 X16 "112233445566778899AABBCCDDEEFF}}"                                                                        },
	{"7F49: EC point 86 one byte long",                 with_generated_p256, "7F49 {86 {04" X64 "00}}"                                },
	{"7F49: a compressed point",                        with_generated_p256, "7F49 {86 {02" X32 "}}"                                  },
	{"7F49: a point that begins with 03",               with_generated_p256, "7F49 {86 {03" X64 "}}"                                  },
	{"7F49: a modulus and a point",                     with_generated_p256, "7F49 {81 {" X128 "} 86 {04" X64 "}}"                    },
	{"7F49: two points",				with_generated_p256, "7F49 {86 {04" X64 "} 86 {04" X64 "}}"                   },
	{"7F49 empty",				      with_generated_p256, "7F49 {}"                                                },
	{"CVE-2020-13132: 30 for 7F49",                     with_generated_p256, "30 {86 {04" X64 "}}"                                    },
	{"7C without 82",				   with_response,       "7C {81 {1122334455667788}}"                             },
	{"82 length 0",				     with_response,       "7C {82 {}}"                                             },
	{"7C empty",					with_response,       "7C {}"						  },
	{"82 outside of 7C",				with_response,       "82 {1122334455667788}"                                  },
	{"82 and one more",				 with_response,       "7C {82 {112233} 81 {}}"                                 },
	{"82 twice",					with_response,       "7C {82 {112233} 82 {112233}}"                           },
	{"something behind 7C",                             with_response,       "7C {82 {112233}} 9000"                                  },
	{"CVE-2024-45615: no 7C",                           with_challenge,      "30 {81 {1122334455667788}}"                             },
	{"CVE-2024-45615: a tag that does not end",         with_challenge,      "7F FF FF FF 81 08 1122334455667788"                     },
	{"CVE-2024-45616: a challenge over the end of 7C",  with_challenge,      "7C {81 09 1122334455667788}"                            },
	{"CVE-2024-45616: a challenge over the end of all", with_challenge,      "7C 0B 81 09 1122334455667788"                           },
	{"CVE-2024-45618: a bare byte",                     with_challenge,      "7C"                                                     },
	{"CVE-2025-49010: no answer",                       with_challenge,      ""                                                       },
	{"admin data without 80",                           with_admin,          "53 {81 {02}}"                                           },
	{"admin data: flags of two bytes",                  with_admin,          "53 {80 {81 {0000}}}"                                    },
	{"admin data: a short salt",                        with_admin,          "53 {80 {82 {0000}}}"                                    },
	{"admin data: a long salt",                         with_admin,          "53 {80 {82 {" X16 "00}}}"                               },
	{"printed information, no key",                     with_protected,      "53 {01 {4142} FE {}}"                                   },
	{"protected: 88 without 89",                        with_protected,      "53 {88 {81 {01}}}"                                      },
	{"protected: a DES key of 8 bytes",                 with_protected,      "53 {88 {89 {1122334455667788}}}"                        },
	{"protected: 17 bytes",                             with_protected,      "53 {88 {89 {" X16 "00}}}"                               },
	{"protected: 33 bytes",                             with_protected,      "53 {88 {89 {" X32 "00}}}"                               },
	{"protected: 40 bytes",                             with_protected,      "53 {88 {89 {" X32 "1122334455667788}}}"                 },
	{"protected: nothing",                              with_protected,      "53 {}"                                                  },
	{"signature: r || s",			       with_ecdsa,          X64						      },
	{"signature: r is zero",                            with_ecdsa,          "30 {02 {00} 02 {7F}}"                                   },
	{"signature: s is negative",                        with_ecdsa,          "30 {02 {01} 02 {80}}"                                   },
	{"signature: r longer than it need be",             with_ecdsa,          "30 {02 {0001} 02 {7F}}"                                 },
	{"signature: r over the field",                     with_ecdsa,          "30 {02 {01" X32 "} 02 {01}}"                            },
	{"signature: a third number",                       with_ecdsa,          "30 {02 {01} 02 {01} 02 {01}}"                           },
	{"signature: something behind it",                  with_ecdsa,          "30 {02 {01} 02 {7F}} 00"                                },
	{"signature: a length not in its shortest form",    with_ecdsa,          "30 81 06 02 01 01 02 01 7F"                             },
};

static void broken_answers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct bytes b = spell(bad[i].answer);
		if (bad[i].parse(b)) {
			print_message("%s\n", bad[i].name);
			fail();
		}
		test_drop(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_of_real_cards_are_read),
		cmocka_unit_test(an_answer_cut_off_anywhere_is_refused),
		cmocka_unit_test(any_byte_may_be_any_other),
		cmocka_unit_test(lengths_come_in_every_definite_form),
		cmocka_unit_test(other_forms_of_a_length_are_refused),
		cmocka_unit_test(broken_answers_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

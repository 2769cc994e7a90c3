/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

#include "app/base/utf8.h"
#include "app/http/json.h"

void json_tests(void);

enum { SCRATCH_MAX = 8 << 20 };

struct row {
    const char *name;
    struct str text;
};

/* Names that begin with y_, n_ or i_ are those of JSONTestSuite's files (test_parsing, all 318 of
 * them) with the same bytes. The engine refuses four y_ (duplicate keys, U+0000) and accepts
 * five i_ (finite as doubles). */
/* clang-format off */
static const struct row accepted[] = {
    {"y_array_arraysWithSpaces", STR_INIT("[[]   ]")},
    {"y_array_empty-string", STR_INIT("[\"\"]")},
    {"y_array_empty", STR_INIT("[]")},
    {"y_array_ending_with_newline", STR_INIT("[\"a\"]")},
    {"y_array_false", STR_INIT("[false]")},
    {"y_array_heterogeneous", STR_INIT("[null, 1, \"1\", {}]")},
    {"y_array_null", STR_INIT("[null]")},
    {"y_array_with_1_and_newline", STR_INIT("[1\n]")},
    {"y_array_with_leading_space", STR_INIT(" [1]")},
    {"y_array_with_several_null", STR_INIT("[1,null,null,null,2]")},
    {"y_array_with_trailing_space", STR_INIT("[2] ")},
    {"y_number", STR_INIT("[123e65]")},
    {"y_number_0e+1", STR_INIT("[0e+1]")},
    {"y_number_0e1", STR_INIT("[0e1]")},
    {"y_number_after_space", STR_INIT("[ 4]")},
    {"y_number_double_close_to_zero", STR_INIT("[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]\n")},
    {"y_number_int_with_exp", STR_INIT("[20e1]")},
    {"y_number_minus_zero", STR_INIT("[-0]")},
    {"y_number_negative_int", STR_INIT("[-123]")},
    {"y_number_negative_one", STR_INIT("[-1]")},
    {"y_number_negative_zero", STR_INIT("[-0]")},
    {"y_number_real_capital_e", STR_INIT("[1E22]")},
    {"y_number_real_capital_e_neg_exp", STR_INIT("[1E-2]")},
    {"y_number_real_capital_e_pos_exp", STR_INIT("[1E+2]")},
    {"y_number_real_exponent", STR_INIT("[123e45]")},
    {"y_number_real_fraction_exponent", STR_INIT("[123.456e78]")},
    {"y_number_real_neg_exp", STR_INIT("[1e-2]")},
    {"y_number_real_pos_exponent", STR_INIT("[1e+2]")},
    {"y_number_simple_int", STR_INIT("[123]")},
    {"y_number_simple_real", STR_INIT("[123.456789]")},
    {"y_object", STR_INIT("{\"asd\":\"sdf\", \"dfg\":\"fgh\"}")},
    {"y_object_basic", STR_INIT("{\"asd\":\"sdf\"}")},
    {"y_object_empty", STR_INIT("{}")},
    {"y_object_empty_key", STR_INIT("{\"\":0}")},
    {"y_object_extreme_numbers", STR_INIT("{ \"min\": -1.0e+28, \"max\": 1.0e+28 }")},
    {"y_object_long_strings", STR_INIT("{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}")},
    {"y_object_simple", STR_INIT("{\"a\":[]}")},
    {"y_object_string_unicode", STR_INIT("{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430 \\u0417\\u0435\\u043c\\u043b\\u0435\\u043a\\u043e\\u043f\\u0430\" }")},
    {"y_object_with_newlines", STR_INIT("{\n\"a\": \"b\"\n}")},
    {"y_string_1_2_3_bytes_UTF-8_sequences", STR_INIT("[\"\\u0060\\u012a\\u12AB\"]")},
    {"y_string_accepted_surrogate_pair", STR_INIT("[\"\\uD801\\udc37\"]")},
    {"y_string_accepted_surrogate_pairs", STR_INIT("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]")},
    {"y_string_allowed_escapes", STR_INIT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]")},
    {"y_string_backslash_and_u_escaped_zero", STR_INIT("[\"\\\\u0000\"]")},
    {"y_string_backslash_doublequotes", STR_INIT("[\"\\\"\"]")},
    {"y_string_comments", STR_INIT("[\"a/*b*/c/*d//e\"]")},
    {"y_string_double_escape_a", STR_INIT("[\"\\\\a\"]")},
    {"y_string_double_escape_n", STR_INIT("[\"\\\\n\"]")},
    {"y_string_escaped_control_character", STR_INIT("[\"\\u0012\"]")},
    {"y_string_escaped_noncharacter", STR_INIT("[\"\\uFFFF\"]")},
    {"y_string_in_array", STR_INIT("[\"asd\"]")},
    {"y_string_in_array_with_leading_space", STR_INIT("[ \"asd\"]")},
    {"y_string_last_surrogates_1_and_2", STR_INIT("[\"\\uDBFF\\uDFFF\"]")},
    {"y_string_nbsp_uescaped", STR_INIT("[\"new\\u00A0line\"]")},
    {"y_string_nonCharacterInUTF-8_U+10FFFF", STR_INIT("[\"\364\217\277\277\"]")},
    {"y_string_nonCharacterInUTF-8_U+FFFF", STR_INIT("[\"\357\277\277\"]")},
    {"y_string_one-byte-utf-8", STR_INIT("[\"\\u002c\"]")},
    {"y_string_pi", STR_INIT("[\"\317\200\"]")},
    {"y_string_reservedCharacterInUTF-8_U+1BFFF", STR_INIT("[\"\360\233\277\277\"]")},
    {"y_string_simple_ascii", STR_INIT("[\"asd \"]")},
    {"y_string_space", STR_INIT("\" \"")},
    {"y_string_surrogates_U+1D11E_MUSICAL_SYMBOL_G_CLEF", STR_INIT("[\"\\uD834\\uDd1e\"]")},
    {"y_string_three-byte-utf-8", STR_INIT("[\"\\u0821\"]")},
    {"y_string_two-byte-utf-8", STR_INIT("[\"\\u0123\"]")},
    {"y_string_u+2028_line_sep", STR_INIT("[\"\342\200\250\"]")},
    {"y_string_u+2029_par_sep", STR_INIT("[\"\342\200\251\"]")},
    {"y_string_uEscape", STR_INIT("[\"\\u0061\\u30af\\u30EA\\u30b9\"]")},
    {"y_string_uescaped_newline", STR_INIT("[\"new\\u000Aline\"]")},
    {"y_string_unescaped_char_delete", STR_INIT("[\"\177\"]")},
    {"y_string_unicode", STR_INIT("[\"\\uA66D\"]")},
    {"y_string_unicodeEscapedBackslash", STR_INIT("[\"\\u005C\"]")},
    {"y_string_unicode_2", STR_INIT("[\"\342\215\202\343\210\264\342\215\202\"]")},
    {"y_string_unicode_U+10FFFE_nonchar", STR_INIT("[\"\\uDBFF\\uDFFE\"]")},
    {"y_string_unicode_U+1FFFE_nonchar", STR_INIT("[\"\\uD83F\\uDFFE\"]")},
    {"y_string_unicode_U+200B_ZERO_WIDTH_SPACE", STR_INIT("[\"\\u200B\"]")},
    {"y_string_unicode_U+2064_invisible_plus", STR_INIT("[\"\\u2064\"]")},
    {"y_string_unicode_U+FDD0_nonchar", STR_INIT("[\"\\uFDD0\"]")},
    {"y_string_unicode_U+FFFE_nonchar", STR_INIT("[\"\\uFFFE\"]")},
    {"y_string_unicode_escaped_double_quote", STR_INIT("[\"\\u0022\"]")},
    {"y_string_utf8", STR_INIT("[\"\342\202\254\360\235\204\236\"]")},
    {"y_string_with_del_character", STR_INIT("[\"a\177a\"]")},
    {"y_structure_lonely_false", STR_INIT("false")},
    {"y_structure_lonely_int", STR_INIT("42")},
    {"y_structure_lonely_negative_real", STR_INIT("-0.1")},
    {"y_structure_lonely_null", STR_INIT("null")},
    {"y_structure_lonely_string", STR_INIT("\"asd\"")},
    {"y_structure_lonely_true", STR_INIT("true")},
    {"y_structure_string_empty", STR_INIT("\"\"")},
    {"y_structure_trailing_newline", STR_INIT("[\"a\"]\n")},
    {"y_structure_true_in_array", STR_INIT("[true]")},
    {"y_structure_whitespace_array", STR_INIT(" [] ")},
    {"i_number_double_huge_neg_exp", STR_INIT("[123.456e-789]")},
    {"i_number_real_underflow", STR_INIT("[123e-10000000]")},
    {"i_number_too_big_neg_int", STR_INIT("[-123123123123123123123123123123]")},
    {"i_number_too_big_pos_int", STR_INIT("[100000000000000000000]")},
    {"i_number_very_big_negative_int", STR_INIT("[-237462374673276894279832749832423479823246327846]")},
    {"spaces of four kinds", STR_INIT(" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n")},
    {"largest double", STR_INIT("1.7976931348623157e308")},
    {"zero with a huge exponent", STR_INIT("0e999999999999999999999")},
    {"long fraction undone by its exponent", STR_INIT("0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001e340")},
    {"composed and decomposed keys differ", STR_INIT("{\"\303\251\":1,\"e\314\201\":2}")},
    {"same key at different levels", STR_INIT("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}")},
    {"key that spells an escape", STR_INIT("{\"\\\\u0061\":1,\"a\":2}")},
    {"keys that share a prefix", STR_INIT("{\"a\":1,\"aa\":2,\"aaa\":3,\"\":4}")},
};

static const struct row refused[] = {
    {"y_object_duplicated_key", STR_INIT("{\"a\":\"b\",\"a\":\"c\"}")},
    {"y_object_duplicated_key_and_value", STR_INIT("{\"a\":\"b\",\"a\":\"b\"}")},
    {"y_object_escaped_null_in_key", STR_INIT("{\"foo\\u0000bar\": 42}")},
    {"y_string_null_escape", STR_INIT("[\"\\u0000\"]")},
    {"i_number_huge_exp", STR_INIT("[0.4e00669999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999969999999006]")},
    {"i_number_neg_int_huge_exp", STR_INIT("[-1e+9999]")},
    {"i_number_pos_double_huge_exp", STR_INIT("[1.5e+9999]")},
    {"i_number_real_neg_overflow", STR_INIT("[-123123e100000]")},
    {"i_number_real_pos_overflow", STR_INIT("[123123e100000]")},
    {"i_object_key_lone_2nd_surrogate", STR_INIT("{\"\\uDFAA\":0}")},
    {"i_string_1st_surrogate_but_2nd_missing", STR_INIT("[\"\\uDADA\"]")},
    {"i_string_1st_valid_surrogate_2nd_invalid", STR_INIT("[\"\\uD888\\u1234\"]")},
    {"i_string_UTF-16LE_with_BOM", STR_INIT("\377\376[\000\"\000\351\000\"\000]\000")},
    {"i_string_UTF-8_invalid_sequence", STR_INIT("[\"\346\227\245\321\210\372\"]")},
    {"i_string_UTF8_surrogate_U+D800", STR_INIT("[\"\355\240\200\"]")},
    {"i_string_incomplete_surrogate_and_escape_valid", STR_INIT("[\"\\uD800\\n\"]")},
    {"i_string_incomplete_surrogate_pair", STR_INIT("[\"\\uDd1ea\"]")},
    {"i_string_incomplete_surrogates_escape_valid", STR_INIT("[\"\\uD800\\uD800\\n\"]")},
    {"i_string_invalid_lonely_surrogate", STR_INIT("[\"\\ud800\"]")},
    {"i_string_invalid_surrogate", STR_INIT("[\"\\ud800abc\"]")},
    {"i_string_invalid_utf-8", STR_INIT("[\"\377\"]")},
    {"i_string_inverted_surrogates_U+1D11E", STR_INIT("[\"\\uDd1e\\uD834\"]")},
    {"i_string_iso_latin_1", STR_INIT("[\"\351\"]")},
    {"i_string_lone_second_surrogate", STR_INIT("[\"\\uDFAA\"]")},
    {"i_string_lone_utf8_continuation_byte", STR_INIT("[\"\201\"]")},
    {"i_string_not_in_unicode_range", STR_INIT("[\"\364\277\277\277\"]")},
    {"i_string_overlong_sequence_2_bytes", STR_INIT("[\"\300\257\"]")},
    {"i_string_overlong_sequence_6_bytes", STR_INIT("[\"\374\203\277\277\277\277\"]")},
    {"i_string_overlong_sequence_6_bytes_null", STR_INIT("[\"\374\200\200\200\200\200\"]")},
    {"i_string_truncated-utf-8", STR_INIT("[\"\340\377\"]")},
    {"i_string_utf16BE_no_BOM", STR_INIT("\000[\000\"\000\351\000\"\000]")},
    {"i_string_utf16LE_no_BOM", STR_INIT("[\000\"\000\351\000\"\000]\000")},
    {"i_structure_UTF-8_BOM_empty_object", STR_INIT("\357\273\277{}")},
    {"n_array_1_true_without_comma", STR_INIT("[1 true]")},
    {"n_array_a_invalid_utf8", STR_INIT("[a\345]")},
    {"n_array_colon_instead_of_comma", STR_INIT("[\"\": 1]")},
    {"n_array_comma_after_close", STR_INIT("[\"\"],")},
    {"n_array_comma_and_number", STR_INIT("[,1]")},
    {"n_array_double_comma", STR_INIT("[1,,2]")},
    {"n_array_double_extra_comma", STR_INIT("[\"x\",,]")},
    {"n_array_extra_close", STR_INIT("[\"x\"]]")},
    {"n_array_extra_comma", STR_INIT("[\"\",]")},
    {"n_array_incomplete", STR_INIT("[\"x\"")},
    {"n_array_incomplete_invalid_value", STR_INIT("[x")},
    {"n_array_inner_array_no_comma", STR_INIT("[3[4]]")},
    {"n_array_invalid_utf8", STR_INIT("[\377]")},
    {"n_array_items_separated_by_semicolon", STR_INIT("[1:2]")},
    {"n_array_just_comma", STR_INIT("[,]")},
    {"n_array_just_minus", STR_INIT("[-]")},
    {"n_array_missing_value", STR_INIT("[   , \"\"]")},
    {"n_array_newlines_unclosed", STR_INIT("[\"a\",\n4\n,1,")},
    {"n_array_number_and_comma", STR_INIT("[1,]")},
    {"n_array_number_and_several_commas", STR_INIT("[1,,]")},
    {"n_array_spaces_vertical_tab_formfeed", STR_INIT("[\"\013a\"\\f]")},
    {"n_array_star_inside", STR_INIT("[*]")},
    {"n_array_unclosed", STR_INIT("[\"\"")},
    {"n_array_unclosed_trailing_comma", STR_INIT("[1,")},
    {"n_array_unclosed_with_new_lines", STR_INIT("[1,\n1\n,1")},
    {"n_array_unclosed_with_object_inside", STR_INIT("[{}")},
    {"n_incomplete_false", STR_INIT("[fals]")},
    {"n_incomplete_null", STR_INIT("[nul]")},
    {"n_incomplete_true", STR_INIT("[tru]")},
    {"n_multidigit_number_then_00", STR_INIT("123\000")},
    {"n_number_++", STR_INIT("[++1234]")},
    {"n_number_+1", STR_INIT("[+1]")},
    {"n_number_+Inf", STR_INIT("[+Inf]")},
    {"n_number_-01", STR_INIT("[-01]")},
    {"n_number_-1.0.", STR_INIT("[-1.0.]")},
    {"n_number_-2.", STR_INIT("[-2.]")},
    {"n_number_-NaN", STR_INIT("[-NaN]")},
    {"n_number_.-1", STR_INIT("[.-1]")},
    {"n_number_.2e-3", STR_INIT("[.2e-3]")},
    {"n_number_0.1.2", STR_INIT("[0.1.2]")},
    {"n_number_0.3e+", STR_INIT("[0.3e+]")},
    {"n_number_0.3e", STR_INIT("[0.3e]")},
    {"n_number_0.e1", STR_INIT("[0.e1]")},
    {"n_number_0_capital_E+", STR_INIT("[0E+]")},
    {"n_number_0_capital_E", STR_INIT("[0E]")},
    {"n_number_0e+", STR_INIT("[0e+]")},
    {"n_number_0e", STR_INIT("[0e]")},
    {"n_number_1.0e+", STR_INIT("[1.0e+]")},
    {"n_number_1.0e-", STR_INIT("[1.0e-]")},
    {"n_number_1.0e", STR_INIT("[1.0e]")},
    {"n_number_1_000", STR_INIT("[1 000.0]")},
    {"n_number_1eE2", STR_INIT("[1eE2]")},
    {"n_number_2.e+3", STR_INIT("[2.e+3]")},
    {"n_number_2.e-3", STR_INIT("[2.e-3]")},
    {"n_number_2.e3", STR_INIT("[2.e3]")},
    {"n_number_9.e+", STR_INIT("[9.e+]")},
    {"n_number_Inf", STR_INIT("[Inf]")},
    {"n_number_NaN", STR_INIT("[NaN]")},
    {"n_number_U+FF11_fullwidth_digit_one", STR_INIT("[\357\274\221]")},
    {"n_number_expression", STR_INIT("[1+2]")},
    {"n_number_hex_1_digit", STR_INIT("[0x1]")},
    {"n_number_hex_2_digits", STR_INIT("[0x42]")},
    {"n_number_infinity", STR_INIT("[Infinity]")},
    {"n_number_invalid+-", STR_INIT("[0e+-1]")},
    {"n_number_invalid-negative-real", STR_INIT("[-123.123foo]")},
    {"n_number_invalid-utf-8-in-bigger-int", STR_INIT("[123\345]")},
    {"n_number_invalid-utf-8-in-exponent", STR_INIT("[1e1\345]")},
    {"n_number_invalid-utf-8-in-int", STR_INIT("[0\345]\n")},
    {"n_number_minus_infinity", STR_INIT("[-Infinity]")},
    {"n_number_minus_sign_with_trailing_garbage", STR_INIT("[-foo]")},
    {"n_number_minus_space_1", STR_INIT("[- 1]")},
    {"n_number_neg_int_starting_with_zero", STR_INIT("[-012]")},
    {"n_number_neg_real_without_int_part", STR_INIT("[-.123]")},
    {"n_number_neg_with_garbage_at_end", STR_INIT("[-1x]")},
    {"n_number_real_garbage_after_e", STR_INIT("[1ea]")},
    {"n_number_real_with_invalid_utf8_after_e", STR_INIT("[1e\345]")},
    {"n_number_real_without_fractional_part", STR_INIT("[1.]")},
    {"n_number_starting_with_dot", STR_INIT("[.123]")},
    {"n_number_with_alpha", STR_INIT("[1.2a-3]")},
    {"n_number_with_alpha_char", STR_INIT("[1.8011670033376514H-308]")},
    {"n_number_with_leading_zero", STR_INIT("[012]")},
    {"n_object_bad_value", STR_INIT("[\"x\", truth]")},
    {"n_object_bracket_key", STR_INIT("{[: \"x\"}\n")},
    {"n_object_comma_instead_of_colon", STR_INIT("{\"x\", null}")},
    {"n_object_double_colon", STR_INIT("{\"x\"::\"b\"}")},
    {"n_object_emoji", STR_INIT("{\360\237\207\250\360\237\207\255}")},
    {"n_object_garbage_at_end", STR_INIT("{\"a\":\"a\" 123}")},
    {"n_object_key_with_single_quotes", STR_INIT("{key: 'value'}")},
    {"n_object_lone_continuation_byte_in_key_and_trailing_comma", STR_INIT("{\"\271\":\"0\",}")},
    {"n_object_missing_colon", STR_INIT("{\"a\" b}")},
    {"n_object_missing_key", STR_INIT("{:\"b\"}")},
    {"n_object_missing_semicolon", STR_INIT("{\"a\" \"b\"}")},
    {"n_object_missing_value", STR_INIT("{\"a\":")},
    {"n_object_no-colon", STR_INIT("{\"a\"")},
    {"n_object_non_string_key", STR_INIT("{1:1}")},
    {"n_object_non_string_key_but_huge_number_instead", STR_INIT("{9999E9999:1}")},
    {"n_object_repeated_null_null", STR_INIT("{null:null,null:null}")},
    {"n_object_several_trailing_commas", STR_INIT("{\"id\":0,,,,,}")},
    {"n_object_single_quote", STR_INIT("{'a':0}")},
    {"n_object_trailing_comma", STR_INIT("{\"id\":0,}")},
    {"n_object_trailing_comment", STR_INIT("{\"a\":\"b\"}/**/")},
    {"n_object_trailing_comment_open", STR_INIT("{\"a\":\"b\"}/**//")},
    {"n_object_trailing_comment_slash_open", STR_INIT("{\"a\":\"b\"}//")},
    {"n_object_trailing_comment_slash_open_incomplete", STR_INIT("{\"a\":\"b\"}/")},
    {"n_object_two_commas_in_a_row", STR_INIT("{\"a\":\"b\",,\"c\":\"d\"}")},
    {"n_object_unquoted_key", STR_INIT("{a: \"b\"}")},
    {"n_object_unterminated-value", STR_INIT("{\"a\":\"a")},
    {"n_object_with_single_string", STR_INIT("{ \"foo\" : \"bar\", \"a\" }")},
    {"n_object_with_trailing_garbage", STR_INIT("{\"a\":\"b\"}#")},
    {"n_single_space", STR_INIT(" ")},
    {"n_string_1_surrogate_then_escape", STR_INIT("[\"\\uD800\\\"]")},
    {"n_string_1_surrogate_then_escape_u", STR_INIT("[\"\\uD800\\u\"]")},
    {"n_string_1_surrogate_then_escape_u1", STR_INIT("[\"\\uD800\\u1\"]")},
    {"n_string_1_surrogate_then_escape_u1x", STR_INIT("[\"\\uD800\\u1x\"]")},
    {"n_string_accentuated_char_no_quotes", STR_INIT("[\303\251]")},
    {"n_string_backslash_00", STR_INIT("[\"\\\000\"]")},
    {"n_string_escape_x", STR_INIT("[\"\\x00\"]")},
    {"n_string_escaped_backslash_bad", STR_INIT("[\"\\\\\\\"]")},
    {"n_string_escaped_ctrl_char_tab", STR_INIT("[\"\\\t\"]")},
    {"n_string_escaped_emoji", STR_INIT("[\"\\\360\237\214\200\"]")},
    {"n_string_incomplete_escape", STR_INIT("[\"\\\"]")},
    {"n_string_incomplete_escaped_character", STR_INIT("[\"\\u00A\"]")},
    {"n_string_incomplete_surrogate", STR_INIT("[\"\\uD834\\uDd\"]")},
    {"n_string_incomplete_surrogate_escape_invalid", STR_INIT("[\"\\uD800\\uD800\\x\"]")},
    {"n_string_invalid-utf-8-in-escape", STR_INIT("[\"\\u\345\"]")},
    {"n_string_invalid_backslash_esc", STR_INIT("[\"\\a\"]")},
    {"n_string_invalid_unicode_escape", STR_INIT("[\"\\uqqqq\"]")},
    {"n_string_invalid_utf8_after_escape", STR_INIT("[\"\\\345\"]")},
    {"n_string_leading_uescaped_thinspace", STR_INIT("[\\u0020\"asd\"]")},
    {"n_string_no_quotes_with_bad_escape", STR_INIT("[\\n]")},
    {"n_string_single_doublequote", STR_INIT("\"")},
    {"n_string_single_quote", STR_INIT("['single quote']")},
    {"n_string_single_string_no_double_quotes", STR_INIT("abc")},
    {"n_string_start_escape_unclosed", STR_INIT("[\"\\")},
    {"n_string_unescaped_ctrl_char", STR_INIT("[\"a\000a\"]")},
    {"n_string_unescaped_newline", STR_INIT("[\"new\nline\"]")},
    {"n_string_unescaped_tab", STR_INIT("[\"\t\"]")},
    {"n_string_unicode_CapitalU", STR_INIT("\"\\UA66D\"")},
    {"n_string_with_trailing_garbage", STR_INIT("\"\"x")},
    {"n_structure_U+2060_word_joined", STR_INIT("[\342\201\240]")},
    {"n_structure_UTF8_BOM_no_data", STR_INIT("\357\273\277")},
    {"n_structure_angle_bracket_.", STR_INIT("<.>")},
    {"n_structure_angle_bracket_null", STR_INIT("[<null>]")},
    {"n_structure_array_trailing_garbage", STR_INIT("[1]x")},
    {"n_structure_array_with_extra_array_close", STR_INIT("[1]]")},
    {"n_structure_array_with_unclosed_string", STR_INIT("[\"asd]")},
    {"n_structure_ascii-unicode-identifier", STR_INIT("a\303\245")},
    {"n_structure_capitalized_True", STR_INIT("[True]")},
    {"n_structure_close_unopened_array", STR_INIT("1]")},
    {"n_structure_comma_instead_of_closing_brace", STR_INIT("{\"x\": true,")},
    {"n_structure_double_array", STR_INIT("[][]")},
    {"n_structure_end_array", STR_INIT("]")},
    {"n_structure_incomplete_UTF8_BOM", STR_INIT("\357\273{}")},
    {"n_structure_lone-invalid-utf-8", STR_INIT("\345")},
    {"n_structure_lone-open-bracket", STR_INIT("[")},
    {"n_structure_no_data", STR_INIT("")},
    {"n_structure_null-byte-outside-string", STR_INIT("[\000]")},
    {"n_structure_number_with_trailing_garbage", STR_INIT("2@")},
    {"n_structure_object_followed_by_closing_object", STR_INIT("{}}")},
    {"n_structure_object_unclosed_no_value", STR_INIT("{\"\":")},
    {"n_structure_object_with_comment", STR_INIT("{\"a\":/*comment*/\"b\"}")},
    {"n_structure_object_with_trailing_garbage", STR_INIT("{\"a\": true} \"x\"")},
    {"n_structure_open_array_apostrophe", STR_INIT("['")},
    {"n_structure_open_array_comma", STR_INIT("[,")},
    {"n_structure_open_array_open_object", STR_INIT("[{")},
    {"n_structure_open_array_open_string", STR_INIT("[\"a")},
    {"n_structure_open_array_string", STR_INIT("[\"a\"")},
    {"n_structure_open_object", STR_INIT("{")},
    {"n_structure_open_object_close_array", STR_INIT("{]")},
    {"n_structure_open_object_comma", STR_INIT("{,")},
    {"n_structure_open_object_open_array", STR_INIT("{[")},
    {"n_structure_open_object_open_string", STR_INIT("{\"a")},
    {"n_structure_open_object_string_with_apostrophes", STR_INIT("{'a'")},
    {"n_structure_open_open", STR_INIT("[\"\\{[\"\\{[\"\\{[\"\\{")},
    {"n_structure_single_eacute", STR_INIT("\351")},
    {"n_structure_single_star", STR_INIT("*")},
    {"n_structure_trailing_#", STR_INIT("{\"a\":\"b\"}#{}")},
    {"n_structure_uescaped_LF_before_string", STR_INIT("[\\u000A\"\"]")},
    {"n_structure_unclosed_array", STR_INIT("[1")},
    {"n_structure_unclosed_array_partial_null", STR_INIT("[ false, nul")},
    {"n_structure_unclosed_array_unfinished_false", STR_INIT("[ true, fals")},
    {"n_structure_unclosed_array_unfinished_true", STR_INIT("[ false, tru")},
    {"n_structure_unclosed_object", STR_INIT("{\"asd\":\"asd\"")},
    {"n_structure_unicode-identifier", STR_INIT("\303\245")},
    {"n_structure_whitespace_U+2060_word_joiner", STR_INIT("[\342\201\240]")},
    {"n_structure_whitespace_formfeed", STR_INIT("[\014]")},
    {"missing comma between strings", STR_INIT("[\"a\" \"b\"]")},
    {"missing comma between numbers", STR_INIT("[1 2]")},
    {"number with underscores", STR_INIT("1_000")},
    {"bare nan", STR_INIT("nan")},
    {"undefined", STR_INIT("undefined")},
    {"line comment", STR_INIT("[1] // one")},
    {"comment before", STR_INIT("/* one */ [1]")},
    {"decimal point alone at the end", STR_INIT("1.")},
    {"exponent alone", STR_INIT("1e")},
    {"overflow", STR_INIT("1e400")},
    {"negative overflow", STR_INIT("-1e400")},
    {"largest double plus half a unit", STR_INIT("1.7976931348623159e308")},
    {"overflow by many digits", STR_INIT("[1000000000000000000000000000000e280]")},
    {"duplicate key spelt apart", STR_INIT("{\"a\":1,\"\\u0061\":2}")},
    {"duplicate key as a surrogate pair", STR_INIT("{\"\360\235\204\236\":1,\"\\ud834\\udd1e\":2}")},
    {"duplicate key with an escaped slash", STR_INIT("{\"a/b\":1,\"a\\/b\":2}")},
    {"duplicate empty key", STR_INIT("{\"\":1,\"\":2}")},
    {"duplicate behind an inner object", STR_INIT("{\"a\":1,\"b\":{\"a\":2},\"a\":3}")},
    {"duplicate in an inner object", STR_INIT("[{\"x\":{\"a\":1,\"a\":1}}]")},
    {"raw carriage return in a string", STR_INIT("\"\r\"")},
    {"two values", STR_INIT("1 2")},
    {"two values without space", STR_INIT("{}{}")},
    {"overlong three bytes", STR_INIT("\"\340\200\200\"")},
    {"beyond U+10FFFF", STR_INIT("\"\364\220\200\200\"")},
    {"overlong four bytes", STR_INIT("\"\360\217\277\277\"")},
    {"truncated at the end", STR_INIT("\"\360\237\230")},
    {"NUL behind the value", STR_INIT("{}\000")},
};
/* clang-format on */

static void tell(const struct row *row, const char *what)
{
    (void)fprintf(stderr, "\n%s: %s", row->name, what);
    CU_FAIL("row");
}

/* Copies the text to a block of exactly its size, so that AddressSanitizer finds reads beyond it.
 */
static struct str boxed(struct str text)
{
    char *p = malloc(text.n);
    if (p)
        memcpy(p, text.p, text.n);
    return (struct str){p, text.n};
}

static void unbox(struct str box)
{
    free((void *)(uintptr_t)box.p);
}

static bool holds(struct str text, size_t max_values, size_t *ret_offset)
{
    struct arena *scratch = arena_new(4096, SCRATCH_MAX);
    struct str box = boxed(text);
    bool valid = json_check(box, max_values, scratch, ret_offset);
    unbox(box);
    arena_free(scratch);
    return valid;
}

static void valid_texts_pass(void)
{
    size_t offset;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        if (!holds(accepted[i].text, JSON_VALUES_MAX, &offset))
            tell(&accepted[i], "refused");
    }
}

static void invalid_texts_are_refused_within_their_length(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        size_t offset = SIZE_MAX;
        if (holds(refused[i].text, JSON_VALUES_MAX, &offset))
            tell(&refused[i], "accepted");
        else if (offset > refused[i].text.n)
            tell(&refused[i], "offset lies outside");
    }
}

static void valid_texts_are_read_by_json_c_too(void)
{
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        struct arena *arena = arena_new(4096, SCRATCH_MAX);
        struct problem p = {0};
        struct str box = boxed(accepted[i].text);
        struct json_object *object = json_parse(box, arena, &p);
        bool is_null = str_equal(accepted[i].text, STR("null"));
        if (p.code != PROBLEM_NONE || (object == NULL) != is_null)
            tell(&accepted[i], "not read");
        unbox(box);
        arena_free(arena);
    }
}

static void a_text_cut_anywhere_is_refused(void)
{
    static const struct str text =
        STR_INIT("{\"a\\u0062\":[1.5e+3,-0.25,true,false,null,{\"\":\"\\ud834\\udd1e\303\251\"}]}");
    size_t offset;
    for (size_t n = 0; n < text.n; n++) {
        CU_ASSERT_FALSE(holds((struct str){text.p, n}, JSON_VALUES_MAX, &offset));
        CU_ASSERT_TRUE(offset <= n);
    }
    CU_ASSERT_TRUE(holds(text, JSON_VALUES_MAX, &offset));
}

static void an_absent_text_is_refused(void)
{
    size_t offset = SIZE_MAX;
    CU_ASSERT_FALSE(json_check((struct str){NULL, 0}, JSON_VALUES_MAX, NULL, &offset));
    CU_ASSERT_EQUAL(offset, 0);
    CU_ASSERT_TRUE(utf8_valid((struct str){NULL, 0}));
}

static void the_offset_is_where_it_breaks(void)
{
    static const struct {
        struct str text;
        size_t offset;
    } rows[] = {
        {STR_INIT(""), 0},
        {STR_INIT("  x"), 2},
        {STR_INIT("[1,]"), 3},
        {STR_INIT("[1 2]"), 3},
        {STR_INIT("{\"a\":1,\"b\":2,\"a\":3}"), 13},
        {STR_INIT("{\"a\":tru}"), 5},
        {STR_INIT("[1,1e999]"), 3},
        {STR_INIT("[\"abc\t\"]"), 5},
        {STR_INIT("[\"ab\\q\"]"), 4},
        {STR_INIT("{} {}"), 3},
        {STR_INIT("[1"), 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t offset = SIZE_MAX;
        CU_ASSERT_FALSE(holds(rows[i].text, JSON_VALUES_MAX, &offset));
        CU_ASSERT_EQUAL(offset, rows[i].offset);
    }
}

/* Makes before, count times open, inside, count times close. */
static struct str nested(size_t count, struct str open, struct str inside, struct str close)
{
    size_t n = count * (open.n + close.n) + inside.n;
    char *text = malloc(n), *to = text;
    if (!text)
        return (struct str){0};
    for (size_t i = 0; i < count; i++, to += open.n)
        memcpy(to, open.p, open.n);
    memcpy(to, inside.p, inside.n);
    to += inside.n;
    for (size_t i = 0; i < count; i++, to += close.n)
        memcpy(to, close.p, close.n);
    return (struct str){text, n};
}

static void nesting_ends_at_32(void)
{
    static const struct {
        size_t count;
        struct str open, inside, close;
        bool valid;
    } rows[] = {
        {32, STR_INIT("["), STR_INIT(""), STR_INIT("]"), true},
        {32, STR_INIT("["), STR_INIT("1"), STR_INIT("]"), true},
        {33, STR_INIT("["), STR_INIT(""), STR_INIT("]"), false},
        {32, STR_INIT("{\"a\":"), STR_INIT("1"), STR_INIT("}"), true},
        {31, STR_INIT("{\"a\":"), STR_INIT("{}"), STR_INIT("}"), true},
        {32, STR_INIT("{\"a\":"), STR_INIT("{}"), STR_INIT("}"), false},
        /* i_structure_500_nested_arrays, n_structure_100000_opening_arrays and
         * n_structure_open_array_object */
        {500, STR_INIT("["), STR_INIT(""), STR_INIT("]"), false},
        {100000, STR_INIT("["), STR_INIT(""), STR_INIT(""), false},
        {50000, STR_INIT("[{\"\":"), STR_INIT("\n"), STR_INIT(""), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *arena = arena_new(4096, SCRATCH_MAX);
        struct problem p = {0};
        struct str text = nested(rows[i].count, rows[i].open, rows[i].inside, rows[i].close);
        struct json_object *object = json_parse(text, arena, &p);
        CU_ASSERT_EQUAL(object != NULL, rows[i].valid);
        CU_ASSERT_EQUAL(p.code, rows[i].valid ? PROBLEM_NONE : PROBLEM_INVALID_JSON);
        unbox(text);
        arena_free(arena);
    }
}

static void values_are_counted(void)
{
    size_t offset;
    /* an object counts eight times, an array four times */
    CU_ASSERT_TRUE(holds(STR("{\"a\":[1,\"x\",null]}"), 15, &offset));
    CU_ASSERT_FALSE(holds(STR("{\"a\":[1,\"x\",null]}"), 14, &offset));
    CU_ASSERT_EQUAL(offset, 12);
    CU_ASSERT_FALSE(holds(STR("[0,{}]"), 12, &offset));
    CU_ASSERT_EQUAL(offset, 3);

    struct str text = nested(JSON_VALUES_MAX - 5, STR("0,"), STR("0"), STR(""));
    char *array = malloc(text.n + 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(array);
    array[0] = '[';
    memcpy(array + 1, text.p, text.n);
    array[text.n + 1] = ']';
    CU_ASSERT_TRUE(holds((struct str){array, text.n + 2}, JSON_VALUES_MAX, &offset));
    CU_ASSERT_FALSE(holds((struct str){array, text.n + 2}, JSON_VALUES_MAX - 1, &offset));
    free(array);
    unbox(text);
}

/* {"k0":0,…,"kN":0} with `last` as one more key. Freed by the caller. */
static struct str object_of(size_t keys, const char *last)
{
    size_t room = keys * 16 + 64, n = 1;
    char *text = malloc(room);
    if (!text)
        return (struct str){0};
    text[0] = '{';
    for (size_t i = 0; i < keys; i++)
        n += (size_t)snprintf(text + n, room - n, "\"k%zu\":0,", i);
    n += (size_t)snprintf(text + n, room - n, "\"%s\":0}", last);
    return (struct str){text, n};
}

static void duplicates_are_found_in_objects_of_any_size(void)
{
    static const size_t sizes[] = {1, 14, 15, 16, 17, 31, 32, 33, 1000, 40000};
    static const struct {
        const char *last;
        bool valid;
    } rows[] = {{"k", true}, {"k0", false}, {"\\u006b0", false}, {"k-", true}};
    size_t offset;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct str text = object_of(sizes[s], rows[i].last);
            CU_ASSERT_EQUAL(holds(text, JSON_VALUES_MAX, &offset), rows[i].valid);
            if (!rows[i].valid)
                CU_ASSERT_EQUAL(offset, text.n - strlen(rows[i].last) - 5);
            unbox(text);
        }
    }
}

static void no_memory_for_keys_is_not_valid(void)
{
    struct arena *scratch = arena_new(64, 256);
    struct str text = object_of(1000, "k");
    size_t offset;
    CU_ASSERT_FALSE(json_check(text, JSON_VALUES_MAX, scratch, &offset));
    unbox(text);
    arena_free(scratch);
}

static void a_refused_text_is_a_problem_with_its_offset(void)
{
    struct arena *arena = arena_new(4096, SCRATCH_MAX);
    struct problem p = {0};
    CU_ASSERT_PTR_NULL(json_parse(STR("{\"a\":01}"), arena, &p));
    CU_ASSERT_EQUAL(p.code, PROBLEM_INVALID_JSON);
    CU_ASSERT_TRUE(p.has_offset);
    CU_ASSERT_EQUAL(p.offset, 6);
    arena_free(arena);
}

static void numbers_are_read_as_their_doubles(void)
{
    static const struct {
        struct str text;
        double value;
    } rows[] = {
        {STR_INIT("-0"), 0},
        {STR_INIT("1E22"), 1e22},
        {STR_INIT("0e+1"), 0},
        {STR_INIT("1.7976931348623157e308"), 1.7976931348623157e308},
        {STR_INIT("123e-10000000"), 0},
        {STR_INIT("0.83"), 0.83},
        {STR_INIT("-9223372036854775808"), -9223372036854775808.0},
        {STR_INIT("-9223372036854785809"), -9223372036854785809.0},
        {STR_INIT("18446744073709551615"), 18446744073709551615.0},
        {STR_INIT("18446744073709561616"), 18446744073709561616.0},
        {STR_INIT("12345678901234567890123"), 12345678901234567890123.0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *arena = arena_new(4096, SCRATCH_MAX);
        struct problem p = {0};
        struct json_object *number = json_parse(rows[i].text, arena, &p);
        CU_ASSERT_PTR_NOT_NULL_FATAL(number);
        CU_ASSERT_EQUAL(json_object_get_double(number), rows[i].value);
        arena_free(arena);
    }
}

static void whole_numbers_beyond_64_bits_keep_their_digits(void)
{
    struct arena *arena = arena_new(4096, SCRATCH_MAX);
    struct problem p = {0};
    struct json_object *json = json_parse(
        STR("[18446744073709551615, 18446744073709551616,-9223372036854775808,"
            "{\"a\":-9223372036854775809},\"18446744073709551616\",12345678901234567890123]"),
        arena, &p);
    CU_ASSERT_STRING_EQUAL(
        json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
        "[18446744073709551615,18446744073709551616e0,-9223372036854775808,"
        "{\"a\":-9223372036854775809e0},\"18446744073709551616\",12345678901234567890123e0]");
    arena_free(arena);
}

static void utf8_is_told_from_what_is_not(void)
{
    static const struct {
        struct str text;
        bool valid;
    } rows[] = {
        {STR_INIT(""), true},
        {STR_INIT("a\303\251\342\202\254\360\235\204\236"), true},
        {STR_INIT("\355\237\277\356\200\200"), true},
        {STR_INIT("\355\240\200"), false},
        {STR_INIT("\300\200"), false},
        {STR_INIT("\301\277"), false},
        {STR_INIT("\340\237\277"), false},
        {STR_INIT("\360\217\277\277"), false},
        {STR_INIT("\364\220\200\200"), false},
        {STR_INIT("\365\200\200\200"), false},
        {STR_INIT("\303"), false},
        {STR_INIT("\342\202"), false},
        {STR_INIT("\342\202x"), false},
        {STR_INIT("\200"), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str box = boxed(rows[i].text);
        CU_ASSERT_EQUAL(utf8_valid(box), rows[i].valid);
        unbox(box);
    }
}

void json_tests(void)
{
    CU_pSuite suite = CU_add_suite("json", NULL, NULL);
    CU_ADD_TEST(suite, valid_texts_pass);
    CU_ADD_TEST(suite, invalid_texts_are_refused_within_their_length);
    CU_ADD_TEST(suite, valid_texts_are_read_by_json_c_too);
    CU_ADD_TEST(suite, a_text_cut_anywhere_is_refused);
    CU_ADD_TEST(suite, an_absent_text_is_refused);
    CU_ADD_TEST(suite, the_offset_is_where_it_breaks);
    CU_ADD_TEST(suite, nesting_ends_at_32);
    CU_ADD_TEST(suite, values_are_counted);
    CU_ADD_TEST(suite, duplicates_are_found_in_objects_of_any_size);
    CU_ADD_TEST(suite, no_memory_for_keys_is_not_valid);
    CU_ADD_TEST(suite, a_refused_text_is_a_problem_with_its_offset);
    CU_ADD_TEST(suite, numbers_are_read_as_their_doubles);
    CU_add_test(suite, "whole numbers beyond 64 bits keep their digits",
                whole_numbers_beyond_64_bits_keep_their_digits);
    CU_ADD_TEST(suite, utf8_is_told_from_what_is_not);
}

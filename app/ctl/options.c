/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses command lines by the rows of a table of options. One pass over the arguments stores each
 * value in the settings, at the offset of its row. `seen` records which options have occurred, so
 * that repeated and missing ones can be reported. Parsing ends at the first error. An operand is an
 * argument without dashes. */
#include "app/ctl/options.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>

#include "app/base/ids.h"

/* ERROR_SIZE: bytes of an error text. HELP_COLUMN: column in which descriptions begin in the help.
 */
enum { ERROR_SIZE = 200, HELP_COLUMN = 24 };

/* The state of one options_parse call. */
struct reader {
    const struct option_rule *rules;
    struct arena *arena;
    void *settings;
    char *error;   /* text of ERROR_SIZE bytes for the first error */
    uint32_t seen; /* bit i: the option of row i has occurred */
};

static_assert(OPTION_RULES_MAX <= 32, "seen has a bit for each rule");

/* Writes the error text. Always returns false, so that a parser can `return` it. */
__attribute__((format(printf, 2, 3))) static bool option_error(struct reader *reader,
                                                               const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reader->error, ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

bool option_is_operand(const struct option_rule *rule)
{
    return rule->type == OPTION_OPERAND;
}

/* Returns the dashes before the label of an option; "" for an operand. Prefix and label together
 * are the form that a user writes: --name, or FILE for an operand. */
static const char *option_prefix(const struct option_rule *rule)
{
    return option_is_operand(rule) ? "" : "--";
}

/* Returns the label of an option: its name, or for an operand the placeholder, such as FILE. */
static const char *option_label(const struct option_rule *rule)
{
    return option_is_operand(rule) ? rule->value_name : rule->name;
}

/* Returns the address of the option's value in the settings. It is aligned for the value's type,
 * because the offset comes from offsetof. */
static void *option_target(const struct reader *reader, const struct option_rule *rule)
{
    return (char *)reader->settings + rule->offset;
}

/* Writes an error such as: --role: "x" is not one of student, teacher, admin. Always returns
 * false. */
static bool option_choice_error(struct reader *reader, const struct option_rule *rule,
                                const char *value)
{
    size_t n;

    (void)option_error(reader, "%s%s: \"%.60s\" is not one of", option_prefix(rule),
                       option_label(rule), value);
    for (int i = 0; rule->choices[i]; i++) {
        n = strlen(reader->error);
        (void)snprintf(reader->error + n, ERROR_SIZE - n, "%s %s", i > 0 ? "," : "",
                       rule->choices[i]);
    }
    return false;
}

/* Stores the index of the value in the row's choices. Returns false, with the error text written,
 * when it is not one of them. */
static bool option_parse_choice(struct reader *reader, const struct option_rule *rule,
                                const char *value)
{
    for (int i = 0; rule->choices[i]; i++) {
        if (strcmp(rule->choices[i], value) == 0) {
            *(int *)option_target(reader, rule) = i;
            return true;
        }
    }
    return option_choice_error(reader, rule, value);
}

/* Stores a pointer to the value, or its index when the row has choices (an operand may). False with
 * the error text written when the value is none of the choices. */
static bool option_parse_text(struct reader *reader, const struct option_rule *rule,
                              const char *value)
{
    if (rule->choices)
        return option_parse_choice(reader, rule, value);
    *(const char **)option_target(reader, rule) = value;
    return true;
}

/* Parses a whole number in the row's range, and stores it. False with the error text written. */
static bool option_parse_int(struct reader *reader, const struct option_rule *rule,
                             const char *value)
{
    if (str_to_int64(str_of(value), rule->min, rule->max, option_target(reader, rule)))
        return true;
    return option_error(reader, "--%s: \"%s\" is not a whole number from %" PRId64 " to %" PRId64,
                        rule->name, value, rule->min, rule->max);
}

/* Parses a number from 0 to 1, ends included, and stores it. False with the error text written; the
 * settings are then unchanged. */
static bool option_parse_share(struct reader *reader, const struct option_rule *rule,
                               const char *value)
{
    double share;

    if (!str_to_double(str_of(value), &share) || share < 0 || share > 1)
        return option_error(reader, "--%s: \"%s\" is not a number from 0 to 1", rule->name, value);
    *(double *)option_target(reader, rule) = share;
    return true;
}

/* Returns whether the id is valid. If not, writes the error text, which has room only for the
 * beginning of a long id. */
static bool option_check_id(struct reader *reader, const struct option_rule *rule, struct str id)
{
    enum { SHOWN_MAX = 40 };

    if (id_valid(id))
        return true;
    return option_error(reader, "--%s: \"%.*s%s\" is not an id: " ID_FORM, rule->name,
                        id.n > SHOWN_MAX ? SHOWN_MAX : (int)id.n, id.p,
                        id.n > SHOWN_MAX ? "..." : "");
}

/* Returns the list of the texts that the option had so far, with room for `more` further ones. The
 * list is copied to a new array, because an arena cannot enlarge the old one. Returns NULL with the
 * error text written. */
static struct str_list *option_make_room(struct reader *reader, const struct option_rule *rule,
                                         size_t more)
{
    struct str_list *list = option_target(reader, rule);
    struct str *texts = arena_array(reader->arena, list->n + more, sizeof(*texts));

    if (!texts) {
        (void)option_error(reader, "out of memory");
        return NULL;
    }
    if (list->n > 0)
        memcpy(texts, list->v, list->n * sizeof(*texts));
    list->v = texts;
    return list;
}

/* Appends a text to the list of the texts that the option had so far. Returns false with the error
 * text written. */
static bool option_append_text(struct reader *reader, const struct option_rule *rule,
                               struct str text)
{
    struct str_list *list = option_make_room(reader, rule, 1);

    if (list)
        list->v[list->n++] = text;
    return list != NULL;
}

/* Checks the ids of one option --name A,B, and appends them to the list of the ids that the option
 * had so far. Their number is the number of commas plus one. False with the error text written. */
static bool option_parse_ids(struct reader *reader, const struct option_rule *rule,
                             const char *value)
{
    struct str rest = str_of(value);
    struct str_list *list;
    size_t n = 1;

    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] == ',')
            n++;
    }
    list = option_make_room(reader, rule, n);
    if (!list)
        return false;
    while (n-- > 0) {
        struct str id = str_cut(&rest, ',');

        if (!option_check_id(reader, rule, id))
            return false;
        list->v[list->n++] = id;
    }
    return true;
}

/* Records in reader->seen that the option has occurred, then parses its value by its type and
 * stores it in the settings. value is NULL for a flag. False with the error text written. */
static bool option_parse_value(struct reader *reader, const struct option_rule *rule,
                               const char *value)
{
    reader->seen |= UINT32_C(1) << (rule - reader->rules);
    switch (rule->type) {
    case OPTION_FLAG: *(bool *)option_target(reader, rule) = true; return true;
    case OPTION_ID:
        if (!option_check_id(reader, rule, str_of(value)))
            return false;
        return option_parse_text(reader, rule, value);
    case OPTION_TEXT:
    case OPTION_OPERAND: return option_parse_text(reader, rule, value);
    case OPTION_CHOICE: return option_parse_choice(reader, rule, value);
    case OPTION_INT: return option_parse_int(reader, rule, value);
    case OPTION_SHARE: return option_parse_share(reader, rule, value);
    case OPTION_IDS: return option_parse_ids(reader, rule, value);
    case OPTION_TEXTS: return option_append_text(reader, rule, str_of(value));
    }
    return false;
}

/* Returns whether the option has occurred before; always false for a list, which may be repeated.
 */
static bool option_is_set(const struct reader *reader, const struct option_rule *rule)
{
    return rule->type != OPTION_IDS && rule->type != OPTION_TEXTS &&
           reader->seen & UINT32_C(1) << (rule - reader->rules);
}

/* Returns the row of the option; NULL when there is none. name is without dashes and =VALUE. */
static const struct option_rule *option_find(const struct reader *reader, struct str name)
{
    for (const struct option_rule *rule = reader->rules; rule && rule->name; rule++) {
        if (!option_is_operand(rule) && str_equal(name, str_of(rule->name)))
            return rule;
    }
    return NULL;
}

/* Parses --name, --name=VALUE or --name VALUE, which begins at *arg. In the last form, advances
 * *arg to VALUE. Returns false with the error text written. */
static bool option_parse_argument(struct reader *reader, char *const **arg, char *const *end)
{
    const char *text = **arg + 2, *value = strchr(text, '=');
    struct str name = {text, value ? (size_t)(value - text) : strlen(text)};
    const struct option_rule *rule = option_find(reader, name);

    if (!rule)
        return option_error(reader, "there is no option --%.*s", STR_ARG(name));
    if (option_is_set(reader, rule))
        return option_error(reader, "--%s is given twice", rule->name);
    if (rule->type == OPTION_FLAG)
        return value ? option_error(reader, "--%s takes no value", rule->name)
                     : option_parse_value(reader, rule, NULL);
    if (value)
        return option_parse_value(reader, rule, value + 1);
    if (*arg + 1 == end)
        return option_error(reader, "--%s needs a value", rule->name);
    return option_parse_value(reader, rule, *++*arg);
}

/* Stores an operand by the first row for operands that has no value yet. False with the error text
 * written: no row is left, or the value is wrong. */
static bool option_parse_operand(struct reader *reader, const char *arg)
{
    for (const struct option_rule *rule = reader->rules; rule && rule->name; rule++) {
        if (option_is_operand(rule) && !option_is_set(reader, rule))
            return option_parse_value(reader, rule, arg);
    }
    return option_error(reader, "unexpected argument \"%s\"", arg);
}

/* Checks that each required option has occurred. Returns false with the error text written. */
static bool options_check_required(struct reader *reader)
{
    for (const struct option_rule *rule = reader->rules; rule && rule->name; rule++) {
        if (rule->required && !option_is_set(reader, rule))
            return option_error(reader, "%s%s is required", option_prefix(rule),
                                option_label(rule));
    }
    return true;
}

/* Parses the arguments. A single "-" is an operand (standard input). After "--" all arguments are
 * operands. One dash before a name is an error, because no option has a short name. */
enum options_result options_parse(const struct option_rule *rules, int count, char *const *argv,
                                  struct arena *arena, void *settings, char ret_error[200])
{
    struct reader reader = {.rules = rules, .arena = arena, .settings = settings};
    char *const *end = argv + count;
    bool only_operands = false;

    reader.error = ret_error;
    for (char *const *arg = argv; arg < end; arg++) {
        bool is_option = !only_operands && (*arg)[0] == '-' && (*arg)[1] != '\0';

        if (is_option && strcmp(*arg, "--help") == 0)
            return OPTIONS_HELP;
        if (is_option && strcmp(*arg, "--") == 0) {
            only_operands = true;
        } else if (is_option && (*arg)[1] != '-') {
            (void)option_error(&reader, "there is no option %s", *arg);
            return OPTIONS_INVALID;
        } else if (!(is_option ? option_parse_argument(&reader, &arg, end)
                               : option_parse_operand(&reader, *arg))) {
            return OPTIONS_INVALID;
        }
    }
    return options_check_required(&reader) ? OPTIONS_PARSED : OPTIONS_INVALID;
}

/* ---- help ---- */

/* Prints operands and required options by name, and "[OPTION]..." for all others. An operand that
 * is not required is in brackets. rules may be NULL. */
void options_print_usage(const struct option_rule *rules, FILE *out)
{
    (void)fputs(" [OPTION]...", out);
    for (const struct option_rule *rule = rules; rule && rule->name; rule++) {
        if (option_is_operand(rule))
            (void)fprintf(out, rule->required ? " %s" : " [%s]", rule->value_name);
        else if (rule->required)
            (void)fprintf(out, " --%s %s", rule->name, rule->value_name);
    }
}

/* Prints one line of the help. The description begins in column HELP_COLUMN, or one space after an
 * option that is too long for that. */
static void option_print_line(FILE *out, const char *dash, const char *name, const char *value,
                              const char *description)
{
    int n = fprintf(out, "  %s%s%s%s", dash, name, *value ? " " : "", value);

    (void)fprintf(out, "%*s%s\n", n < HELP_COLUMN ? HELP_COLUMN - n : 1, "", description);
}

void options_print_help(const struct option_rule *rules, FILE *out)
{
    for (const struct option_rule *rule = rules; rule && rule->name; rule++)
        option_print_line(out, option_prefix(rule), option_label(rule),
                          option_is_operand(rule) || !rule->value_name ? "" : rule->value_name,
                          rule->description);
    option_print_line(out, "--", "help", "", "print this help and exit");
}

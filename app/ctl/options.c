/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ctl/options.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>

#include "app/base/ids.h"

enum { ERROR_SIZE = 200, HELP_COLUMN = 24 };

/* Goes through options_parse. */
struct reader {
    const struct option_rule *rules;
    struct arena *arena;
    void *settings;
    char *error;
    uint32_t seen; /* a bit a rule */
};

static_assert(OPTION_RULES_MAX <= 32, "seen has a bit for each rule");

__attribute__((format(printf, 2, 3))) static bool wrong(struct reader *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(r->error, ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

static bool is_operand(const struct option_rule *rule)
{
    return rule->type == OPTION_OPERAND;
}

/* As it is to be written: --name, or what stands for the operand. */
static const char *dashes(const struct option_rule *rule)
{
    return is_operand(rule) ? "" : "--";
}

static const char *shown_name(const struct option_rule *rule)
{
    return is_operand(rule) ? rule->value_name : rule->name;
}

/* Offsets come from offsetof, so what lies there is aligned. */
static void *member(const struct reader *r, const struct option_rule *rule)
{
    return (char *)r->settings + rule->offset;
}

/* "--role: "x" is none of student, teacher, admin" */
static bool no_choice(struct reader *r, const struct option_rule *rule, const char *value)
{
    size_t n;

    (void)wrong(r, "%s%s: \"%.60s\" is none of", dashes(rule), shown_name(rule), value);
    for (int i = 0; rule->choices[i]; i++) {
        n = strlen(r->error);
        (void)snprintf(r->error + n, ERROR_SIZE - n, "%s %s", i > 0 ? "," : "", rule->choices[i]);
    }
    return false;
}

static bool take_choice(struct reader *r, const struct option_rule *rule, const char *value)
{
    for (int i = 0; rule->choices[i]; i++) {
        if (strcmp(rule->choices[i], value) == 0) {
            *(int *)member(r, rule) = i;
            return true;
        }
    }
    return no_choice(r, rule, value);
}

static bool take_text(struct reader *r, const struct option_rule *rule, const char *value)
{
    if (rule->choices)
        return take_choice(r, rule, value);
    *(const char **)member(r, rule) = value;
    return true;
}

static bool take_int(struct reader *r, const struct option_rule *rule, const char *value)
{
    if (str_to_int64(str_of(value), rule->min, rule->max, member(r, rule)))
        return true;
    return wrong(r, "--%s: \"%s\" is not a whole number from %" PRId64 " to %" PRId64, rule->name,
                 value, rule->min, rule->max);
}

static bool take_share(struct reader *r, const struct option_rule *rule, const char *value)
{
    double share;

    if (!str_to_double(str_of(value), &share) || share < 0 || share > 1)
        return wrong(r, "--%s: \"%s\" is not a number from 0 to 1", rule->name, value);
    *(double *)member(r, rule) = share;
    return true;
}

static bool check_id(struct reader *r, const struct option_rule *rule, struct str id)
{
    if (id_valid(id))
        return true;
    return wrong(r, "--%s: \"%.*s\" is not an id: 1 to %d of A-Z a-z 0-9 _ -", rule->name,
                 STR_ARG(id), ID_MAX);
}

static bool take_ids(struct reader *r, const struct option_rule *rule, const char *value)
{
    struct str_list *list = member(r, rule);
    struct str rest = str_of(value);
    size_t room = list->n + 1;
    struct str *grown;

    for (size_t i = 0; i < rest.n; i++)
        room += rest.p[i] == ',';
    grown = arena_array(r->arena, room, sizeof(*grown));
    if (!grown)
        return wrong(r, "out of memory");
    if (list->n > 0)
        memcpy(grown, list->v, list->n * sizeof(*grown));
    list->v = grown;
    do {
        struct str id = str_cut(&rest, ',');

        if (!check_id(r, rule, id))
            return false;
        list->v[list->n++] = id;
    } while (list->n < room);
    return true;
}

static bool take(struct reader *r, const struct option_rule *rule, const char *value)
{
    r->seen |= UINT32_C(1) << (rule - r->rules);
    switch (rule->type) {
    case OPTION_FLAG: *(bool *)member(r, rule) = true; return true;
    case OPTION_ID:
        if (!check_id(r, rule, str_of(value)))
            return false;
        return take_text(r, rule, value);
    case OPTION_TEXT:
    case OPTION_OPERAND: return take_text(r, rule, value);
    case OPTION_CHOICE: return take_choice(r, rule, value);
    case OPTION_INT: return take_int(r, rule, value);
    case OPTION_SHARE: return take_share(r, rule, value);
    case OPTION_IDS: return take_ids(r, rule, value);
    }
    return false;
}

static bool is_repeated(const struct reader *r, const struct option_rule *rule)
{
    return rule->type != OPTION_IDS && r->seen & UINT32_C(1) << (rule - r->rules);
}

/* name: the text behind the dashes up to = or the end. */
static const struct option_rule *find(const struct reader *r, struct str name)
{
    for (const struct option_rule *rule = r->rules; rule && rule->name; rule++) {
        if (!is_operand(rule) && str_equal(name, str_of(rule->name)))
            return rule;
    }
    return NULL;
}

/* Moves *word on to the value when that is a word of its own. */
static bool take_option(struct reader *r, char *const **word, char *const *end)
{
    const char *text = **word + 2, *value = strchr(text, '=');
    struct str name = {text, value ? (size_t)(value - text) : strlen(text)};
    const struct option_rule *rule = find(r, name);

    if (!rule)
        return wrong(r, "there is no option --%.*s", STR_ARG(name));
    if (is_repeated(r, rule))
        return wrong(r, "--%s stands there twice", rule->name);
    if (rule->type == OPTION_FLAG)
        return value ? wrong(r, "--%s takes no value", rule->name) : take(r, rule, NULL);
    if (value)
        return take(r, rule, value + 1);
    if (*word + 1 == end)
        return wrong(r, "--%s needs a value", rule->name);
    return take(r, rule, *++*word);
}

static bool take_operand(struct reader *r, const char *word)
{
    for (const struct option_rule *rule = r->rules; rule && rule->name; rule++) {
        if (is_operand(rule) && !is_repeated(r, rule))
            return take(r, rule, word);
    }
    return wrong(r, "\"%s\" is one word too many", word);
}

static bool check_required(struct reader *r)
{
    for (const struct option_rule *rule = r->rules; rule && rule->name; rule++) {
        if (rule->required && !is_repeated(r, rule))
            return wrong(r, "%s%s is missing", dashes(rule), shown_name(rule));
    }
    return true;
}

enum options_result options_parse(const struct option_rule *rules, int count, char *const *words,
                                  struct arena *arena, void *settings, char ret_error[200])
{
    struct reader r = {.rules = rules, .arena = arena, .settings = settings};
    char *const *end = words + count;
    bool only_operands = false;

    r.error = ret_error;
    for (char *const *word = words; word < end; word++) {
        bool is_option = !only_operands && (*word)[0] == '-' && (*word)[1] != '\0';

        if (is_option && strcmp(*word, "--help") == 0)
            return OPTIONS_HELP;
        if (is_option && strcmp(*word, "--") == 0) {
            only_operands = true;
        } else if (is_option && (*word)[1] != '-') {
            (void)wrong(&r, "there is no option %s", *word);
            return OPTIONS_INVALID;
        } else if (!(is_option ? take_option(&r, &word, end) : take_operand(&r, *word))) {
            return OPTIONS_INVALID;
        }
    }
    return check_required(&r) ? OPTIONS_PARSED : OPTIONS_INVALID;
}

/* ---- help ---- */

void options_print_usage(const struct option_rule *rules, FILE *out)
{
    (void)fputs(" [OPTION]...", out);
    for (const struct option_rule *rule = rules; rule && rule->name; rule++) {
        if (is_operand(rule))
            (void)fprintf(out, rule->required ? " %s" : " [%s]", rule->value_name);
        else if (rule->required)
            (void)fprintf(out, " --%s %s", rule->name, rule->value_name);
    }
}

static void print_line(FILE *out, const char *dash, const char *name, const char *value,
                       const char *about)
{
    int n = fprintf(out, "  %s%s%s%s", dash, name, *value ? " " : "", value);

    (void)fprintf(out, "%*s%s\n", n < HELP_COLUMN ? HELP_COLUMN - n : 1, "", about);
}

void options_print_help(const struct option_rule *rules, FILE *out)
{
    for (const struct option_rule *rule = rules; rule && rule->name; rule++)
        print_line(out, dashes(rule), shown_name(rule),
                   is_operand(rule) || !rule->value_name ? "" : rule->value_name,
                   rule->description);
    print_line(out, "--", "help", "", "print this and end");
}

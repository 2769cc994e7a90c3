/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes completion scripts. The script for bash uses only features of bash itself, so that it works
 * without the package bash-completion. It distinguishes four kinds of options and operands: a flag,
 * a file, words to choose from, or text that cannot be completed. */
#include "app/ctl/completion.h"

#include <ctype.h>

/* Returns whether the shells complete the value as the name of a file. */
static bool is_file(const struct option_rule *rule)
{
    return rule->value_name && strncmp(rule->value_name, "FILE", 4) == 0;
}

/* Returns whether the option may be repeated. */
static bool is_list(const struct option_rule *rule)
{
    return rule->type == OPTION_IDS || rule->type == OPTION_TEXTS;
}

/* ---- bash ---- */

/* Prints all options of the subcommand, each after a space. */
static void bash_print_options(FILE *out, const struct subcommand *command)
{
    for (const struct option_rule *rule = command->options; rule->name; rule++) {
        if (!option_is_operand(rule))
            (void)fprintf(out, " --%s", rule->name);
    }
    (void)fputs(" --help", out);
}

/* Prints the kind of an option or operand, as the script's function _mastery_ctl_kind sets it:
 * "flag", "file", "text", or "words" and the words to choose from. */
static void bash_print_kind(FILE *out, const struct option_rule *rule)
{
    if (rule->choices) {
        (void)fputs("words", out);
        for (const char *const *choice = rule->choices; *choice; choice++)
            (void)fprintf(out, " %s", *choice);
    } else {
        (void)fputs(rule->type == OPTION_FLAG ? "flag" : is_file(rule) ? "file" : "text", out);
    }
}

/* Prints the lines of _mastery_ctl_kind for one subcommand, such as 'seed --days') kind='text' ;;
 * with the name of an option, or in its place the number of an operand, from 1. */
static void bash_print_cases(FILE *out, const struct subcommand *command)
{
    int operands = 0;

    for (const struct option_rule *rule = command->options; rule->name; rule++) {
        if (option_is_operand(rule))
            (void)fprintf(out, "    '%s %d') kind='", command->name, ++operands);
        else
            (void)fprintf(out, "    '%s --%s') kind='", command->name, rule->name);
        bash_print_kind(out, rule);
        (void)fputs("' ;;\n", out);
    }
}

/* The function of the script that bash calls to complete the word at the cursor. It counts the
 * operands before the cursor, finds the kind of value that is due there, and puts the proposals
 * into COMPREPLY. bash splits --name=VALUE into three words, with "=" between. */
static const char bash_function[] =
    "_mastery_ctl() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command=${COMP_WORDS[1]} kind='' options='' operands=0 i\n"
    "    COMPREPLY=()\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$_mastery_ctl_commands --help --version\" -- "
    "\"$word\")\n"
    "        return\n"
    "    fi\n"
    "    if [ \"$word\" = = ]; then\n"
    "        word=''\n"
    "    elif [ \"$before\" = = ] && [ \"$COMP_CWORD\" -gt 3 ]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        =) ((i += 1)) ;;\n"
    "        --*)\n"
    "            _mastery_ctl_kind \"$command ${COMP_WORDS[i]}\"\n"
    "            case $kind in\n"
    "            flag | '') ;;\n"
    "            *) [ \"${COMP_WORDS[i + 1]}\" = = ] || ((i += 1)) ;;\n"
    "            esac\n"
    "            ;;\n"
    "        *) ((operands += 1)) ;;\n"
    "        esac\n"
    "    done\n"
    "    kind=''\n"
    "    [[ $before != --* ]] || _mastery_ctl_kind \"$command $before\"\n"
    "    case $kind in\n"
    "    flag | '')\n"
    "        kind=''\n"
    "        _mastery_ctl_kind \"$command $((operands + 1))\"\n"
    "        _mastery_ctl_options \"$command\"\n"
    "        ;;\n"
    "    esac\n"
    "    if [[ $word == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
    "        return\n"
    "    fi\n"
    "    case $kind in\n"
    "    file) mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
    "    words*) mapfile -t COMPREPLY < <(compgen -W \"${kind#words}\" -- \"$word\") ;;\n"
    "    '') mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\") ;;\n"
    "    esac\n"
    "}\n"
    "complete -o filenames -F _mastery_ctl mastery-ctl\n";

/* Prints the list of commands and two small functions of the script, then bash_function, which
 * calls these. _mastery_ctl_options and _mastery_ctl_kind set the variables `options` and `kind`,
 * which are local to their caller. */
void completion_print_bash(FILE *out, const struct subcommand *const *table, size_t count)
{
    (void)fputs("# shellcheck shell=bash disable=SC2034\n"
                "# Completion for bash, printed by mastery-ctl completion bash.\n\n"
                "_mastery_ctl_commands='",
                out);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(out, "%s%s", i > 0 ? " " : "", table[i]->name);
    (void)fputs("'\n\n_mastery_ctl_options() {\n    case $1 in\n", out);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "    %s) options='", table[i]->name);
        bash_print_options(out, table[i]);
        (void)fputs("' ;;\n", out);
    }
    (void)fputs("    esac\n}\n\n_mastery_ctl_kind() {\n    kind=''\n    case $1 in\n", out);
    for (size_t i = 0; i < count; i++)
        bash_print_cases(out, table[i]);
    (void)fprintf(out, "    esac\n}\n\n%s", bash_function);
}

/* ---- zsh ---- */

/* Prints a text for a place inside single quotes, in a specification of _arguments: escapes quotes
 * for the shell, and brackets, colons and backslashes for _arguments. */
static void zsh_print_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputs("'\\''", out);
        else
            (void)fprintf(out, "%s%c", strchr("[]:\\", *text) ? "\\" : "", *text);
    }
}

/* Prints what _arguments reads about a value: ":NAME:ACTION", where ACTION is "(WORD WORD ...)" for
 * choices, "_files", or a space for any text. */
static void zsh_print_value(FILE *out, const struct option_rule *rule)
{
    (void)fputc(':', out);
    zsh_print_text(out, rule->value_name ? rule->value_name : rule->name);
    if (rule->choices) {
        (void)fputs(":(", out);
        for (const char *const *choice = rule->choices; *choice; choice++)
            (void)fprintf(out, "%s%s", choice > rule->choices ? " " : "", *choice);
        (void)fputc(')', out);
    } else {
        (void)fputs(is_file(rule) ? ":_files" : ": ", out);
    }
}

/* Prints what _arguments reads about one option, '--name=[DESCRIPTION]:NAME:ACTION', with * before
 * it if it may be repeated, and only '--name[DESCRIPTION]' for a flag; or about an operand,
 * 'N:NAME:ACTION', where N is its number from 1 (`operand`), with a second colon after N if it is
 * optional. */
static void zsh_print_rule(FILE *out, const struct option_rule *rule, int operand)
{
    (void)fputs(" \\\n            '", out);
    if (option_is_operand(rule)) {
        (void)fprintf(out, "%d%s", operand, rule->required ? "" : ":");
    } else {
        (void)fprintf(out, "%s--%s%s[", is_list(rule) ? "*" : "", rule->name,
                      rule->type == OPTION_FLAG ? "" : "=");
        zsh_print_text(out, rule->description);
        (void)fputc(']', out);
    }
    if (rule->type != OPTION_FLAG)
        zsh_print_value(out, rule);
    (void)fputc('\'', out);
}

/* Prints the list of commands with their summaries, then for each command a case that calls zsh's
 * _arguments with its options and operands. */
void completion_print_zsh(FILE *out, const struct subcommand *const *table, size_t count)
{
    (void)fputs("#compdef mastery-ctl\n"
                "# Completion for zsh, printed by mastery-ctl completion zsh.\n\n"
                "_mastery_ctl() {\n    local -a commands\n    commands=(\n",
                out);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "        '%s:", table[i]->name);
        zsh_print_text(out, table[i]->summary);
        (void)fputs("'\n", out);
    }
    (void)fputs("    )\n    if ((CURRENT == 2)); then\n"
                "        _describe command commands\n"
                "        _arguments '--help[print the help]' '--version[print the version]'\n"
                "        return\n    fi\n"
                "    local command=$words[2]\n    shift words\n    ((CURRENT -= 1))\n"
                "    case $command in\n",
                out);
    for (size_t i = 0; i < count; i++) {
        int operand = 0;

        (void)fprintf(out, "    %s)\n        _arguments", table[i]->name);
        for (const struct option_rule *rule = table[i]->options; rule->name; rule++) {
            if (option_is_operand(rule))
                operand++;
            zsh_print_rule(out, rule, operand);
        }
        (void)fputs(" \\\n            '--help[print the help]'\n        ;;\n", out);
    }
    /* an autoloaded file is the body of the function; a file that is sourced defines it */
    (void)fputs("    esac\n}\n\nif [[ ${funcstack[1]-} = _mastery_ctl ]]; then\n"
                "    _mastery_ctl \"$@\"\nelse\n    compdef _mastery_ctl mastery-ctl\nfi\n",
                out);
}

/* ---- the man page ---- */

/* Prints a text as mdoc: a backslash is escaped, and so is a dot or apostrophe at the start of the
 * text, which begins a line. */
static void mdoc_print_text(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        (void)fputs("\\&", out);
    for (; *text; text++)
        (void)fputs(*text == '\\' ? "\\e" : (const char[]){*text, '\0'}, out);
}

/* Prints the option or operand in the macros of mdoc, such as "Fl -days Ar n", without the end of
 * the line. Placeholders are in small letters, as usual in man pages. */
static void mdoc_print_name(FILE *out, const struct option_rule *rule)
{
    if (!option_is_operand(rule))
        (void)fprintf(out, "Fl -%s", rule->name);
    if (rule->type == OPTION_FLAG)
        return;
    (void)fputs(option_is_operand(rule) ? "Ar " : " Ar ", out);
    for (const char *p = rule->value_name; *p; p++)
        (void)fputc(tolower((unsigned char)*p), out);
}

/* Prints the operands of the subcommand if `operands`, else its options, each as a line of mdoc for
 * the synopsis; those that are not required in brackets (Op). */
static void mdoc_print_rules(FILE *out, const struct subcommand *command, bool operands)
{
    for (const struct option_rule *rule = command->options; rule->name; rule++) {
        if (option_is_operand(rule) != operands)
            continue;
        (void)fputs(rule->required ? "." : ".Op ", out);
        mdoc_print_name(out, rule);
        (void)fputc('\n', out);
    }
}

void completion_print_synopsis(FILE *out, const struct subcommand *const *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, ".Nm\n.Cm %s\n", table[i]->name);
        mdoc_print_rules(out, table[i], /* operands */ false);
        mdoc_print_rules(out, table[i], /* operands */ true);
    }
}

/* Prints the options as a list of mdoc, then what --json prints. */
void completion_print_mdoc(FILE *out, const struct subcommand *command)
{
    (void)fputs(".Bl -tag -width Ds\n", out);
    for (const struct option_rule *rule = command->options; rule->name; rule++) {
        (void)fputs(".It ", out);
        mdoc_print_name(out, rule);
        (void)fputc('\n', out);
        mdoc_print_text(out, rule->description);
        (void)fputs(rule->required ? "; required\n" : "\n", out);
    }
    (void)fputs(".El\n.Pp\nWith\n.Fl -json\nprints\n", out);
    mdoc_print_text(out, command->json);
    (void)fputs(".\n", out);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The export of a student as a whole: the list of its sections, the order of the steps, the members
 * before and after `data`, and the digest of `data`. The values of a section are read and written
 * by its reader (export_reader.h). */
#include "app/service/export.h"

#include <stdlib.h>

#include "app/base/ids.h"

/* Order for qsort: by the section's name. */
static int export_section_order(const void *a, const void *b)
{
    return strcmp(((const struct export_section *)a)->name,
                  ((const struct export_section *)b)->name);
}

/* Makes the list of sections: the derived ones, and one for each kind of record with an export
 * name. They are sorted by name, as RFC 8785 (canonical JSON) requires of members. False when there
 * are more than EXPORT_SECTIONS_MAX, which has to be raised then. */
static bool export_list_sections(struct export *export)
{
    for (size_t i = 0; i < export_derived_count; i++)
        export->sections[export->section_count++] = export_derived[i];
    for (size_t i = 0; i < export->kind_count; i++) {
        const struct student_kind *kind = &export->kinds[i];

        if (!kind->export_name)
            continue;
        if (export->section_count == EXPORT_SECTIONS_MAX)
            return false;
        export->sections[export->section_count++] =
            (struct export_section){kind->export_name, export_reader_of(kind), kind};
    }
    qsort(export->sections, export->section_count, sizeof(*export->sections), export_section_order);
    return true;
}

/* Writes the members before `data`; export_write_tail closes the object. They are not covered by
 * the digest, and need not be in canonical form. */
static void export_write_head(struct export *export)
{
    struct jw w = {.out = export->out};

    jw_object(&w, NULL);
    jw_text(&w, "export_version", "1.0");
    jw_time(&w, "exported_at", export->now_ms);
    jw_str(&w, "exported_by", export->exported_by);
    jw_str(&w, "student_id", export->student);
    jw_text(&w, "compliance", "GDPR Article 20");
    buf_text(export->out, ",\"data\":");
}

/* Writes the digest after `data`, as hexadecimal digits. It is the SHA-256 of the bytes between
 * "data": and the comma that is written here. */
static void export_write_tail(struct export *export)
{
    unsigned char sha[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];

    digest_final(&export->digest, sha);
    hex_print(sha, DIGEST_SIZE, hex);
    buf_printf(export->out, ",\"integrity_hash\":\"%s\"}", hex);
}

/* The first step: prepares the values that all readers use, and writes the document up to `data`.
 * The problem INTERNAL_ERROR means that there are too many sections. */
static void export_start(struct export *export, struct problem *p)
{
    export->started = true;
    export->read =
        (struct export_read){.engine = export->engine,
                             .student = export->student,
                             .now_ms = export->now_ms,
                             .events = {.student = export->student, .arena = export->arena},
                             .writer = {.out = export->out, .arena = export->reply_arena}};
    digest_init(&export->digest);
    export_write_head(export);
    if (!export_list_sections(export))
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
}

/* Begins the current section, whose reader starts with its first page. The first section begins
 * `data` as well. */
static void export_open_section(struct export *export)
{
    const struct export_section *section = &export->sections[export->section_index];

    buf_char(export->out, export->section_index == 0 ? '{' : ',');
    export_section_begin(&export->read.writer, section->name, section->reader->is_list);
    export->read.kind = section->kind;
    export->read.cursor[0] = '\0';
    export->read.id_count = 0;
    export->read.offset = 0;
    export->read.phase = 0;
    export->in_section = true;
}

/* Ends the current section, so that the next one is opened. */
static void export_close_section(struct export *export)
{
    export_section_end(&export->read.writer);
    export->in_section = false;
    export->section_index++;
}

/* Writes the values in the last step's replies to the current section. Then queues the commands of
 * the next step: the same section's next page, or the next section. A section whose reader queues
 * no command has no data: it stays empty, and the next section follows. After the last section,
 * ends `data`. */
static void export_advance(struct export *export, struct pipeline *pipeline, struct problem *p)
{
    struct export_read *read = &export->read;

    if (export->in_section) {
        read->has_more = false;
        export->sections[export->section_index].reader->write_replies(read, p);
        if (!read->has_more)
            export_close_section(export);
    }
    pipeline_clear(pipeline);
    arena_reset(export->reply_arena);
    while (p->code == PROBLEM_NONE && export->section_index < export->section_count &&
           pipeline->count == 0) {
        if (!export->in_section)
            export_open_section(export);
        read->cmd = read->second_cmd = NULL;
        export->sections[export->section_index].reader->queue_commands(read, pipeline);
        if (pipeline->count == 0)
            export_close_section(export);
    }
    if (export->section_index == export->section_count)
        buf_char(export->out, '}');
}

/* Runs one step of the export. All that it writes to `out` after the head belongs to `data`, so it
 * is added to the digest. An export without any value ends with NOT_FOUND, and the caller discards
 * the document. */
enum step export_step(struct export *export, struct pipeline *pipeline, struct problem *p)
{
    size_t data_start;

    if (!export->started)
        export_start(export, p);
    data_start = export->out->n;
    export_advance(export, pipeline, p);
    if (export->out->failed)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    if (p->code != PROBLEM_NONE)
        return STEP_DONE;
    digest_update(&export->digest,
                  (struct str){export->out->p + data_start, export->out->n - data_start});
    if (export->section_index < export->section_count)
        return STEP_MORE;
    if (export->read.writer.value_count == 0)
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
    export_write_tail(export);
    return STEP_DONE;
}

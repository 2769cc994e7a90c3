/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What texts of segments of the audit log (app/service/audit_segment_pack.h) are likely to have, in
 * their order. A part of the format of stored records: never changes. */
#include "app/base/compress.h"

const struct str dictionary_audit = STR_INIT(
    "analytics\nbatch\ncohorts\ncompliance\nconsent\npredictions\nprocess\nrecommendations\n"
    "xapi\nevents\nadministration\nmetrics\naudit\nerased\nstudent-export\nstudent-erase\n"
    "cohort-put\ncohort-delete\nbatch-submit\nbatch-cancel\nrecommendations-feedback\n"
    "{\"route\":\"audit-logs\"}\n{\"route\":\"student-export\"}\n{\"route\":\"cohort-put\"}\n"
    "{\"route\":\"cohort-overview\"}\n{\"route\":\"cohort-get\"}\n{\"route\":\"xapi-statements\"}\n"
    "{\"route\":\"analytics-comprehensive\"}\n{\"route\":\"analytics-compare-students\"}\n"
    "{\"route\":\"batch-results\"}\n{\"route\":\"recommendations-learning-path\"}\n"
    "{\"route\":\"recommendations-compact\"}\n{\"route\":\"prediction-trajectory\"}\n"
    "{\"route\":\"prediction-intervention\"}\n{\"route\":\"prediction-next-week\",\"via\":"
    "\"process\"}\n{\"route\":\"mastery-query\",\"status\":403}\n"
    "{\"route\":\"mastery-query\",\"status\":404}\n{\"route\":\"mastery-query\",\"status\":401}\n"
    ",\"consent_type\":\"data_processing\",\"granted\":true}\n{\"at\":\"2026-0"
    "1\n12\n3\n4\n5\n6\n7\n8\n9\n10\n0\n1\n2\n"
    "0123456789abcdef0123456789abcdef\n01234567-89ab-4cde-8f01-23456789abcd\n"
    "=\n=\n=\nservice\nservice\nservice\nteacher\nteacher\nadmin\nadmin\nstudent\nstudent\nbatch\n"
    "none\nwrite\nrecomputed\ncalculated\ncalculated\nread\nread\nread\nevent\nevent\nevent\n"
    "recommendations\npredictions\nmastery\nmastery\nmastery\n0\n1\n1\n1\n1\n"
    "{\"route\":\"mastery-explain\"}\n{\"route\":\"mastery-topics\"}\n"
    "{\"route\":\"prediction-next-week\"}\n{\"route\":\"recommendations-adaptive\"}\n"
    "{\"route\":\"mastery-statistics\"}\n{\"route\":\"mastery-history\"}\n"
    "{\"route\":\"mastery-query\"}\n{\"route\":\"mastery-query\"}\n{}\n{}\n{}\n{}\n");

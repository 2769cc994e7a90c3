/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recommendations and learning paths as JSON, in responses, in Redis and in exports. */
#ifndef SERVICE_RECOMMEND_JSON_H
#define SERVICE_RECOMMEND_JSON_H

#include "app/service/recommend.h"

/* Writes the member "recommendations": a list of the chosen items with their ids. */
void recommend_write_items(struct jw *w, const struct recommend *recommend,
                           const struct catalogue *catalogue);
/* Writes the members of a learning path: path_id, then those of recommend_write_path_members. */
void recommend_write_path(struct jw *w, const struct recommend *recommend,
                          const struct catalogue *catalogue);
/* Writes recommendations, estimated_completion, total_time_estimate, priority_areas, expected_score
 * and metadata. Two paths are equal when these members are equal. */
void recommend_write_path_members(struct jw *w, const struct recommend *recommend,
                                  const struct catalogue *catalogue);
/* Writes the components that need work most, as a list of names. */
void recommend_write_areas(struct jw *w, const char *key, const struct learner *learner);
/* Writes a stored recommendation as an element of an array. description is null when the item is no
 * longer in the catalogue. token: the student's token in the ids of recommendations. */
void recommend_write_record(struct jw *w, struct str token,
                            const struct recommendation_record *record,
                            const struct catalogue *catalogue);

/* Writes the member "area": the component, and after a colon the topic if one is known. */
void recommend_write_area(struct jw *w, const struct recommendation *item);

#endif

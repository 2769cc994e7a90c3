// SPDX-License-Identifier: GPL-3.0-or-later
// Lean peer: the two endpoints in Fastify, as its users would write them: one process per core, bodies checked
// by schema, fast-jwt with its cache, ioredis with automatic pipelines. Environment: bench/peers/README.md.
'use strict';

const cluster = require('node:cluster');
const Fastify = require('fastify');
const { Redis } = require('ioredis');
const { createVerifier } = require('fast-jwt');

const { SOCKET, REDIS_SOCKET, REDIS_PASSWORD, JWT_SECRET, KEY_PREFIX, PROCESSES } = process.env;
const WEIGHTS = { completion: 0.4, quiz: 0.3, quality: 0.2, consistency: 0.1 };
const NAMES = Object.keys(WEIGHTS);

const redis = new Redis({
    path: REDIS_SOCKET, password: REDIS_PASSWORD || undefined, lazyConnect: true, enableAutoPipelining: true,
});
const verify = createVerifier({ key: JWT_SECRET, algorithms: ['HS256'], requiredClaims: ['exp'], cache: true });
const refuse = (statusCode, message) => Object.assign(new Error(message), { statusCode });
const rounded = (x) => Math.round(x * 1e12) / 1e12;

async function authenticate(request) {
    try {
        request.caller = verify((request.headers.authorization ?? '').slice(7));
    } catch {
        throw refuse(401, 'the token is not valid');
    }
}

async function authorize({ caller, body }) {
    if (caller.role !== 'admin' && caller.sub !== body.student_id) throw refuse(403, 'not your student');
}

const lastDays = (now) => Array.from({ length: 7 }, (_, i) =>
    new Date(now - (6 - i) * 86400000).toISOString().slice(0, 10).replaceAll('-', ''));

function responseOf(data, days, now) {
    const scores = days.filter((day) => day !== null).map(Number);
    const change = scores.length > 1 ? scores.at(-1) - scores[0] : null;
    return {
        success: true, student_id: data.student_id, mastery_score: data.mastery_score, level: data.level, data,
        historical_average: scores.length ? rounded(scores.reduce((a, b) => a + b) / scores.length) : null,
        trend: change === null ? null : change > 0.02 ? 'improving' : change < -0.02 ? 'declining' : 'stable',
        metadata: { query_time: new Date(now).toISOString(), student_id: data.student_id },
    };
}

async function query({ body }) {
    const now = Date.now();
    const key = `${KEY_PREFIX}student:${body.student_id}`;
    const [stored, days] = await Promise.all([redis.get(key), redis.hmget(`${key}:days`, lastDays(now))]);
    if (stored === null) throw refuse(404, 'no data');
    return responseOf(JSON.parse(stored), days, now);
}

async function calculate({ body: { student_id, components, weights = WEIGHTS } }) {
    const now = Date.now();
    const breakdown = Object.fromEntries(NAMES.map((name) => [name, rounded(components[name] * weights[name])]));
    const weighted_sum = rounded(NAMES.reduce((sum, name) => sum + components[name] * weights[name], 0));
    const score = Math.min(1, weighted_sum);
    const data = {
        student_id, mastery_score: score,
        level: score < 0.4 ? 'novice' : score < 0.6 ? 'developing' : score < 0.8 ? 'proficient' : 'master',
        components, breakdown: { ...breakdown, weighted_sum, weights },
        calculated_at: new Date(now).toISOString(), version: '1.0.0',
    };
    const days = lastDays(now);
    const key = `${KEY_PREFIX}student:${student_id}`;
    const [, , , scores] = await Promise.all([
        redis.set(key, JSON.stringify(data)), redis.hset(`${key}:days`, days[6], score),
        redis.expire(`${key}:days`, 90 * 86400), redis.hmget(`${key}:days`, days),
    ]);
    return responseOf(data, scores, now);
}

const share = { type: 'number', minimum: 0, maximum: 1 };
const shares = { type: 'object', required: NAMES, properties: Object.fromEntries(NAMES.map((name) => [name, share])) };
const studentId = { type: 'string', minLength: 1, maxLength: 128 };
const schemaOf = (properties, required) => ({ body: { type: 'object', required, properties } });

async function serve() {
    const app = Fastify();
    app.decorateRequest('caller', null);
    app.addHook('onRequest', authenticate);
    app.addHook('preHandler', authorize);
    app.post('/api/v1/mastery/query', { schema: schemaOf({ student_id: studentId }, ['student_id']) }, query);
    app.post('/api/v1/mastery/calculate', {
        schema: schemaOf({ student_id: studentId, components: shares, weights: shares }, ['student_id', 'components']),
    }, calculate);
    await redis.connect();
    await app.listen({ path: SOCKET });
}

if (cluster.isPrimary) {
    for (let i = 0; i < Number(PROCESSES); i++) cluster.fork();
    process.on('SIGTERM', () => {
        for (const worker of Object.values(cluster.workers)) worker.process.kill();
        process.exit(0);
    });
} else {
    serve();
}

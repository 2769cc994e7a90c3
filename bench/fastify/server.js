// SPDX-License-Identifier: GPL-3.0-or-later
// The peer in Node.js. It is written for speed: one process per core, schemas compiled by Fastify,
// verified tokens cached by fast-jwt, commands of one tick pipelined by ioredis, and the stored result is
// copied into the response without parsing it.
// Environment: SOCKET, REDIS_SOCKET, REDIS_PASSWORD, JWT_SECRET, KEY_PREFIX, RECORD_SCRIPT (a file),
// PROCESSES.
'use strict';

const cluster = require('node:cluster');
const crypto = require('node:crypto');
const fs = require('node:fs');
const Fastify = require('fastify');
const { Redis } = require('ioredis');
const { createVerifier } = require('fast-jwt');

const { SOCKET, REDIS_SOCKET, REDIS_PASSWORD, JWT_SECRET, KEY_PREFIX, RECORD_SCRIPT, PROCESSES } = process.env;
const DAY_MS = 86400000;
const TREND_DAYS = 7;
const COMPONENTS = ['completion', 'quiz', 'quality', 'consistency'];
const DEFAULT_WEIGHTS = { completion: 0.4, quiz: 0.3, quality: 0.2, consistency: 0.1 };

// --- the store ---

const redis = new Redis({
    path: REDIS_SOCKET, password: REDIS_PASSWORD || undefined, lazyConnect: true, enableAutoPipelining: true,
});
redis.defineCommand('record', { numberOfKeys: 3, lua: fs.readFileSync(RECORD_SCRIPT, 'utf8') });

function shardOf(student) {
    return `${KEY_PREFIX}{${crypto.createHash('sha256').update(student).digest('hex').slice(0, 2)}}`;
}

const dayName = (day) => new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '');

let namedDay = 0;
const dayNames = new Map(); // n -> the names of the last n days, oldest first; computed again on a new day
function lastDays(n, now) {
    const today = Math.floor(now / DAY_MS);
    if (today !== namedDay) {
        dayNames.clear();
        namedDay = today;
    }
    let names = dayNames.get(n);
    if (names === undefined) {
        names = Array.from({ length: n }, (_, i) => dayName(today - n + 1 + i));
        dayNames.set(n, names);
    }
    return names;
}

// --- the model ---

const rounded = (x) => Math.round(x * 1e12) / 1e12;

function levelOf(score) {
    if (score < 0.4) return 'novice';
    if (score < 0.6) return 'developing';
    return score < 0.8 ? 'proficient' : 'master';
}

function masteryOf(student, components, weights, now) {
    const breakdown = {};
    let sum = 0;
    for (const name of COMPONENTS) {
        breakdown[name] = rounded(components[name] * weights[name]);
        sum += components[name] * weights[name];
    }
    breakdown.weighted_sum = rounded(sum);
    breakdown.weights = weights;
    const score = rounded(Math.min(1, sum));
    return {
        student_id: student, mastery_score: score, level: levelOf(score), components, breakdown,
        evidence: { completion: 5, quiz: 5, quality: 5, consistency: 5 },
        calculated_at: new Date(now).toISOString(), version: '1.0.0',
    };
}

function scoresOf(days) {
    const scores = [];
    for (const day of days) {
        if (day !== null) scores.push(JSON.parse(day).mastery_score);
    }
    return scores;
}

function seriesOf(scores) {
    if (scores.length === 0) return { average: null, trend: null };
    const average = rounded(scores.reduce((a, b) => a + b) / scores.length);
    if (scores.length < 2) return { average, trend: null };
    const change = scores[scores.length - 1] - scores[0];
    return { average, trend: change > 0.02 ? 'improving' : change < -0.02 ? 'declining' : 'stable' };
}

// --- responses ---

const fail = (status, code, message) => Object.assign(new Error(message), { statusCode: status, code });

function responseBody(request, reply, student, result, state, scores, now) {
    const [, score, level] = state.split(' ');
    const series = seriesOf(scores);
    reply.header('Cache-Control', 'no-store');
    reply.type('application/json');
    return `{"success":true,"student_id":"${student}","mastery_score":${score},"level":"${level}",` +
        `"data":${result},"historical_average":${series.average},` +
        `"trend":${series.trend === null ? null : `"${series.trend}"`},` +
        `"metadata":{"correlation_id":"${request.headers['x-request-id']}",` +
        `"query_time":"${new Date(now).toISOString()}","student_id":"${student}"}}`;
}

// Reads the profile and the days of the window in one round trip.
function read(key, window, now) {
    return Promise.all([
        redis.hmget(key, 'm', 's'),
        redis.mget(lastDays(window, now).map((day) => `${key}:day:${day}`)),
    ]);
}

async function query(request, reply) {
    const { student_id: student, days_history: window } = request.body;
    const now = Date.now();
    requireAccess(request.principal, student);
    const key = `${shardOf(student)}:student:${student}`;
    const [[result, state], days] = await read(key, window, now);
    if (result === null) throw fail(404, 'NOT_FOUND', 'no data for this student');
    reply.header('X-Cache', 'HIT');
    return responseBody(request, reply, student, result, state, scoresOf(days), now);
}

function journalEntry(request, mastery, before, now) {
    return JSON.stringify({
        kind: 'calculated', student_id: mastery.student_id, actor: request.principal.sub, at: now,
        mastery_score: mastery.mastery_score, level: mastery.level,
        level_before: before === null ? null : before.split(' ')[2],
        correlation_id: request.headers['x-request-id'],
    });
}

async function calculate(request, reply) {
    const { student_id: student, components, weights = DEFAULT_WEIGHTS } = request.body;
    const now = Date.now();
    requireAccess(request.principal, student);
    if (Math.abs(COMPONENTS.reduce((sum, name) => sum + weights[name], 0) - 1) > 0.001) {
        throw fail(400, 'VALIDATION_ERROR', 'weights must sum to 1');
    }
    const shard = shardOf(student);
    const key = `${shard}:student:${student}`;
    const mastery = masteryOf(student, components, weights, now);
    const result = JSON.stringify(mastery);
    const day = `{"mastery_score":${mastery.mastery_score},"level":"${mastery.level}",` +
        `"components":${JSON.stringify(components)},"sample_size":1}`;
    for (let attempt = 0; attempt < 10; attempt++) {
        const [[, before], days] = await read(key, TREND_DAYS, now);
        const revision = before === null ? 1 : parseInt(before, 10) + 1;
        const state = `${revision} ${mastery.mastery_score} ${mastery.level}`;
        const written = await redis.record(key, `${key}:day:${lastDays(1, now)[0]}`, `${shard}:journal`,
            before ?? '', result, state, day, journalEntry(request, mastery, before, now));
        if (written === 1) {
            const scores = scoresOf(days.slice(0, -1));
            scores.push(mastery.mastery_score);
            return responseBody(request, reply, student, result, state, scores, now);
        }
    }
    throw fail(503, 'SERVICE_UNAVAILABLE', 'too many writes to this student');
}

// --- requests ---

const verify = createVerifier({
    key: JWT_SECRET, algorithms: ['HS256'], requiredClaims: ['sub', 'role', 'exp'],
    cache: 4096, cacheTTL: 60000, cacheKeyBuilder: (token) => token,
});

function authenticate(request, reply, done) {
    const header = request.headers.authorization;
    if (header === undefined || !header.startsWith('Bearer ')) {
        return done(fail(401, 'AUTH_ERROR', 'a bearer token is required'));
    }
    try {
        request.principal = verify(header.slice(7));
    } catch {
        return done(fail(401, 'AUTH_ERROR', 'the token is not valid'));
    }
    done();
}

function requireAccess({ role, sub }, student) {
    if (role !== 'admin' && !(role === 'student' && sub === student)) {
        throw fail(403, 'FORBIDDEN', 'not your student');
    }
}

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
function trace(request, reply, done) {
    const random = crypto.randomBytes(24).toString('hex');
    const parent = TRACEPARENT.exec(request.headers.traceparent);
    const id = parent === null ? random.slice(0, 32) : parent[1];
    const traceparent = `00-${id}-${random.slice(32)}-02`;
    reply.header('X-Trace-ID', id);
    reply.header('traceparent', traceparent);
    reply.header('Server-Timing', `trace;desc=${traceparent}`);
    done();
}

function refuse(error, request, reply) {
    const status = error.statusCode ?? 500;
    const code = error.validation ? 'VALIDATION_ERROR' : status < 500 || error.statusCode ? error.code : 'INTERNAL_ERROR';
    const details = error.validation
        ? { errors: error.validation.map((v) => ({ field: v.instancePath.slice(1), message: v.message })) } : {};
    reply.code(status).send({
        success: false, error: { code, message: status === 500 ? 'internal error' : error.message, details },
        correlation_id: request.headers['x-request-id'],
    });
}

const share = { type: 'number', minimum: 0, maximum: 1 };
const shares = {
    type: 'object', required: COMPONENTS, properties: Object.fromEntries(COMPONENTS.map((name) => [name, share])),
};
const studentId = { type: 'string', pattern: '^[A-Za-z0-9_-][A-Za-z0-9._~@:|+=-]{0,127}$' };
const queryBody = {
    type: 'object', required: ['student_id'],
    properties: {
        student_id: studentId, include_components: { type: 'boolean', default: true },
        include_history: { type: 'boolean', default: false },
        days_history: { type: 'integer', minimum: 1, maximum: 90, default: TREND_DAYS },
    },
};
const calculateBody = {
    type: 'object', required: ['student_id', 'components'],
    properties: { student_id: studentId, components: shares, weights: shares },
};

function serve() {
    const app = Fastify({
        logger: false, // nginx writes the access log
        ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true } },
    });
    app.decorateRequest('principal', null);
    app.addHook('onRequest', trace);
    app.addHook('onRequest', authenticate);
    app.setErrorHandler(refuse);
    app.post('/api/v1/mastery/query', { schema: { body: queryBody } }, query);
    app.post('/api/v1/mastery/calculate', { schema: { body: calculateBody } }, calculate);
    return redis.connect().then(() => app.listen({ path: SOCKET }));
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

<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// Lean peer: the two endpoints in PHP-FPM, as its users would write them: persistent connection to Redis,
// opcache. Environment: bench/peers/README.md.
declare(strict_types=1);

const WEIGHTS = ['completion' => 0.4, 'quiz' => 0.3, 'quality' => 0.2, 'consistency' => 0.1];

function respond(int $status, array $body): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    exit(json_encode($body));
}

function refuse(int $status, string $message): never
{
    respond($status, ['success' => false, 'error' => ['message' => $message]]);
}

function decoded(string $text): string
{
    return (string) base64_decode(strtr($text, '-_', '+/'), true);
}

function caller(): array
{
    $parts = explode('.', substr($_SERVER['HTTP_AUTHORIZATION'] ?? '', 7));
    if (count($parts) !== 3) refuse(401, 'a bearer token is required');
    [$header, $payload, $signature] = $parts;
    $mac = hash_hmac('sha256', "$header.$payload", getenv('JWT_SECRET'), true);
    $claims = json_decode(decoded($payload), true);
    if ((json_decode(decoded($header), true)['alg'] ?? '') !== 'HS256' || !hash_equals($mac, decoded($signature))
        || ($claims['exp'] ?? 0) <= time()) {
        refuse(401, 'the token is not valid');
    }
    return $claims;
}

function store(): Redis
{
    $redis = new Redis();
    $redis->pconnect(getenv('REDIS_SOCKET'));
    if (getenv('REDIS_PASSWORD')) $redis->auth(getenv('REDIS_PASSWORD'));
    return $redis;
}

function lastDays(int $now): array
{
    return array_map(fn($i) => gmdate('Ymd', $now - (6 - $i) * 86400), range(0, 6));
}

function timestamp(float $now): string
{
    return gmdate('Y-m-d\TH:i:s', (int) $now) . sprintf('.%03dZ', fmod($now, 1) * 1000);
}

function responseOf(array $data, array $days, float $now): array
{
    $scores = array_map('floatval', array_values(array_filter($days, fn($day) => $day !== false)));
    $change = count($scores) > 1 ? end($scores) - $scores[0] : null;
    return [
        'success' => true, 'student_id' => $data['student_id'], 'mastery_score' => $data['mastery_score'],
        'level' => $data['level'], 'data' => $data,
        'historical_average' => $scores ? round(array_sum($scores) / count($scores), 12) : null,
        'trend' => $change === null ? null : ($change > 0.02 ? 'improving' : ($change < -0.02 ? 'declining' : 'stable')),
        'metadata' => ['query_time' => timestamp($now), 'student_id' => $data['student_id']],
    ];
}

function query(string $student, string $key, float $now): never
{
    [$stored, $days] = store()->pipeline()->get($key)->hMGet("$key:days", lastDays((int) $now))->exec();
    if ($stored === false) refuse(404, 'no data');
    respond(200, responseOf(json_decode($stored, true), $days, $now));
}

function calculate(string $student, string $key, float $now, array $body): never
{
    $weights = $body['weights'] ?? WEIGHTS;
    $breakdown = [];
    $sum = 0;
    foreach (WEIGHTS as $name => $_) {
        $x = $body['components'][$name] ?? null;
        if ((!is_float($x) && !is_int($x)) || $x < 0 || $x > 1) refuse(400, "$name must be in [0,1]");
        $breakdown[$name] = round($x * $weights[$name], 12);
        $sum += $x * $weights[$name];
    }
    $breakdown += ['weighted_sum' => round($sum, 12), 'weights' => $weights];
    $score = min(1, round($sum, 12));
    $data = [
        'student_id' => $student, 'mastery_score' => $score,
        'level' => $score < 0.4 ? 'novice' : ($score < 0.6 ? 'developing' : ($score < 0.8 ? 'proficient' : 'master')),
        'components' => $body['components'], 'breakdown' => $breakdown, 'calculated_at' => timestamp($now),
        'version' => '1.0.0',
    ];
    $days = lastDays((int) $now);
    $replies = store()->pipeline()->set($key, json_encode($data))->hSet("$key:days", $days[6], (string) $score)
        ->expire("$key:days", 90 * 86400)->hMGet("$key:days", $days)->exec();
    respond(200, responseOf($data, $replies[3], $now));
}

$claims = caller();
$body = json_decode(file_get_contents('php://input'), true);
$student = $body['student_id'] ?? null;
if (!is_string($student)) refuse(400, 'student_id is required');
if ($claims['role'] !== 'admin' && $claims['sub'] !== $student) refuse(403, 'not your student');
$key = getenv('KEY_PREFIX') . "student:$student";
match ($_SERVER['DOCUMENT_URI']) {
    '/api/v1/mastery/query' => query($student, $key, microtime(true)),
    '/api/v1/mastery/calculate' => calculate($student, $key, microtime(true), $body),
    default => refuse(404, 'no such path'),
};

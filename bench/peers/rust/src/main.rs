// SPDX-License-Identifier: GPL-3.0-or-later
//! Lean peer: the two endpoints in Rust with axum, jsonwebtoken and redis-rs (one multiplexed connection), as
//! their users would write them. Environment: bench/peers/README.md.

use std::env;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{header::AUTHORIZATION, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, Days, SecondsFormat, Utc};
use jsonwebtoken::{decode, Algorithm, DecodingKey, Validation};
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use serde_json::json;

struct App {
    redis: MultiplexedConnection,
    key: DecodingKey,
    validation: Validation,
    prefix: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Shares {
    completion: f64,
    quiz: f64,
    quality: f64,
    consistency: f64,
}

impl Shares {
    fn map(self, f: impl Fn(f64) -> f64) -> Shares {
        Shares {
            completion: f(self.completion),
            quiz: f(self.quiz),
            quality: f(self.quality),
            consistency: f(self.consistency),
        }
    }

    fn times(self, by: Shares) -> Shares {
        Shares {
            completion: self.completion * by.completion,
            quiz: self.quiz * by.quiz,
            quality: self.quality * by.quality,
            consistency: self.consistency * by.consistency,
        }
    }

    fn array(self) -> [f64; 4] {
        [self.completion, self.quiz, self.quality, self.consistency]
    }
}

const WEIGHTS: Shares = Shares { completion: 0.4, quiz: 0.3, quality: 0.2, consistency: 0.1 };

#[derive(Deserialize)]
struct Query {
    student_id: String,
}

#[derive(Deserialize)]
struct Calculate {
    student_id: String,
    components: Shares,
    weights: Option<Shares>,
}

#[derive(Serialize, Deserialize)]
struct Breakdown {
    #[serde(flatten)]
    parts: Shares,
    weighted_sum: f64,
    weights: Shares,
}

#[derive(Serialize, Deserialize)]
struct Mastery {
    student_id: String,
    mastery_score: f64,
    level: String,
    components: Shares,
    breakdown: Breakdown,
    calculated_at: String,
    version: String,
}

#[derive(Serialize)]
struct Metadata<'a> {
    query_time: String,
    student_id: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    success: bool,
    student_id: &'a str,
    mastery_score: f64,
    level: &'a str,
    data: &'a Mastery,
    historical_average: Option<f64>,
    trend: Option<&'static str>,
    metadata: Metadata<'a>,
}

struct Refusal(StatusCode, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"success": false, "error": {"message": self.1}}))).into_response()
    }
}

impl From<redis::RedisError> for Refusal {
    fn from(_: redis::RedisError) -> Self {
        Refusal(StatusCode::SERVICE_UNAVAILABLE, "the store is unavailable")
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    role: String,
}

impl Claims {
    fn authorize(&self, student: &str) -> Result<(), Refusal> {
        if self.role == "admin" || self.sub == student {
            return Ok(());
        }
        Err(Refusal(StatusCode::FORBIDDEN, "not your student"))
    }
}

impl FromRequestParts<Arc<App>> for Claims {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .and_then(|token| decode::<Claims>(token, &app.key, &app.validation).ok())
            .map(|token| token.claims)
            .ok_or(Refusal(StatusCode::UNAUTHORIZED, "the token is not valid"))
    }
}

fn rounded(x: f64) -> f64 {
    (x * 1e12).round() / 1e12
}

fn level_of(score: f64) -> &'static str {
    match score {
        s if s < 0.4 => "novice",
        s if s < 0.6 => "developing",
        s if s < 0.8 => "proficient",
        _ => "master",
    }
}

fn last_days(now: DateTime<Utc>) -> Vec<String> {
    (0..7).map(|i| (now - Days::new(6 - i)).format("%Y%m%d").to_string()).collect()
}

fn timestamp(now: DateTime<Utc>) -> String {
    now.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn respond(data: &Mastery, days: Vec<Option<f64>>, now: DateTime<Utc>) -> Response {
    let scores: Vec<f64> = days.into_iter().flatten().collect();
    let trend = match scores.as_slice() {
        [first, .., last] if last - first > 0.02 => Some("improving"),
        [first, .., last] if last - first < -0.02 => Some("declining"),
        [_, .., _] => Some("stable"),
        _ => None,
    };
    let average = rounded(scores.iter().sum::<f64>() / scores.len() as f64);
    Json(Answer {
        success: true,
        student_id: &data.student_id,
        mastery_score: data.mastery_score,
        level: &data.level,
        data,
        historical_average: (!scores.is_empty()).then_some(average),
        trend,
        metadata: Metadata { query_time: timestamp(now), student_id: &data.student_id },
    })
    .into_response()
}

async fn query(
    State(app): State<Arc<App>>,
    claims: Claims,
    Json(body): Json<Query>,
) -> Result<Response, Refusal> {
    claims.authorize(&body.student_id)?;
    let now = Utc::now();
    let key = format!("{}student:{}", app.prefix, body.student_id);
    let (stored, days): (Option<String>, Vec<Option<f64>>) = redis::pipe()
        .get(&key)
        .hmget(format!("{key}:days"), last_days(now))
        .query_async(&mut app.redis.clone())
        .await?;
    let stored = stored.ok_or(Refusal(StatusCode::NOT_FOUND, "no data"))?;
    let data: Mastery = serde_json::from_str(&stored)
        .map_err(|_| Refusal(StatusCode::INTERNAL_SERVER_ERROR, "the stored data is damaged"))?;
    Ok(respond(&data, days, now))
}

async fn calculate(
    State(app): State<Arc<App>>,
    claims: Claims,
    Json(body): Json<Calculate>,
) -> Result<Response, Refusal> {
    claims.authorize(&body.student_id)?;
    if !body.components.array().iter().all(|x| (0.0..=1.0).contains(x)) {
        return Err(Refusal(StatusCode::BAD_REQUEST, "components must be in [0,1]"));
    }
    let now = Utc::now();
    let weights = body.weights.unwrap_or(WEIGHTS);
    let parts = body.components.times(weights);
    let weighted_sum = rounded(parts.array().iter().sum());
    let score = weighted_sum.min(1.0);
    let key = format!("{}student:{}", app.prefix, body.student_id);
    let data = Mastery {
        student_id: body.student_id,
        mastery_score: score,
        level: level_of(score).to_string(),
        components: body.components,
        breakdown: Breakdown { parts: parts.map(rounded), weighted_sum, weights },
        calculated_at: timestamp(now),
        version: "1.0.0".to_string(),
    };
    let text = serde_json::to_string(&data).expect("numbers and texts");
    let (days_key, days) = (format!("{key}:days"), last_days(now));
    let (scores,): (Vec<Option<f64>>,) = redis::pipe()
        .set(&key, text)
        .ignore()
        .hset(&days_key, &days[6], score)
        .ignore()
        .expire(&days_key, 90 * 86400)
        .ignore()
        .hmget(&days_key, &days)
        .query_async(&mut app.redis.clone())
        .await?;
    Ok(respond(&data, scores, now))
}

#[tokio::main]
async fn main() {
    let setting = |name| env::var(name).unwrap_or_default();
    let url =
        format!("redis+unix://{}?pass={}", setting("REDIS_SOCKET"), setting("REDIS_PASSWORD"));
    let url = url.trim_end_matches("?pass=");
    let client = redis::Client::open(url).expect("REDIS_SOCKET");
    let app = Arc::new(App {
        redis: client.get_multiplexed_async_connection().await.expect("Redis"),
        key: DecodingKey::from_secret(setting("JWT_SECRET").as_bytes()).expect("JWT_SECRET"),
        validation: Validation::new(Algorithm::HS256),
        prefix: setting("KEY_PREFIX"),
    });
    let router = Router::new()
        .route("/api/v1/mastery/query", post(query))
        .route("/api/v1/mastery/calculate", post(calculate))
        .with_state(app);
    let listener = tokio::net::UnixListener::bind(setting("SOCKET")).expect("SOCKET");
    axum::serve(listener, router).await.expect("serve");
}

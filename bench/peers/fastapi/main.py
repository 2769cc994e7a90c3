# SPDX-License-Identifier: GPL-3.0-or-later
"""Lean peer: the two endpoints in FastAPI, as its users would write them. Environment: bench/peers/README.md."""

import json
import os
from datetime import datetime, timedelta, timezone
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from redis.asyncio import Redis

PREFIX = os.environ["KEY_PREFIX"]
SECRET = os.environ["JWT_SECRET"]
Share = Annotated[float, Field(ge=0, le=1)]

app = FastAPI()
redis = Redis(unix_socket_path=os.environ["REDIS_SOCKET"], password=os.environ["REDIS_PASSWORD"] or None,
              decode_responses=True)
bearer = HTTPBearer()


class Shares(BaseModel):
    completion: Share
    quiz: Share
    quality: Share
    consistency: Share


class Query(BaseModel):
    student_id: str = Field(min_length=1, max_length=128)


class Calculate(Query):
    components: Shares
    weights: Shares = Shares(completion=0.4, quiz=0.3, quality=0.2, consistency=0.1)


async def caller(credentials=Depends(bearer)):
    try:
        return jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"], options={"require": ["exp"]})
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "the token is not valid") from error


def authorize(claims, student):
    if claims["role"] != "admin" and claims["sub"] != student:
        raise HTTPException(403, "not your student")


def timestamp(now):
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def last_days(now):
    return [(now - timedelta(days=6 - i)).strftime("%Y%m%d") for i in range(7)]


def level_of(score):
    return "novice" if score < 0.4 else "developing" if score < 0.6 else "proficient" if score < 0.8 else "master"


def response_of(data, days, now):
    scores = [float(day) for day in days if day is not None]
    change = scores[-1] - scores[0] if len(scores) > 1 else None
    return {
        "success": True, "student_id": data["student_id"], "mastery_score": data["mastery_score"],
        "level": data["level"], "data": data,
        "historical_average": round(sum(scores) / len(scores), 12) if scores else None,
        "trend": None if change is None else
                 "improving" if change > 0.02 else "declining" if change < -0.02 else "stable",
        "metadata": {"query_time": timestamp(now), "student_id": data["student_id"]},
    }


@app.post("/api/v1/mastery/query")
async def query(body: Query, claims=Depends(caller)):
    authorize(claims, body.student_id)
    now = datetime.now(timezone.utc)
    key = f"{PREFIX}student:{body.student_id}"
    async with redis.pipeline(transaction=False) as pipeline:
        stored, days = await pipeline.get(key).hmget(f"{key}:days", last_days(now)).execute()
    if stored is None:
        raise HTTPException(404, "no data")
    return response_of(json.loads(stored), days, now)


@app.post("/api/v1/mastery/calculate")
async def calculate(body: Calculate, claims=Depends(caller)):
    authorize(claims, body.student_id)
    now = datetime.now(timezone.utc)
    components, weights = body.components.model_dump(), body.weights.model_dump()
    parts = {name: components[name] * weights[name] for name in weights}
    weighted_sum = round(sum(parts.values()), 12)
    score = min(1, weighted_sum)
    data = {
        "student_id": body.student_id, "mastery_score": score, "level": level_of(score), "components": components,
        "breakdown": {**{name: round(x, 12) for name, x in parts.items()}, "weighted_sum": weighted_sum,
                      "weights": weights},
        "calculated_at": timestamp(now), "version": "1.0.0",
    }
    days, key = last_days(now), f"{PREFIX}student:{body.student_id}"
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.set(key, json.dumps(data)).hset(f"{key}:days", days[-1], score)
        pipeline.expire(f"{key}:days", 90 * 86400).hmget(f"{key}:days", days)
        *_, scores = await pipeline.execute()
    return response_of(data, scores, now)

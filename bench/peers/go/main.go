// SPDX-License-Identifier: GPL-3.0-or-later

// Lean peer: the two endpoints in Go with chi, golang-jwt and rueidis (which pipelines commands of concurrent
// requests), as their users would write them. Environment: bench/peers/README.md.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/golang-jwt/jwt/v5"
	"github.com/redis/rueidis"
)

type shares struct {
	Completion  float64 `json:"completion"`
	Quiz        float64 `json:"quiz"`
	Quality     float64 `json:"quality"`
	Consistency float64 `json:"consistency"`
}

type request struct {
	StudentID  string  `json:"student_id"`
	Components *shares `json:"components"`
	Weights    *shares `json:"weights"`
}

type breakdown struct {
	shares
	WeightedSum float64 `json:"weighted_sum"`
	Weights     shares  `json:"weights"`
}

type mastery struct {
	StudentID    string    `json:"student_id"`
	Score        float64   `json:"mastery_score"`
	Level        string    `json:"level"`
	Components   shares    `json:"components"`
	Breakdown    breakdown `json:"breakdown"`
	CalculatedAt string    `json:"calculated_at"`
	Version      string    `json:"version"`
}

type metadata struct {
	QueryTime string `json:"query_time"`
	StudentID string `json:"student_id"`
}

type response struct {
	Success   bool     `json:"success"`
	StudentID string   `json:"student_id"`
	Score     float64  `json:"mastery_score"`
	Level     string   `json:"level"`
	Data      *mastery `json:"data"`
	Average   *float64 `json:"historical_average"`
	Trend     *string  `json:"trend"`
	Metadata  metadata `json:"metadata"`
}

type claims struct {
	Role string `json:"role"`
	jwt.RegisteredClaims
}

var (
	secret  = []byte(os.Getenv("JWT_SECRET"))
	prefix  = os.Getenv("KEY_PREFIX")
	parser  = jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	store   rueidis.Client
	weights = shares{0.4, 0.3, 0.2, 0.1}
)

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	respond(w, status, map[string]any{"success": false, "error": map[string]string{"message": message}})
}

type handler func(w http.ResponseWriter, r *http.Request, in *request, key string, now time.Time)

// Verifies the token, reads the body and checks the access right before it calls the handler.
func authorized(next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var caller claims
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, err := parser.ParseWithClaims(token, &caller, func(*jwt.Token) (any, error) { return secret, nil }); err != nil {
			refuse(w, http.StatusUnauthorized, "the token is not valid")
			return
		}
		var in request
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.StudentID == "" {
			refuse(w, http.StatusBadRequest, "student_id is required")
			return
		}
		if caller.Role != "admin" && caller.Subject != in.StudentID {
			refuse(w, http.StatusForbidden, "not your student")
			return
		}
		next(w, r, &in, prefix+"student:"+in.StudentID, time.Now().UTC())
	}
}

func lastDays(now time.Time) []string {
	days := make([]string, 7)
	for i := range days {
		days[i] = now.AddDate(0, 0, i-6).Format("20060102")
	}
	return days
}

func timestamp(now time.Time) string { return now.Format("2006-01-02T15:04:05.000Z") }

func rounded(x float64) float64 { return math.Round(x*1e12) / 1e12 }

func levelOf(score float64) string {
	switch {
	case score < 0.4:
		return "novice"
	case score < 0.6:
		return "developing"
	case score < 0.8:
		return "proficient"
	}
	return "master"
}

func responseOf(data *mastery, days []rueidis.RedisMessage, now time.Time) *response {
	out := &response{Success: true, StudentID: data.StudentID, Score: data.Score, Level: data.Level, Data: data,
		Metadata: metadata{timestamp(now), data.StudentID}}
	var scores []float64
	sum := 0.0
	for _, day := range days {
		if score, err := day.AsFloat64(); err == nil {
			scores = append(scores, score)
			sum += score
		}
	}
	if len(scores) > 0 {
		average := rounded(sum / float64(len(scores)))
		out.Average = &average
	}
	if len(scores) > 1 {
		trend := "stable"
		if change := scores[len(scores)-1] - scores[0]; change > 0.02 {
			trend = "improving"
		} else if change < -0.02 {
			trend = "declining"
		}
		out.Trend = &trend
	}
	return out
}

func query(w http.ResponseWriter, r *http.Request, in *request, key string, now time.Time) {
	replies := store.DoMulti(r.Context(), store.B().Get().Key(key).Build(),
		store.B().Hmget().Key(key+":days").Field(lastDays(now)...).Build())
	var data mastery
	if err := replies[0].DecodeJSON(&data); rueidis.IsRedisNil(err) {
		refuse(w, http.StatusNotFound, "no data")
		return
	} else if err != nil {
		refuse(w, http.StatusServiceUnavailable, "the store is unavailable")
		return
	}
	days, _ := replies[1].ToArray()
	respond(w, http.StatusOK, responseOf(&data, days, now))
}

func isShare(x float64) bool { return x >= 0 && x <= 1 }

func calculate(w http.ResponseWriter, r *http.Request, in *request, key string, now time.Time) {
	c, by := in.Components, in.Weights
	if by == nil {
		by = &weights
	}
	if c == nil || !isShare(c.Completion) || !isShare(c.Quiz) || !isShare(c.Quality) || !isShare(c.Consistency) {
		refuse(w, http.StatusBadRequest, "components must be in [0,1]")
		return
	}
	parts := shares{c.Completion * by.Completion, c.Quiz * by.Quiz, c.Quality * by.Quality, c.Consistency * by.Consistency}
	sum := rounded(parts.Completion + parts.Quiz + parts.Quality + parts.Consistency)
	parts = shares{rounded(parts.Completion), rounded(parts.Quiz), rounded(parts.Quality), rounded(parts.Consistency)}
	score := math.Min(1, sum)
	data := &mastery{in.StudentID, score, levelOf(score), *c, breakdown{parts, sum, *by}, timestamp(now), "1.0.0"}
	text, _ := json.Marshal(data)
	days := lastDays(now)
	replies := store.DoMulti(r.Context(), store.B().Set().Key(key).Value(string(text)).Build(),
		store.B().Hset().Key(key+":days").FieldValue().FieldValue(days[6], strconv.FormatFloat(score, 'f', -1, 64)).Build(),
		store.B().Expire().Key(key+":days").Seconds(90*86400).Build(),
		store.B().Hmget().Key(key+":days").Field(days...).Build())
	scores, err := replies[3].ToArray()
	if err = errors.Join(err, replies[0].Error(), replies[1].Error()); err != nil {
		refuse(w, http.StatusServiceUnavailable, "the store is unavailable")
		return
	}
	respond(w, http.StatusOK, responseOf(data, scores, now))
}

func main() {
	var err error
	store, err = rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{os.Getenv("REDIS_SOCKET")}, Password: os.Getenv("REDIS_PASSWORD"), DisableCache: true,
		DialCtxFn: func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		},
		ForceSingleClient: true, AlwaysPipelining: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.Post("/api/v1/mastery/query", authorized(query))
	router.Post("/api/v1/mastery/calculate", authorized(calculate))
	listener, err := net.Listen("unix", os.Getenv("SOCKET"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, router))
}

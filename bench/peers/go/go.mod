module mastery-bench-lean-go

go 1.26.8

require (
	github.com/go-chi/chi/v5 v5.5.0
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/redis/rueidis v1.0.79
)

require golang.org/x/sys v0.47.0 // indirect

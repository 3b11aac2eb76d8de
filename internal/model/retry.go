package model

import (
	"context"
	"time"
)

// Retry asks again when a provider failed in a way that may pass, as long as
// nothing of the reply has been handed out.
type Retry struct {
	Provider Provider
	// Attempts in all; 0 means DefaultAttempts, 1 never asks again.
	Attempts int
	// Base is the first wait, doubled each time up to Max.
	Base, Max time.Duration
	// Sleep waits or returns early with the context's error. Required.
	Sleep func(ctx context.Context, d time.Duration) error
	// Rand returns a number in [0, 1) for the jitter. Required.
	Rand func() float64
	// Again is asked before each further attempt, so that a budget can end it;
	// its error ends the stream. May be nil.
	Again func(attempt int, last *Error, wait time.Duration) error
}

// Candidate is one provider with the model to ask it for; an empty Model keeps
// the request's.
type Candidate struct {
	Provider Provider
	Model    string
}

// Fallback asks the first candidate and, when it fails in a way that may pass,
// the next. It never goes on once anything of a reply has been handed out.
// Stopped events say in Source who answered.
type Fallback struct {
	Candidates []Candidate
	// Allow decides whether a request may go to another candidate than the
	// first. With a nil Allow only candidates that go nowhere the first does
	// not go are asked.
	Allow func(ctx context.Context, req Request, to []Destination) error
	// Note is told of each change. May be nil.
	Note func(from Candidate, because *Error, to Candidate)
}

// Catalog is a list of models.
type Catalog []Spec

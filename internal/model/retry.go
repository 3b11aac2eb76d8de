package model

import (
	"context"
	"errors"
	"time"
)

// Defaults of Retry. MaxRetryAfter bounds what a provider may make us wait.
const (
	DefaultAttempts = 4
	DefaultBase     = 500 * time.Millisecond
	DefaultMaxWait  = 20 * time.Second
	MaxRetryAfter   = time.Minute
)

// Retry asks again when a provider failed in a way that may pass, as long as
// nothing of the reply has been handed out. Request.Timeout holds for each
// attempt, the context for all of them.
type Retry struct {
	Provider Provider
	// Attempts in all; 0 means DefaultAttempts, 1 never asks again.
	Attempts int
	// Base is the first wait, doubled each time up to Max.
	Base, Max time.Duration
	// Sleep waits, or returns early with the context's error. Without one
	// nothing is retried.
	Sleep func(ctx context.Context, d time.Duration) error
	// Rand returns a number in [0, 1) for the jitter; without one the waits
	// have none.
	Rand func() float64
	// Again is asked before each further attempt, so that a budget can end it;
	// its error ends the stream with the last provider's error. May be nil.
	Again func(attempt int, last *Error, wait time.Duration) error
}

var _ Provider = Retry{}

// Destinations are the provider's.
func (r Retry) Destinations() []Destination { return r.Provider.Destinations() }

// Stream asks until there is output, the attempts are used up, or the error is
// one that stays.
func (r Retry) Stream(ctx context.Context, req Request) Stream {
	return func(yield func(Event, error) bool) {
		attempts := or(r.Attempts, DefaultAttempts)
		for n := 1; ; n++ {
			failed := passOn(r.Provider.Stream(ctx, req), yield)
			if failed == nil {
				return
			}
			if n >= attempts || r.Sleep == nil || !failed.Retryable() || failed.RetryAfter > MaxRetryAfter || ctx.Err() != nil {
				yield(Event{}, failed)
				return
			}
			wait := r.wait(n, failed)
			if r.Again != nil && r.Again(n+1, failed, wait) != nil {
				yield(Event{}, failed)
				return
			}
			if err := r.Sleep(ctx, wait); err != nil {
				out := fromCause(ctx, err)
				out.Provider = failed.Provider
				yield(Event{}, out)
				return
			}
		}
	}
}

// wait is the time before attempt n+1: what the provider asks for, else
// between half and all of the doubled base.
func (r Retry) wait(n int, failed *Error) time.Duration {
	if failed.RetryAfter > 0 {
		return failed.RetryAfter
	}
	base, most := or(r.Base, DefaultBase), or(r.Max, DefaultMaxWait)
	d := min(base, most)
	for i := 1; i < n && d < most; i++ {
		if d > most/2 {
			d = most
		} else {
			d *= 2
		}
	}
	if r.Rand != nil {
		d = d/2 + time.Duration(r.Rand()*float64(d)/2)
	}
	return d
}

// passOn hands a stream through. It returns an error only when the stream
// failed before any output; then nothing has been handed out, reports of usage
// included.
func passOn(stream Stream, yield func(Event, error) bool) *Error {
	var held []Event
	begun := false
	for ev, err := range stream {
		if err != nil {
			e := asError(err)
			if !begun {
				return e
			}
			yield(Event{}, e)
			return nil
		}
		if !begun && !ev.Kind.Output() {
			held = append(held, ev)
			continue
		}
		if !begun {
			begun = true
			for _, h := range held {
				if !yield(h, nil) {
					return nil
				}
			}
		}
		if !yield(ev, nil) {
			return nil
		}
	}
	if !begun {
		return &Error{Kind: KindServer, Message: "reply was empty"}
	}
	return nil
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: KindInvalid, Message: Line(err.Error())}
}

// Candidate is one provider with the model to ask it for; an empty Model keeps
// the request's.
type Candidate struct {
	Provider Provider
	Model    string
}

// Fallback asks the first candidate and, when it fails in a way that may pass
// (a used-up quota counts, a refusal does not) or is forbidden, the next. It never goes on once anything of a reply has been handed out.
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

var _ Provider = Fallback{}

// NewFallback lists the primary and the others; see Fallback for Allow.
func NewFallback(primary Candidate, others ...Candidate) Fallback {
	return Fallback{Candidates: append([]Candidate{primary}, others...)}
}

// Destinations are those of all candidates that may be asked without a further
// decision: the first's, and with Allow set still only the first's, because
// Allow decides about the others when their turn comes.
func (f Fallback) Destinations() []Destination {
	if len(f.Candidates) == 0 {
		return nil
	}
	return f.Candidates[0].Provider.Destinations()
}

// Stream asks the candidates in order.
func (f Fallback) Stream(ctx context.Context, req Request) Stream {
	return func(yield func(Event, error) bool) {
		last := Invalidf("no model is configured")
		var from Candidate
		for i, c := range f.Candidates {
			if i > 0 && !f.may(ctx, req, c) {
				continue
			}
			if i > 0 && f.Note != nil {
				f.Note(from, last, c)
			}
			ask := req
			if c.Model != "" {
				ask.Model = c.Model
			}
			failed := passOn(c.Provider.Stream(ctx, ask), yield)
			if failed == nil {
				return
			}
			from, last = c, failed
			next := failed.Kind.Retryable() || failed.Kind == KindForbidden
			if !next || ctx.Err() != nil {
				break
			}
		}
		yield(Event{}, last)
	}
}

func (f Fallback) may(ctx context.Context, req Request, c Candidate) bool {
	to := c.Provider.Destinations()
	if f.Allow != nil {
		return f.Allow(ctx, req, to) == nil
	}
	known := map[Destination]bool{}
	for _, d := range f.Destinations() {
		known[d] = true
	}
	for _, d := range to {
		if !known[d] {
			return false
		}
	}
	return true
}
